"""The connections to one mail server: opened in the background when there is something to carry, and capped.

Opening may take minutes, so it has threads of its own; everything else happens in the thread that polls. A
connection that has carried its share, or that nobody needs, says QUIT while the others go on. When the
server cannot be reached it is asked again after a pause that doubles up to a minute.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable
from selectors import EVENT_READ
from threading import Thread

from newsletters.mail.dialogue import Dialogue
from newsletters.mail.letters import Event, Health, Letter, Settled, Unopened, Waiting
from newsletters.mail.line import Line
from newsletters.mail.opening import open_dialogue
from newsletters.mail.replies import Reply, ServerUnavailable, SmtpError
from newsletters.mail.server import SmtpServer
from newsletters.mail.transaction import check_line_breaks

MANY = 20  # lines at work: more of them bring a near server little, and each write costs the same
STUCK_SECONDS = 3.0  # at least; where a server takes its time with everything, several times as long
STUCK_TIMES = 4
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

Opened = Callable[["Pool", Dialogue | ServerUnavailable], None]


class Pool:
    """One server's lines. ``connections`` and ``messages`` (on one connection) may change at any time."""

    def __init__(
        self,
        server: SmtpServer,
        *,
        events: list[Event],
        watch: Callable[[Line], None],
        on_opened: Opened,
        idle_seconds: float,
    ) -> None:
        self.server = server
        self.connections = server.connections
        self.messages = server.messages_per_connection
        self.lines: set[Line] = set()
        self.line_of: dict[Hashable, Line] = {}
        self._events = events
        self._watch = watch
        self._on_opened = on_opened
        self._idle_seconds = idle_seconds
        self._free: dict[Line, None] = {}  # nothing in hand
        self._half: dict[Line, None] = {}  # one letter in hand and none behind it
        self._again: deque[Letter] = deque()  # their line was lost, or stuck, before a word was said to them
        self._typical = 0.0  # seconds for the answer to a message
        self._wanted = 0
        self._opening = 0
        self._failures = 0
        self._losses = 0
        self._last_error: SmtpError | None = None
        self._opens_at = 0.0

    def want(self, letters: int) -> None:
        """How many letters wait for this server beside those offered: connections are opened for them."""
        self._wanted = letters

    def try_now(self) -> None:
        """Whoever watches over the servers says that this one may be tried: no pause of our own holds."""
        self._opens_at = 0.0

    def room(self) -> int:
        """How many letters the open connections would take now."""
        left = (min(2, max(0, self.messages - line.carried)) for line in self._free)
        return sum(left) + len(self._half)

    def offer(self, letter: Letter) -> bool:
        """Give ``letter`` to a connection; False where none has room.

        What is wrong with the letter itself comes as its outcome. Raises UnsafeMessage.
        """
        if not letter.is_ready:
            check_line_breaks(letter.message)
        line = self._next_line()
        if line is not None and not line.may_take(letter):
            line = self._other_line(letter)
        if line is None:
            return False
        self._give(line, letter)
        return True

    def _next_line(self) -> Line | None:
        """A free one; where many are at work, behind a letter that is: both then leave in one write."""
        free, half = next(reversed(self._free), None), next(iter(self._half), None)
        is_busy = len(self.lines) - len(self._free) >= MANY
        if half is not None and is_busy and half.offers.pipelining:
            return half
        return free or half

    def _other_line(self, letter: Letter) -> Line | None:
        """One that may still take a letter of this kind; else one that is full of them makes way."""
        for line in (*reversed(self._free), *self._half):
            if line.may_take(letter):
                return line
        if self._free:
            self._dismiss(next(iter(self._free)))
        return None

    def release(self, key: Hashable) -> bool:
        """See Exchange.release."""
        line = self.line_of.get(key)
        if line is None or not line.release(key):
            return False
        if line.stream.wants_room:
            self._watch(line)
        return True

    def withdraw(self, key: Hashable) -> bool:
        """See Exchange.withdraw."""
        line = self.line_of.get(key)
        if line is None:
            kept = [letter for letter in self._again if letter.key != key]
            is_here = len(kept) < len(self._again)
            self._again = deque(kept)
            return is_here
        if not line.withdraw(key):
            return False
        self.line_of.pop(key, None)
        if not line.is_over:
            self.changed(line)
        return True

    def health(self) -> Health:
        """How the server fares."""
        return Health(
            open=len(self.lines),
            opening=self._opening,
            busy=len(self.lines) - len(self._free),
            failures=self._failures,
            losses=self._losses,
            last_error=self._last_error,
            opens_in=max(0.0, self._opens_at - time.monotonic()),
        )

    @property
    def under_way(self) -> int:
        """Letters offered and not settled."""
        return len(self.line_of) + len(self._again)

    def keep(self, now: float) -> None:
        """Open what is needed."""
        while self._again and not self._opening and self._missing() <= 0:
            line = next((one for one in (*self._free, *self._half) if one.may_take(self._again[0])), None)
            if line is None:
                break
            self._give(line, self._again.popleft())
        if now < self._opens_at:
            self._settle_stranded()
            return
        for _ in range(min(self._missing(), 1 if self._failures else self.connections)):
            self._open()

    def look_around(self, now: float) -> None:
        """End what takes too long, and what nobody needs."""
        for line in tuple(self.lines):
            line.on_time(now)
        self._relieve(now)
        for line in tuple(self._free):
            if len(self.lines) > self.connections or line.idle_since + self._idle_seconds < now:
                self._dismiss(line)

    def _relieve(self, now: float) -> None:
        """Whoever stands behind a letter whose answer takes long goes another way, if one is better."""
        patience = max(STUCK_SECONDS, STUCK_TIMES * self._typical)
        slow = [one for one in self.lines if one.waits_for_server and now - one.heard_at > patience]
        if len(slow) == len(self.lines) >= self.connections:
            return
        for line in slow:
            letter = line.relieve()
            if letter is not None:
                del self.line_of[letter.key]
                self._again.append(letter)
            self.changed(line)

    def stop(self) -> None:
        """Open nothing more, and withdraw every letter that was not released."""
        self._wanted = 0
        self._again.clear()
        for key in tuple(self.line_of):
            self.withdraw(key)

    def dismiss_free(self) -> None:
        """Say goodbye on every line that has nothing in hand."""
        for line in tuple(self._free):
            self._dismiss(line)

    def adopt(self, opened: Dialogue | ServerUnavailable) -> None:
        """Take over what an opening came to."""
        self._opening -= 1
        if isinstance(opened, ServerUnavailable):
            self._pause(opened)
            return
        self._failures = 0
        line = Line(opened, keeper=self)
        self.lines.add(line)
        self._watch(line)
        if self._again:
            self._give(line, self._again.popleft())
        else:
            self.changed(line)

    def changed(self, line: Line) -> None:
        """A line tells that it has other room than before, or is over."""
        self._free.pop(line, None)
        self._half.pop(line, None)
        if line.is_over:
            self._bury(line)
            return
        if line.current is None and not line.is_leaving:
            if line.carried >= self.messages:
                self._dismiss(line)
                return
            self._free[line] = None
        elif (
            line.following is None
            and not line.is_stuck
            and line.carried < self.messages
            and not line.is_leaving
        ):
            self._half[line] = None
        if line.stream.wants_room or line.watched != EVENT_READ:
            self._watch(line)

    def tell(self, event: Event) -> None:
        """A line tells what became of a letter."""
        if isinstance(event, Settled):
            line = self.line_of.pop(event.key, None)
            if line is not None and isinstance(event.outcome, Reply):
                self._typical += (line.waited - self._typical) / 16
            if not isinstance(event.outcome, Reply) and (waiting := Waiting(event.key)) in self._events:
                self._events.remove(waiting)  # it waited and was lost within one poll
        self._events.append(event)

    def _give(self, line: Line, letter: Letter) -> None:
        self.line_of[letter.key] = line
        try:
            line.take(letter)
        except SmtpError as error:
            self.tell(Settled(letter.key, error))
        if not line.is_over:
            self.changed(line)

    def _missing(self) -> int:
        busy = len(self.lines) - len(self._free)
        needed = min(self.connections, busy + self._wanted + len(self._again))
        return needed - len(self.lines) - self._opening

    def _open(self) -> None:
        self._opening += 1
        name = f"opening {self.server.name}"
        Thread(target=self._open_one, name=name, daemon=True).start()

    def _open_one(self) -> None:
        try:
            opened: Dialogue | ServerUnavailable = open_dialogue(self.server)
        except ServerUnavailable as error:
            opened = error
        self._on_opened(self, opened)

    def _pause(self, error: ServerUnavailable) -> None:
        self._last_error = error
        now = time.monotonic()
        if now < self._opens_at:  # one of several that failed together
            return
        self._failures += 1
        pause = FIRST_PAUSE_SECONDS * 2 ** min(self._failures - 1, 10)
        self._opens_at = now + min(pause, LONGEST_PAUSE_SECONDS)
        self._events.append(Unopened(self.server.name, error))

    def _settle_stranded(self) -> None:
        """Nothing is open and nothing opens: whoever waits for a line is told so."""
        error = self._last_error
        while self._again and not self.lines and error is not None:
            self.tell(Settled(self._again.popleft().key, error))

    def _dismiss(self, line: Line) -> None:
        self._free.pop(line, None)
        self._half.pop(line, None)
        line.quit()

    def _bury(self, line: Line) -> None:
        self.lines.discard(line)
        self._watch(line)
        for letter in line.orphans:
            self.line_of.pop(letter.key, None)
            self._again.append(letter)
        if line.lost_by is not None:
            self._losses = 1 if line.accepted else self._losses + 1
            self._last_error = line.lost_by

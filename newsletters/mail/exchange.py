"""Every mail server's connections in one selector, driven by one thread that never waits for any of them.

The ledger rule's seam: a letter's envelope goes ahead, but its message leaves only when whoever keeps the
ledger has committed that it begins, and says so with ``release``.
"""

import socket
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from threading import Lock

from newsletters.mail.dialogue import Dialogue
from newsletters.mail.letters import Event, Settled
from newsletters.mail.line import Line
from newsletters.mail.pool import Pool
from newsletters.mail.replies import Reply, ServerUnavailable
from newsletters.mail.server import SmtpServer

IDLE_SECONDS = 20.0  # an idle connection is given up before the server does it
LOOK_SECONDS = 0.2  # how exactly timeouts are kept
STOPPED = Reply(0, "", "the sender had to stop before an answer came")


class Exchange:
    """The pools of all servers, in their order. Only ``wake`` may be called from another thread."""

    def __init__(self, servers: Sequence[SmtpServer], *, idle_seconds: float = IDLE_SECONDS) -> None:
        self._events: list[Event] = []
        self._selector = DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._opened: deque[tuple[Pool, Dialogue | ServerUnavailable]] = deque()
        self._closing = Lock()
        self._is_closed = False
        self._looks_at = 0.0
        for side in (self._woken, self._waker):
            side.setblocking(False)
        self._selector.register(self._woken, EVENT_READ, None)
        self.pools = tuple(
            Pool(
                server,
                events=self._events,
                watch=self._watch,
                on_opened=self._on_opened,
                idle_seconds=idle_seconds,
            )
            for server in servers
        )

    @property
    def under_way(self) -> int:
        """Letters offered and not settled."""
        return sum(pool.under_way for pool in self.pools)

    def poll(self, timeout: float) -> list[Event]:
        """What has happened to letters and servers; waits up to ``timeout`` seconds for something to happen.

        Nothing at all where somebody woke it, or where a connection has room that had none.
        """
        ends_at = time.monotonic() + timeout
        while True:
            is_woken = self._serve(ends_at)
            if self._events or is_woken or time.monotonic() >= ends_at:
                break
        events = self._events.copy()
        self._events.clear()
        return events

    def release(self, key: Hashable) -> bool:
        """Let the message of a ``Waiting`` letter go, and the envelope of the letter behind it with it.

        False where the letter is gone already: nothing was sent, and its outcome comes with the next poll.
        """
        for pool in self.pools:
            if key in pool.line_of:
                return pool.release(key)
        return False

    def withdraw(self, key: Hashable) -> bool:
        """Make sure that a letter does not go. No event of it comes any more.

        False where it was released, or settled before: then its outcome comes, or has come.
        """
        return any(pool.withdraw(key) for pool in self.pools)

    def wake(self) -> None:
        """Make ``poll`` return soon. For any thread."""
        with suppress(OSError):  # full of wakes already, or closed
            self._waker.send(b"!")

    def close(self, *, patience: float = 0.0) -> list[Settled]:
        """Withdraw what was not released, wait for the replies to what was, say goodbye and hang up.

        After ``patience`` seconds a released letter without a reply is in doubt. Twice is harmless.
        """
        if self._is_closed:
            return []
        for pool in self.pools:
            pool.stop()
        events = self._serve_while(lambda pool: pool.under_way > 0, patience)
        for pool in self.pools:
            pool.dismiss_free()
            for line in [line for line in pool.lines if not line.is_leaving]:
                line.close(STOPPED)
        farewell = max((pool.server.timeouts.farewell for pool in self.pools), default=0.0)
        events += self._serve_while(lambda pool: bool(pool.lines), farewell)
        self._shut()
        return events

    def _serve_while(self, is_busy: Callable[[Pool], bool], patience: float) -> list[Settled]:
        ends_at = time.monotonic() + patience
        while any(map(is_busy, self.pools)) and time.monotonic() < ends_at:
            self._serve(ends_at)
        return [event for event in self.poll(0) if isinstance(event, Settled)]

    def _shut(self) -> None:
        with self._closing:
            self._is_closed = True
        for line in [line for pool in self.pools for line in pool.lines]:
            line.close(STOPPED)
        while self._opened:
            _close(self._opened.popleft()[1])
        self._selector.close()
        self._woken.close()
        self._waker.close()

    def _serve(self, ends_at: float) -> bool:
        """Serve whatever is ready, waiting for it till ``ends_at``; say whether somebody woke us."""
        now = time.monotonic()
        self._look_after(now)
        until = now if self._events else min(ends_at, self._looks_at)
        is_woken = False
        for key, _mask in self._selector.select(max(0.0, until - now)):
            if key.data is not None:
                key.data.on_ready()
                continue
            is_woken = True
            with suppress(BlockingIOError):
                while self._woken.recv(4096):
                    pass
        if self._opened:
            self._look_after(time.monotonic())
        return is_woken

    def _look_after(self, now: float) -> None:
        while self._opened:
            pool, opened = self._opened.popleft()
            pool.adopt(opened)
        if now >= self._looks_at:
            self._looks_at = now + LOOK_SECONDS
            for pool in self.pools:
                pool.look_around(now)
        for pool in self.pools:
            pool.keep(now)

    def _watch(self, line: Line) -> None:
        """Listen to a line, and for room if it wants to write; forget it when it is over."""
        sock = line.stream.sock
        wanted = 0 if line.is_over else EVENT_READ | (EVENT_WRITE if line.stream.wants_room else 0)
        if wanted == line.watched:
            return
        if not line.watched:
            self._selector.register(sock, wanted, line)
        elif wanted:
            self._selector.modify(sock, wanted, line)
        else:
            self._selector.unregister(sock)
        line.watched = wanted

    def _on_opened(self, pool: Pool, opened: Dialogue | ServerUnavailable) -> None:
        """Called in the thread that opened."""
        with self._closing:
            if not self._is_closed:
                self._opened.append((pool, opened))
                self.wake()
                return
        _close(opened)


def _close(opened: Dialogue | ServerUnavailable) -> None:
    if isinstance(opened, Dialogue):
        opened.close()

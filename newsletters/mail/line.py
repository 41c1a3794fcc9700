"""One connection that never waits for its server: letter after letter, each reply matched to its command.

Where PIPELINING is offered the content of one message and the envelope of the next leave in one write
(RFC 2920 section 3.1); else every command waits for its answer. A message leaves only when it is released.
Before the final dot begins to leave, a lost connection has delivered nothing; then a letter is in doubt.
"""

import time
from collections import deque
from collections.abc import Hashable

from newsletters.mail.dialogue import Dialogue
from newsletters.mail.hearing import Hearing
from newsletters.mail.keeper import Keeper
from newsletters.mail.letters import Letter, Settled, Waiting
from newsletters.mail.opening import unsaid
from newsletters.mail.replies import (
    HUNG_UP,
    NOT_WANTED,
    TOO_LATE,
    Deferred,
    Phase,
    Reply,
    ServerUnavailable,
    SmtpError,
)
from newsletters.mail.stream import Stream
from newsletters.mail.transaction import (
    CLOSING,
    END,
    ENVELOPE,
    GO_AHEAD,
    Offers,
    commands,
    ends_dialogue,
    failure_of,
    stuffed,
)
from newsletters.mail.turn import Turn


class Line:
    """At most two letters at a time: the one in hand and the one behind it."""

    def __init__(self, dialogue: Dialogue, *, keeper: "Keeper[Line]") -> None:
        self.stream = Stream(dialogue.detached())
        self.offers = Offers.of(dialogue)
        self.keeper = keeper
        self.timeouts = dialogue.timeouts
        self._seconds = {phase: self.timeouts.of(phase) for phase in (*ENVELOPE, Phase.BODY, Phase.DOT)}
        self.current: Turn | None = None
        self.following: Turn | None = None
        self.orphans: list[Letter] = []  # nothing was answered to them: another line may carry them
        self.carried = 0
        self.carried_of: dict[str, int] = {}  # of each kind that is counted
        self.accepted = 0
        self.ends_at = 0.0  # when the awaited answer is overdue; nought for never
        self.idle_since = self.heard_at = time.monotonic()
        self.waited = 0.0  # for the last answer to a message
        self.is_stuck = False  # an answer takes so long that nothing more may stand behind it
        self.watched = 0  # what the selector looks out for
        self.is_leaving = False
        self.is_over = False
        self.lost_by: SmtpError | None = None
        self._hearing = Hearing()
        self._awaited: deque[tuple[Turn | None, Phase]] = deque()  # no turn: the answer to RSET
        self._is_proven = False  # it has answered to a transaction
        self._needs_reset = False

    def may_take(self, letter: Letter) -> bool:
        """Whether it has carried fewer letters of this kind than one connection may."""
        return not letter.most or self.carried_of.get(letter.kind, 0) < letter.most

    def take(self, letter: Letter) -> None:
        """Carry ``letter`` as far as the server's 354. Raises UnsafeAddress, NeedsSmtputf8, MessageTooBig."""
        turn = Turn(letter, commands(self.offers, letter.sender, letter.recipient, letter.message))
        if letter.most:
            self.carried_of[letter.kind] = self.carried_of.get(letter.kind, 0) + 1
        if self.current is None:
            self.current = turn
            self.heard_at = time.monotonic()
            self._write(self._opening_of(turn))
            return
        self.following = turn
        if self.current.is_released and self.offers.pipelining:
            self._write(self._opening_of(turn))

    def release(self, key: Hashable) -> bool:
        """Let the message go that the server waits for; False if there is none."""
        turn = self.current
        if turn is None or not turn.is_waiting or turn.is_released or turn.letter.key != key:
            return False
        self.heard_at = time.monotonic()  # until now it was the server that waited
        letter = turn.letter
        message = letter.message if letter.is_ready else stuffed(letter.message)
        turn.dot_at = self.stream.written + len(message)
        self._awaited.append((turn, Phase.DOT))
        behind = self.following if self.offers.pipelining else None
        self._write(message, END if behind is None else END + self._opening_of(behind))
        return True

    def withdraw(self, key: Hashable) -> bool:
        """Make sure that a letter does not go; False if it has gone or is not here."""
        turn = next((turn for turn in self._turns() if turn.letter.key == key), None)
        if turn is None or turn.is_released:
            return False
        turn.is_withdrawn = True
        if not turn.is_begun:
            self.following = None
        elif turn.is_waiting:
            self._hang_up(NOT_WANTED, is_loss=False)
        return True

    @property
    def waits_for_server(self) -> bool:
        """Whether it is the server's turn to say something about the letter in hand."""
        turn = self.current
        return turn is not None and (turn.is_released or not turn.is_waiting)

    def relieve(self) -> Letter | None:
        """Let nobody stand behind a letter whose answer takes long; the letter that did, for another line.

        Where its envelope has left already, the line ends when the server asks for that message.
        """
        self.is_stuck = True
        turn = self.following
        if turn is None or turn.is_withdrawn:
            return None
        if turn.is_begun:
            turn.is_withdrawn = True
        else:
            self.following = None
        return turn.letter

    def quit(self) -> None:
        """Say goodbye; the line is over when the server has answered, or has had its time."""
        self.is_leaving = True
        self._write(b"QUIT\r\n")
        self.ends_at = time.monotonic() + self.timeouts.farewell

    def close(self, reply: Reply = HUNG_UP) -> None:
        """End it now, whatever hangs on it."""
        if not self.is_over:
            self._hang_up(reply, is_loss=False)

    def on_ready(self) -> None:
        """Something came, or there is room for what waits to leave."""
        try:
            if self.stream.unsent and self.stream.flush():
                self._set_time()
            raw = self.stream.read()
        except OSError as error:
            self._fail(error)
            return
        if raw is not None:
            self._listen(raw)
        if not self.is_over:
            self.keeper.changed(self)

    def on_time(self, now: float) -> None:
        """Give up where the server has had its time."""
        if 0 < self.ends_at < now and not self.is_over:
            self._hang_up(TOO_LATE)

    def _turns(self) -> list[Turn]:
        return [turn for turn in (self.current, self.following) if turn is not None]

    def _opening_of(self, turn: Turn) -> bytes:
        """What begins this letter's transaction."""
        turn.is_begun = True
        self.carried += 1
        reset = b""
        if self._needs_reset:
            self._needs_reset = False
            self._awaited.append((None, Phase.MAIL))
            reset = b"RSET\r\n"
        if self.offers.pipelining:
            self._awaited += ((turn, Phase.MAIL), (turn, Phase.RCPT), (turn, Phase.DATA))
            return reset + b"".join(turn.commands)
        return reset or self._next_command(turn)

    def _next_command(self, turn: Turn) -> bytes:
        self._awaited.append((turn, ENVELOPE[turn.heard]))
        return turn.commands[turn.heard]

    def _write(self, *pieces: bytes) -> None:
        try:
            self.stream.write(*pieces)
        except OSError as error:
            self._fail(error)
        else:
            self._set_time()

    def _set_time(self) -> None:
        """How long the next answer may take; a message that is leaving may take so long for every block."""
        if self.is_leaving:
            return
        if not self._awaited:
            self.ends_at = 0.0
            return
        phase = self._awaited[0][1]
        if phase is Phase.DOT and self.stream.unsent:
            phase = Phase.BODY
        self.ends_at = time.monotonic() + self._seconds[phase]

    def _listen(self, raw: bytes) -> None:
        if not raw:
            self._hang_up(HUNG_UP)
            return
        said = self._hearing.hear(raw)
        for code, text in said:
            self._answer(code, text)
            if self.is_over:
                return
        if said:
            self.heard_at = time.monotonic()
            self._set_time()

    def _answer(self, code: int, text: bytes) -> None:
        turn, phase = self._awaited[0] if self._awaited else (self.current, Phase.BODY)
        if phase is Phase.DOT and turn is not None and not turn.has_dot_left(self.stream.left):
            phase = Phase.BODY
        if phase is Phase.BODY:
            self._unasked(Reply.of(code, text))
            return
        self._awaited.popleft()
        if turn is None and not 200 <= code < 300:
            self._hang_up(Reply.of(code, text))
        elif turn is None:
            self._go_on(self.current)
        elif phase is Phase.DOT:
            self._after_dot(turn, Reply.of(code, text))
        elif code == GO_AHEAD and phase is Phase.DATA:
            self._after_go_ahead(turn)
        elif 200 <= code < 300 and phase is not Phase.DATA:
            self._is_proven = True
            turn.heard += 1
            self._go_on(turn)
        else:
            self._after_refusal(turn, phase, Reply.of(code, text))

    def _go_on(self, turn: Turn | None) -> None:
        """The next command, where each waits for its answer."""
        if turn is None or self.offers.pipelining:
            return
        if turn.is_withdrawn:
            self._needs_reset = True
            self._advance()
        else:
            self._write(self._next_command(turn))

    def _after_go_ahead(self, turn: Turn) -> None:
        if turn.failure is not None or turn.is_withdrawn:
            self._hang_up(NOT_WANTED, is_loss=False)  # it waits for a message to nobody: this sends none
            return
        turn.is_waiting = True
        self.keeper.tell(Waiting(turn.letter.key))

    def _after_refusal(self, turn: Turn, phase: Phase, reply: Reply) -> None:
        if reply.code != CLOSING:
            turn.failure = turn.failure or failure_of(reply, phase)
        if ends_dialogue(reply, phase):
            self._hang_up(reply)
            return
        self._is_proven = True
        turn.heard += 1
        if phase is Phase.DATA or not self.offers.pipelining:
            self._needs_reset = True
            self._settle(turn, turn.failure)
            self._advance()

    def _after_dot(self, turn: Turn, reply: Reply) -> None:
        self.waited = time.monotonic() - self.heard_at
        turn.failure = failure_of(reply, Phase.DOT)
        self.accepted += turn.failure is None
        if ends_dialogue(reply, Phase.DOT):
            self._hang_up(reply)
            return
        self._settle(turn, turn.failure or reply)
        self._advance()

    def _unasked(self, reply: Reply) -> None:
        """A reply before its time: to a message whose end has not left, or to nothing at all."""
        turn = self.current
        if turn is not None and reply.code != CLOSING:
            turn.failure = failure_of(reply, Phase.BODY) or Deferred(reply, Phase.BODY)
        self._hang_up(reply)

    def _advance(self) -> None:
        """The letter in hand is over: go on with the one behind it."""
        self.current, self.following = self.following, None
        self.is_stuck = False
        if self.current is None:
            self.idle_since = time.monotonic()
        elif not self.current.is_begun:
            self._write(self._opening_of(self.current))

    def _settle(self, turn: Turn, outcome: Reply | SmtpError | None) -> None:
        if outcome is not None and not turn.is_withdrawn:
            self.keeper.tell(Settled(turn.letter.key, outcome))

    def _fail(self, error: OSError) -> None:
        """The socket broke; what the server had said before is heard all the same."""
        try:
            raw = self.stream.read()
        except OSError:
            raw = None
        if raw:
            self._listen(raw)
        if not self.is_over:
            self._hang_up(unsaid(error))

    def _hang_up(self, reply: Reply, *, is_loss: bool = True) -> None:
        fates = [
            (turn, turn.fate(reply, left=self.stream.left, is_proven=self._is_proven))
            for turn in self._turns()
        ]
        self.is_over = True
        self.current = self.following = None
        for turn, outcome in fates:
            self._settle(turn, outcome)
            if outcome is None and not turn.is_withdrawn:
                self.orphans.append(turn.letter)
        if is_loss and fates:
            self.lost_by = fates[0][1] or ServerUnavailable(reply, Phase.MAIL)
        self.keeper.changed(self)
        self.stream.close()

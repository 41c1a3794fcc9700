"""One letter's turn on a line: how far it has come, and what the loss of the connection means for it."""

from newsletters.mail.letters import Letter
from newsletters.mail.replies import InDoubt, Phase, Reply, ServerUnavailable, SmtpError
from newsletters.mail.transaction import ENVELOPE, Commands


class Turn:
    """Mutable, for one line alone."""

    __slots__ = ("commands", "dot_at", "failure", "heard", "is_begun", "is_waiting", "is_withdrawn", "letter")

    def __init__(self, letter: Letter, commands: Commands) -> None:
        self.letter = letter
        self.commands = commands
        self.heard = 0  # replies to the envelope
        self.dot_at: int | None = None  # where in the stream the final dot stands, once released
        self.failure: SmtpError | None = None
        self.is_begun = False
        self.is_waiting = False
        self.is_withdrawn = False

    @property
    def is_released(self) -> bool:
        return self.dot_at is not None

    def has_dot_left(self, left: int) -> bool:
        """Whether the final dot is among the first ``left`` bytes."""
        return self.dot_at is not None and left > self.dot_at

    def fate(self, reply: Reply, *, left: int, is_proven: bool) -> SmtpError | None:
        """What it comes to when the connection is lost now.

        None where nothing was answered to it and the server may have hung up on anything else: it can go
        over another line as if nothing had happened.
        """
        if self.failure is not None:
            return self.failure
        if self.has_dot_left(left):
            return InDoubt(reply, Phase.DOT)
        if self.is_released or self.is_waiting:
            return ServerUnavailable(reply, Phase.BODY)
        if self.heard == 0 and (is_proven or not self.is_begun):
            return None
        return ServerUnavailable(reply, ENVELOPE[self.heard])

"""Hands messages to a mail server, one recipient each, and says exactly what became of each.

RFC 5321 with PIPELINING (2920), SIZE (1870) and SMTPUTF8 (6531) where offered. Every reply is matched to its
command. Whatever goes wrong is raised with its phase: only after the final dot has left can a message be
in doubt. The connection opens when it is first needed, is reused up to a cap and reopened after a loss.
"""

from types import TracebackType
from typing import Self

from newsletters.mail.dialogue import Dialogue
from newsletters.mail.opening import open_dialogue, unsaid
from newsletters.mail.replies import InDoubt, Phase, Reply, ServerUnavailable, SmtpError
from newsletters.mail.server import SmtpServer
from newsletters.mail.transaction import (
    END,
    ENVELOPE,
    GO_AHEAD,
    Commands,
    Offers,
    UnsafeMessage,
    check_line_breaks,
    commands,
    ends_dialogue,
    failure_of,
    stuffed,
)

__all__ = ["Connection", "UnsafeMessage"]


class Connection:
    """A way to one server. For one thread at a time."""

    def __init__(self, server: SmtpServer) -> None:
        self.server = server
        self._dialogue: Dialogue | None = None
        self._carried = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye if the server still listens. Twice is harmless."""
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is None:
            return
        try:
            if dialogue.sock is not None:
                dialogue.sock.settimeout(self.server.timeouts.farewell)
                dialogue.write(b"QUIT\r\n")
                dialogue.getreply()
        except OSError:
            pass
        finally:
            dialogue.close()

    def send(self, *, sender: str, recipient: str, message: bytes) -> Reply:
        """Hand over ``message``; an empty ``sender`` is the null return path.

        Raises ServerUnavailable, Deferred, Refused or InDoubt; UnsafeMessage for what must never be sent.
        """
        check_line_breaks(message)
        if self._carried >= self.server.messages_per_connection:
            self.close()
        was_open = self._dialogue is not None
        try:
            return self._transact(sender, recipient, message)
        except ServerUnavailable as error:
            if not was_open or error.phase is not Phase.MAIL:
                raise
        return self._transact(sender, recipient, message)  # it had only hung up on an idle connection

    def _transact(self, sender: str, recipient: str, message: bytes) -> Reply:
        dialogue = self._opened()
        try:
            offers = Offers.of(dialogue)
            envelope = commands(offers, sender, recipient, message)
            self._carried += 1
            self._say(dialogue, envelope, is_pipelined=offers.pipelining)
            return self._deliver(dialogue, message)
        except OSError as error:
            self._drop()
            lost = InDoubt if dialogue.phase is Phase.DOT else ServerUnavailable
            raise lost(unsaid(error), dialogue.phase) from error

    def _opened(self) -> Dialogue:
        if self._dialogue is None:
            self._dialogue = open_dialogue(self.server)
            self._carried = 0
        return self._dialogue

    def _drop(self) -> None:
        if self._dialogue is not None:
            self._dialogue.close()
            self._dialogue = None

    def _say(self, dialogue: Dialogue, envelope: Commands, *, is_pipelined: bool) -> None:
        """Go as far as the server's 354: in one write where it takes pipelines."""
        failure: SmtpError | None = None
        if is_pipelined:
            dialogue.enter(Phase.MAIL)
            dialogue.write(b"".join(envelope))
        for phase, command in zip(ENVELOPE, envelope, strict=True):
            dialogue.enter(phase)
            if not is_pipelined:
                dialogue.write(command)
            reply = dialogue.hear()
            if reply.code == GO_AHEAD and phase is Phase.DATA:
                break
            failure = failure or self._failure(reply, phase)
            if self._dialogue is None or (failure is not None and not is_pipelined):
                break
        if failure is None:
            return
        if reply.code == GO_AHEAD:
            self._drop()  # it waits for a message to nobody: hanging up sends none
        self._reset(dialogue)
        raise failure

    def _deliver(self, dialogue: Dialogue, message: bytes) -> Reply:
        dialogue.enter(Phase.BODY)
        dialogue.write(stuffed(message))
        dialogue.enter(Phase.DOT)
        dialogue.write(END)
        reply = dialogue.hear()
        if failure := self._failure(reply, Phase.DOT):
            raise failure
        return reply

    def _failure(self, reply: Reply, phase: Phase) -> SmtpError | None:
        """What a reply means if it is not the one hoped for; hangs up where there is no going on."""
        if ends_dialogue(reply, phase):
            self._drop()
        return failure_of(reply, phase)

    def _reset(self, dialogue: Dialogue) -> None:
        """Make the connection ready for the next message, or let it go."""
        if self._dialogue is None:
            return
        try:
            dialogue.write(b"RSET\r\n")
            if dialogue.hear().is_positive:
                return
        except OSError:
            pass
        self._drop()

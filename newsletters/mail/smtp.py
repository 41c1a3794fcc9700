"""Hands messages to a mail server, one recipient each, and says exactly what became of each.

RFC 5321 with PIPELINING (2920), SIZE (1870) and SMTPUTF8 (6531) where offered. Every reply is matched to its
command. Whatever goes wrong is raised with its phase: only after the final dot has left can a message be
in doubt. The connection opens when it is first needed, is reused up to a cap and reopened after a loss.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from newsletters.kernel.addresses import InvalidAddress
from newsletters.mail.dialogue import Dialogue
from newsletters.mail.headers import wire_address
from newsletters.mail.opening import open_dialogue, unsaid
from newsletters.mail.replies import (
    Deferred,
    InDoubt,
    MessageTooBig,
    NeedsSmtputf8,
    Phase,
    Refused,
    Reply,
    ServerUnavailable,
    SmtpError,
    UnsafeAddress,
)
from newsletters.mail.server import SmtpServer

Command = tuple[Phase, str]
GO_AHEAD = 354


class UnsafeMessage(ValueError):
    """The message holds a bare CR or LF, which servers read differently (SMTP smuggling)."""


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
        if message.count(b"\r") != (breaks := message.count(b"\r\n")) or message.count(b"\n") != breaks:
            raise UnsafeMessage("lines end with CRLF and nothing else")
        envelope = (_path(sender) if sender else "", _path(recipient))
        if self._carried >= self.server.messages_per_connection:
            self.close()
        was_open = self._dialogue is not None
        try:
            return self._transact(*envelope, message)
        except ServerUnavailable as error:
            if not was_open or error.phase is not Phase.MAIL:
                raise
        return self._transact(*envelope, message)  # it had only hung up on an idle connection

    def _transact(self, sender: str, recipient: str, message: bytes) -> Reply:
        dialogue = self._opened()
        try:
            commands = _commands(dialogue, sender, recipient, message)
            self._carried += 1
            self._say(dialogue, commands)
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

    def _say(self, dialogue: Dialogue, commands: Sequence[Command]) -> None:
        """Go as far as the server's 354: in one write where it takes pipelines."""
        is_pipelined = dialogue.has_extn("pipelining")
        failure: SmtpError | None = None
        if is_pipelined:
            dialogue.enter(Phase.MAIL)
            dialogue.write("".join(line for _, line in commands).encode())
        for phase, line in commands:
            dialogue.enter(phase)
            if not is_pipelined:
                dialogue.write(line.encode())
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
        dialogue.write(_stuffed(message))
        dialogue.enter(Phase.DOT)
        reply = dialogue.hear()
        if reply.is_positive:
            return reply
        raise self._failure(reply, Phase.DOT) or InDoubt(reply, Phase.DOT)

    def _failure(self, reply: Reply, phase: Phase) -> SmtpError | None:
        """What a reply means if it is not the one hoped for; hangs up where there is no going on."""
        if reply.code == 421:
            self._drop()
            return ServerUnavailable(reply, phase)
        if reply.code >= 500:
            return Refused(reply, phase)
        if reply.code >= 400:
            return Deferred(reply, phase)
        if reply.is_positive and phase is not Phase.DATA:
            return None
        self._drop()
        return InDoubt(reply, phase) if phase is Phase.DOT else Deferred(reply, phase)

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


def _path(address: str) -> str:
    """The address for MAIL or RCPT, exactly as it is stored, its domain as A-labels."""
    try:
        return wire_address(address)
    except InvalidAddress as error:
        raise UnsafeAddress(Reply(553, "5.1.3", "not an address mail can be sent to"), Phase.RCPT) from error


def _commands(dialogue: Dialogue, sender: str, recipient: str, message: bytes) -> Sequence[Command]:
    """The transaction's commands. Raises NeedsSmtputf8, MessageTooBig."""
    parameters = ""
    if limit := _size_limit(dialogue):
        if len(message) > limit:
            raise MessageTooBig(Reply(552, "5.3.4", f"the server takes {limit} bytes"), Phase.MAIL)
        parameters = f" SIZE={len(message)}"
    if not (sender.isascii() and recipient.isascii() and message.isascii()):
        if not dialogue.has_extn("smtputf8"):
            raise NeedsSmtputf8(Reply(550, "5.6.7", "the server does not offer SMTPUTF8"), Phase.MAIL)
        parameters += " SMTPUTF8 BODY=8BITMIME"
    return (
        (Phase.MAIL, f"MAIL FROM:<{sender}>{parameters}\r\n"),
        (Phase.RCPT, f"RCPT TO:<{recipient}>\r\n"),
        (Phase.DATA, "DATA\r\n"),
    )


def _size_limit(dialogue: Dialogue) -> int:
    declared = dialogue.esmtp_features.get("size", "")
    return int(declared) if declared.isdecimal() else 0


def _stuffed(message: bytes) -> bytes:
    """Transparency (RFC 5321 section 4.5.2) and the end of the message."""
    if message.startswith(b".") or b"\r\n." in message:
        message = message.replace(b"\r\n.", b"\r\n..")
        message = b"." + message if message.startswith(b".") else message
    return message + (b".\r\n" if message.endswith(b"\r\n") else b"\r\n.\r\n")

"""One message's transaction in SMTP: its commands, its content on the wire, and what each reply means.

RFC 5321 with SIZE (1870) and SMTPUTF8 (6531) where offered. Pure: connections of every kind use it, the one
that waits (smtp.py) and the many that do not (line.py).
"""

from dataclasses import dataclass
from typing import Self

from newsletters.kernel.addresses import InvalidAddress
from newsletters.mail.dialogue import Dialogue
from newsletters.mail.headers import wire_address
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

GO_AHEAD = 354
CLOSING = 421
ENVELOPE = (Phase.MAIL, Phase.RCPT, Phase.DATA)
END = b".\r\n"
LONGEST_SIZE = 20  # digits; RFC 1870 section 4

Commands = tuple[bytes, bytes, bytes]  # one for each phase of the envelope


class UnsafeMessage(ValueError):
    """The message holds a bare CR or LF, which servers read differently (SMTP smuggling)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What the server said it can do. ``size`` is nought where it set no limit."""

    pipelining: bool
    smtputf8: bool
    size: int

    @classmethod
    def of(cls, dialogue: Dialogue) -> Self:
        size = dialogue.esmtp_features.get("size", "")
        return cls(
            pipelining=dialogue.has_extn("pipelining"),
            smtputf8=dialogue.has_extn("smtputf8"),
            size=int(size) if size.isdecimal() and len(size) <= LONGEST_SIZE else 0,
        )


def check_line_breaks(message: bytes) -> None:
    """Raises UnsafeMessage."""
    if message.count(b"\r") != (breaks := message.count(b"\r\n")) or message.count(b"\n") != breaks:
        raise UnsafeMessage("lines end with CRLF and nothing else")


def commands(offers: Offers, sender: str, recipient: str, message: bytes) -> Commands:
    """The transaction's commands. Raises UnsafeAddress, NeedsSmtputf8, MessageTooBig."""
    source, target = _path(sender) if sender else "", _path(recipient)
    parameters = ""
    if offers.size:
        if len(message) > offers.size:
            raise MessageTooBig(Reply(552, "5.3.4", f"the server takes {offers.size} bytes"), Phase.MAIL)
        parameters = f" SIZE={len(message)}"
    if not (source.isascii() and target.isascii() and message.isascii()):
        if not offers.smtputf8:
            raise NeedsSmtputf8(Reply(550, "5.6.7", "the server does not offer SMTPUTF8"), Phase.MAIL)
        parameters += " SMTPUTF8 BODY=8BITMIME"
    return (
        f"MAIL FROM:<{source}>{parameters}\r\n".encode(),
        f"RCPT TO:<{target}>\r\n".encode(),
        b"DATA\r\n",
    )


def _path(address: str) -> str:
    """The address for MAIL or RCPT, exactly as it is stored, its domain as A-labels."""
    try:
        return wire_address(address)
    except InvalidAddress as error:
        raise UnsafeAddress(Reply(553, "5.1.3", "not an address mail can be sent to"), Phase.RCPT) from error


def stuffed(message: bytes) -> bytes:
    """Transparency (RFC 5321 section 4.5.2), and a last line that is ended; END is to follow."""
    if message.startswith(b".") or b"\r\n." in message:
        message = message.replace(b"\r\n.", b"\r\n..")
        message = b"." + message if message.startswith(b".") else message
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def failure_of(reply: Reply, phase: Phase) -> SmtpError | None:
    """What a reply means if it is not the one hoped for."""
    if reply.code == CLOSING:
        return ServerUnavailable(reply, phase)
    if reply.code >= 500:
        return Refused(reply, phase)
    if reply.code >= 400:
        return Deferred(reply, phase)
    if reply.is_positive and phase is not Phase.DATA:
        return None
    return InDoubt(reply, phase) if phase is Phase.DOT else Deferred(reply, phase)


def ends_dialogue(reply: Reply, phase: Phase) -> bool:
    """Whether there is no going on after this reply: the server closes, or the two of us are out of step."""
    if reply.code >= 400:
        return reply.code == CLOSING
    return not reply.is_positive or phase is Phase.DATA

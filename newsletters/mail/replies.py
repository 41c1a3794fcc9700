"""What a mail server said, or failed to say, and what that means for the one message at hand.

RFC 5321 section 4.2, enhanced codes RFC 3463. A reply lost after the final dot leaves the message in doubt
(RFC 1047); everything lost before it delivered nothing.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from newsletters.kernel.errors import DomainError

LONGEST_TEXT = 400
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")


class Phase(StrEnum):
    """How far a conversation had come."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"


TRANSACTION = frozenset({Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT})


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, fit for a ledger: one line, bounded, no control characters. Code 0 is no code at all."""

    code: int
    enhanced: str
    text: str

    @classmethod
    def of(cls, code: int, text: bytes | str) -> "Reply":
        words = text.decode(errors="replace") if isinstance(text, bytes) else text
        words = _CONTROLS.sub(" ", words).strip()
        found = _ENHANCED.match(words)
        enhanced = found[1] if found and found[1][0] == str(code)[0] else ""
        return cls(code, enhanced, (words[found.end() :] if found and enhanced else words)[:LONGEST_TEXT])

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 300

    def __str__(self) -> str:
        code = str(self.code) if self.code else ""
        return " ".join(part for part in (code, self.enhanced, self.text) if part)


TOO_LATE = Reply(0, "", "no answer in time")
HUNG_UP = Reply(0, "", "the server closed the connection")
NOT_WANTED = Reply(0, "", "the letter was withdrawn")


class SmtpError(DomainError):
    """A message was not accepted, as far as we know. ``reply`` has code 0 where the server gave none."""

    def __init__(self, reply: Reply, phase: Phase) -> None:
        super().__init__(f"{phase}: {reply}")
        self.reply = reply
        self.phase = phase


class ServerUnavailable(SmtpError):
    """Away, closing (421), not to be trusted, or lost before the final dot. Nothing was delivered."""

    @property
    def in_transaction(self) -> bool:
        """Whether this message may be what the server hung up on."""
        return self.phase in TRANSACTION


class Deferred(SmtpError):
    """Not now: a 4xx, or a reply that makes no sense."""


class Refused(SmtpError):
    """Never: a 5xx."""

    is_local = False


class InDoubt(SmtpError):
    """The whole message was handed over and no answer came: retry with the same Message-ID."""


class NeedsSmtputf8(Refused):
    """The address has a local part beyond ASCII and the server does not take it (RFC 6531). Decided here."""

    is_local = True


class MessageTooBig(Refused):
    """Larger than the SIZE the server declared (RFC 1870). Decided here."""

    is_local = True


class UnsafeAddress(Refused):
    """Not an address that can be sent as it is stored. Decided here: nothing is shortened or repaired."""

    is_local = True

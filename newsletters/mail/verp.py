"""Return paths that say what bounced, and addresses that unsubscribe (RFC 5321 section 4.5.3.1.1, RFC 2369).

The local part carries a MACed token in base32, which survives a mail system that folds case, and never
passes 64 octets. Only one spelling of a token counts, so that any changed byte is a forgery.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from newsletters.kernel.tokens import Purpose, Signer, TokenForged

LONGEST_LOCAL_PART = 64
BOUNCE_PREFIX = "b"
UNSUBSCRIBE_PREFIX = "unsubscribe"
_ISSUE, _MAIL = 1, 2  # in sent mails: never reuse a number


@dataclass(frozen=True, slots=True)
class IssueBounce:
    """What came back is an issue on its way to a subscriber."""

    issue_id: int
    subscriber_id: int


@dataclass(frozen=True, slots=True)
class MailBounce:
    """What came back is a single mail of the outbox."""

    outbox_id: int


@dataclass(frozen=True, slots=True)
class UnsubscribeRequest:
    """Somebody wrote to an unsubscribe address; the ids are those of its token."""

    ids: tuple[int, ...]


class ReturnPaths:
    """Writes and reads the addresses of one bounce domain."""

    def __init__(self, signer: Signer, domain: str) -> None:
        self._signer = signer
        self.domain = domain

    def for_issue(self, issue_id: int, subscriber_id: int) -> str:
        """The envelope sender of one delivery."""
        return self._address(BOUNCE_PREFIX, Purpose.BOUNCE, _ISSUE, issue_id, subscriber_id)

    def for_mail(self, outbox_id: int) -> str:
        """The envelope sender of a single mail."""
        return self._address(BOUNCE_PREFIX, Purpose.BOUNCE, _MAIL, outbox_id)

    def unsubscribe(self, *ids: int) -> str:
        """The address in List-Unsubscribe, for the same ids as its URL."""
        return self._address(UNSUBSCRIBE_PREFIX, Purpose.UNSUBSCRIBE, *ids)

    def unsubscribe_with(self, token: str) -> str:
        """The same with a token that was written already (Signer.sign_both)."""
        return _bounded(f"{UNSUBSCRIBE_PREFIX}+{token}", self.domain)

    def read(self, address: str, *, now: datetime) -> IssueBounce | MailBounce | UnsubscribeRequest:
        """What an address of ours means; its domain is the caller's to check.

        Raises TokenRefused.
        """
        prefix, _, token = address.rpartition("@")[0].partition("+")
        if not _is_canonical(token):
            raise TokenForged("not a token")
        if prefix.lower() == UNSUBSCRIBE_PREFIX:
            return UnsubscribeRequest(self._signer.read_base32(token, Purpose.UNSUBSCRIBE, now=now).ids)
        if prefix.lower() != BOUNCE_PREFIX:
            raise TokenForged("no address of ours")
        return _bounce(self._signer.read_base32(token, Purpose.BOUNCE, now=now).ids)

    def _address(self, prefix: str, purpose: Purpose, *ids: int) -> str:
        return _bounded(f"{prefix}+{self._signer.sign_base32(purpose, *ids)}", self.domain)


def _bounded(local: str, domain: str) -> str:
    if len(local) > LONGEST_LOCAL_PART:
        raise ValueError("these ids do not fit into a local part")
    return f"{local}@{domain}"


def _bounce(ids: tuple[int, ...]) -> IssueBounce | MailBounce:
    match ids:
        case (kind, issue_id, subscriber_id) if kind == _ISSUE:
            return IssueBounce(issue_id, subscriber_id)
        case (kind, outbox_id) if kind == _MAIL:
            return MailBounce(outbox_id)
    raise TokenForged("means nothing")


def _is_canonical(token: str) -> bool:
    """Base32 leaves bits over in its last letter; only the spelling we write is ours."""
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except (binascii.Error, ValueError):
        return False
    return base64.b32encode(raw).decode().rstrip("=") == token.upper()

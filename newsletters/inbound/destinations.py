"""What an address at our door means. Who is not named here is refused while the other still listens.

Return paths and unsubscribe addresses carry a MAC and are told without the database. People write to the
newsletters' own addresses, and to postmaster and abuse, which every mail domain has (RFC 5321 section
4.5.1, RFC 2142).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from newsletters.kernel.tokens import TokenRefused
from newsletters.mail.verp import IssueBounce, MailBounce, ReturnPaths, UnsubscribeRequest
from newsletters.publishing.mailboxes import newsletter_answered_at

COMPLAINTS: Final = "fbl"  # "feedback loop", as providers call it
ROLES: Final = ("postmaster", "abuse")
LONGEST_ADDRESS: Final = 320


class Room(StrEnum):
    """Where a mail goes that no MAC is about."""

    COMPLAINTS = "complaints"
    ROLE = "role"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address without a token. ``newsletter_id`` is whom a reader answers."""

    room: Room
    newsletter_id: int | None = None


Signed = IssueBounce | MailBounce | UnsubscribeRequest
Destination = Signed | Mailbox


@dataclass(frozen=True, slots=True)
class Directory:
    """Our own addresses. ``sender`` is the one single mails come from."""

    paths: ReturnPaths
    sender: str

    @property
    def domains(self) -> frozenset[str]:
        return frozenset({self.paths.domain.lower(), self.sender.rpartition("@")[2].lower()})

    def signed(self, address: str, *, now: datetime) -> Signed | None:
        """What a token of ours in the address says, None where there is none."""
        try:
            return self.paths.read(address, now=now)
        except TokenRefused:
            return None

    def mailbox(self, session: Session, address: str) -> Mailbox | None:
        """The room an address without a token leads to, None where it leads nowhere."""
        if len(address) > LONGEST_ADDRESS or "\0" in address:
            return None
        local, _, domain = address.lower().rpartition("@")
        if domain in self.domains and local == COMPLAINTS:
            return Mailbox(Room.COMPLAINTS)
        if domain in self.domains and local in ROLES:
            return Mailbox(Room.ROLE)
        newsletter = newsletter_answered_at(session, address)
        if newsletter is not None:
            return Mailbox(Room.REPLY, newsletter.id)
        return Mailbox(Room.REPLY) if address.lower() == self.sender.lower() else None

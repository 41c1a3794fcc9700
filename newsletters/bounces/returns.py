"""Use cases of mail that comes back: to a return path, or to the address for complaints.

What a valid MAC says acts at once. Everything else goes into quarantine with what it seems to be. Nothing
is answered, and nothing is lost: a mail is handled or it is there.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.bounces import quarantine
from newsletters.bounces.event import About, EventKind, MailEvent, Recorded
from newsletters.bounces.letter import Letter, Unreadable, field
from newsletters.bounces.originals import about_message_id
from newsletters.bounces.parse_arf import Complaint, complaint, message_ids
from newsletters.bounces.processing import record_event
from newsletters.bounces.quarantine import Guess
from newsletters.bounces.quarantined import QuarantineReason
from newsletters.bounces.queries import latest_mail
from newsletters.bounces.reading import read_letter
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.kernel.digests import Digester
from newsletters.kernel.tokens import Purpose, Signer, TokenRefused
from newsletters.mail.models import OutboxMail
from newsletters.mail.verp import IssueBounce, MailBounce, ReturnPaths, UnsubscribeRequest
from newsletters.subscribers.models import MovedSubscription, Subscriber, Subscription

BOUNCE: Final = "dsn"
COMPLAINT: Final = "arf"


@dataclass(frozen=True, slots=True)
class Arrived:
    """One mail at our door."""

    raw: bytes
    door: str
    recipient: str
    sender: str


@dataclass(frozen=True, slots=True)
class Proofs:
    """What tells ours from a forgery."""

    paths: ReturnPaths
    signer: Signer
    digester: Digester


def open_letter(raw: bytes) -> Letter | None:
    """The mail taken apart, None where it cannot be. Pure: do it outside of the transaction."""
    try:
        return Letter(raw)
    except Unreadable:
        return None


def is_complaint(letter: Letter) -> bool:
    """Whether a mail is a complaint, wherever it was sent."""
    try:
        return complaint(letter) is not None
    except Exception:  # noqa: BLE001  (what the library has parsed without a word can raise)
        return False


def take_returned(
    session: Session, about: About, mail: Arrived, letter: Letter | None, *, proofs: Proofs, now: datetime
) -> bool:
    """Handle a mail to a return path with a valid MAC; False where it went into quarantine."""
    own = _own_addresses(session, about)
    verdict = read_letter(letter, own) if letter is not None else None
    if verdict is None or verdict.kind is None:
        why = QuarantineReason.UNREADABLE if letter is None else QuarantineReason.UNKNOWN
        guess = Guess(about=about, address_hash=_digest(proofs, own))
        _aside(session, mail, why, guess, now=now)
        return False
    event = MailEvent(
        about=about,
        kind=verdict.kind,
        source=COMPLAINT if verdict.kind is EventKind.COMPLAINT else BOUNCE,
        event_id=report_id(mail.raw, letter),
        at=now,
        reply=verdict.reply,
    )
    if record_event(session, event, now=now) is Recorded.NOBODY:
        _aside(
            session, mail, QuarantineReason.FOREIGN, Guess(kind=verdict.kind, reply=verdict.reply), now=now
        )
        return False
    return True


def take_complaint(
    session: Session, mail: Arrived, letter: Letter | None, *, proofs: Proofs, now: datetime
) -> bool:
    """Handle a mail to the address for complaints; False where it went into quarantine."""
    found = complaint(letter) if letter is not None and is_complaint(letter) else None
    if found is None or letter is None:
        why = QuarantineReason.UNREADABLE if letter is None else QuarantineReason.UNKNOWN
        _aside(session, mail, why, Guess(), now=now)
        return False
    if found.kind is EventKind.NOTICE:
        return True  # nobody is to do anything, and nothing is to be kept
    about = _proved(session, found, proofs, now=now)
    if about is None:
        guess = _guess(session, found, proofs)
        _aside(session, mail, QuarantineReason.UNPROVEN, guess, now=now)
        return False
    event = MailEvent(
        about=about,
        kind=EventKind.COMPLAINT,
        source=COMPLAINT,
        event_id=report_id(mail.raw, letter),
        at=now,
        reply=found.type,
    )
    if record_event(session, event, now=now) is Recorded.NOBODY:
        _aside(session, mail, QuarantineReason.FOREIGN, Guess(kind=EventKind.COMPLAINT), now=now)
        return False
    return True


def take_misdirected(
    session: Session, mail: Arrived, letter: Letter, *, proofs: Proofs, now: datetime
) -> None:
    """Put aside what a machine sent to an address that people write to, with the mail of ours it seems to
    mean.
    """
    verdict = read_letter(letter)
    named = _named(session, message_ids(letter))
    own = _own_addresses(session, named) if named is not None else tuple(verdict.addresses)
    guess = Guess(about=named, kind=verdict.kind, reply=verdict.reply, address_hash=_digest(proofs, own))
    _aside(session, mail, QuarantineReason.MISDIRECTED, guess, now=now)


def report_id(raw: bytes, letter: Letter | None) -> str:
    """What makes a report that comes twice the same report."""
    named = field(letter.mime, "Message-ID") if letter is not None else ""
    return named[:200] or hashlib.sha256(raw).hexdigest()


def _proved(session: Session, found: Complaint, proofs: Proofs, *, now: datetime) -> About | None:
    """The mail that something signed by us in the complaint names."""
    for claim in _claims(found, proofs, now=now):
        if isinstance(claim, IssueBounce | MailBounce):
            return claim
        about = _about_subscription(session, claim.ids)
        if about is not None:
            return about
    return None


def _claims(
    found: Complaint, proofs: Proofs, *, now: datetime
) -> Iterator[IssueBounce | MailBounce | UnsubscribeRequest]:
    for address in found.addresses:
        try:
            yield proofs.paths.read(address, now=now)
        except TokenRefused:
            continue
    for url in found.urls:
        token = url.rstrip("/").rpartition("/")[2]
        try:
            yield UnsubscribeRequest(proofs.signer.read(token, Purpose.UNSUBSCRIBE, now=now).ids)
        except TokenRefused:
            continue


def _about_subscription(session: Session, ids: tuple[int, ...]) -> About | None:
    """An unsubscribe token names a subscription and the issue it stood in.

    In a digest it names no issue; then the newest single mail to the reader is meant.
    """
    subscription_id, issue_id = (*ids, 0, 0)[:2]
    moved = session.get(MovedSubscription, subscription_id)
    row = session.get(Subscription, moved.subscription_id if moved else subscription_id)
    if row is None:
        return None
    return IssueBounce(issue_id, row.subscriber_id) if issue_id else latest_mail(session, row.subscriber_id)


def _guess(session: Session, found: Complaint, proofs: Proofs) -> Guess:
    """Whom a complaint without proof seems to be about, so that an editor need not search."""
    named = _named(session, found.message_ids)
    own = _own_addresses(session, named) if named is not None else tuple(found.recipients)
    return Guess(about=named, kind=EventKind.COMPLAINT, reply=found.type, address_hash=_digest(proofs, own))


def _named(session: Session, found: Iterable[str]) -> IssueBounce | None:
    """The first mail of ours, to a reader who is still with us, that one of these Message-IDs names."""
    for about in filter(None, map(about_message_id, found)):
        if session.get(Subscriber, about.subscriber_id) is not None:
            return about
    return None


def _own_addresses(session: Session, about: About) -> tuple[str, ...]:
    """The address a mail of ours went to, as the other server may write it."""
    if isinstance(about, MailBounce):
        mail = session.get(OutboxMail, about.outbox_id)
        return (mail.recipient,) if mail is not None else ()
    query = select(Subscriber.email, Subscriber.email_key).where(Subscriber.id == about.subscriber_id)
    row = session.execute(query).one_or_none()
    return tuple(row) if row is not None else ()


def _digest(proofs: Proofs, addresses: tuple[str, ...]) -> str:
    for address in addresses:
        try:
            return proofs.digester.address(parse_address(address).key)
        except InvalidAddress:
            continue
    return ""


def _aside(session: Session, mail: Arrived, why: QuarantineReason, guess: Guess, *, now: datetime) -> None:
    quarantine.keep(
        session,
        door=mail.door,
        why=why,
        raw=mail.raw,
        recipient=mail.recipient,
        sender=mail.sender,
        guess=guess,
        now=now,
    )

"""The one way in for everything that comes back: SMTP refusals, bounces, complaints, providers' reports.

Runs in the caller's transaction. Each event is kept once, whatever its order and however often it is told;
what follows is worked out from all of them (weighing.py) by one table (policy.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletters.bounces import deliveries, rates, spikes
from newsletters.bounces.classify import classify
from newsletters.bounces.event import EventKind, MailEvent, Recorded
from newsletters.bounces.models import Bounce, BounceKind, Complaint
from newsletters.bounces.policy import CONSEQUENCES, Consequence
from newsletters.bounces.quarantined import QuarantinedMail
from newsletters.bounces.weighing import lock_reader, weigh
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.verp import IssueBounce, MailBounce
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.stopping import mark_complained
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import SuppressionReason

LONGEST_REPLY = 500
SMTP = "smtp"
ENDS_MAIL = frozenset({EventKind.HARD, EventKind.SOFT, EventKind.POLICY})


@dataclass(frozen=True, slots=True)
class _Told:
    """Whom an event is about, as far as they are still known."""

    subscriber_id: int | None
    issue_id: int | None
    has_moved: bool = False


def record_event(session: Session, event: MailEvent, *, now: datetime) -> Recorded:
    """Keep what came back and act on it. Idempotent by ``event.key``; ids that mean nothing raise nothing."""
    if _is_known(session, event.key):
        return Recorded.KNOWN
    told = _told(session, event)
    if told is None:
        return Recorded.NOBODY
    if told.subscriber_id is None or told.has_moved:
        return Recorded.NEW
    return _record(session, event, told, now=now)


def _record(session: Session, event: MailEvent, told: _Told, *, now: datetime) -> Recorded:
    """The delivery's batch is locked before the reader, as a sender does."""
    bounce = _bounce(event, told, now) if event.kind is not EventKind.COMPLAINT else None
    if bounce is not None and event.source != SMTP:  # a refusal in the dialogue settles its delivery itself
        bounce.owes_delivery = not deliveries.tell(session, bounce, now=now)
    reader = lock_reader(session, told.subscriber_id or 0)
    if reader is None:
        return Recorded.NOBODY
    if _is_known(session, event.key):  # told a second time while we waited for the first
        return Recorded.KNOWN
    if bounce is None:
        _complain(session, event, told, reader, now=now)
    else:
        _keep(session, bounce, reader, now=now)
    return Recorded.NEW


def _told(session: Session, event: MailEvent) -> _Told | None:
    """The reader and issue, and for a single mail what its row has to know."""
    about = event.about
    if isinstance(about, IssueBounce):
        known = session.scalar(select(Subscriber.id).where(Subscriber.id == about.subscriber_id))
        return None if known is None else _Told(known, about.issue_id)
    mail = session.get(OutboxMail, about.outbox_id)
    if mail is None:
        return None
    if event.source != SMTP and event.kind in ENDS_MAIL and mail.state is OutboxState.ACCEPTED:
        mail.state, mail.reply = OutboxState.FAILED, event.reply[:LONGEST_REPLY]
    return _Told(mail.subscriber_id, None, has_moved=_is_elsewhere(session, mail))


def _is_elsewhere(session: Session, mail: OutboxMail) -> bool:
    """Whether a mail went to another address than its reader has now: it says nothing about this one."""
    if mail.subscriber_id is None:
        return False
    key = session.scalar(select(Subscriber.email_key).where(Subscriber.id == mail.subscriber_id))
    try:
        return key is not None and parse_address(mail.recipient).key != key
    except InvalidAddress:
        return True


def _bounce(event: MailEvent, told: _Told, now: datetime) -> Bounce:
    return Bounce(
        subscriber_id=told.subscriber_id,
        issue_id=told.issue_id,
        kind=BounceKind(event.kind.value),
        reply=event.reply[:LONGEST_REPLY],
        at=min(event.at, now),
        source=event.source[:20],
        event_key=event.key,
        owes_delivery=False,
        is_weighed=True,
    )


def _keep(session: Session, bounce: Bounce, reader: Subscriber, *, now: datetime) -> None:
    bounce.domain = domain_of(reader)
    session.add(bounce)
    session.flush()
    consequence = CONSEQUENCES[EventKind(bounce.kind.value)]
    if consequence is Consequence.NOTHING:
        return
    if consequence is Consequence.SUPPRESS:
        spikes.suspect(session, bounce, now=now)
    weigh(session, reader, now=now)


def _complain(session: Session, event: MailEvent, told: _Told, reader: Subscriber, *, now: datetime) -> None:
    session.add(
        Complaint(
            subscriber_id=reader.id,
            issue_id=told.issue_id,
            source=event.source,
            at=min(event.at, now),
            event_key=event.key,
            domain=domain_of(reader),
        )
    )
    suppress(session, address_hash=reader.address_hash, reason=SuppressionReason.COMPLAINT, now=now)
    mark_complained(session, subscriber_id=reader.id, now=now)
    if told.issue_id is not None:
        session.flush()
        rates.watch_complaints(session, told.issue_id, now=now)


def domain_of(reader: Subscriber) -> str:
    return reader.email_key.rpartition("@")[2][:255]


def _is_known(session: Session, key: str) -> bool:
    bounced = session.scalar(select(Bounce.id).where(Bounce.event_key == key))
    return (
        bounced is not None
        or session.scalar(select(Complaint.id).where(Complaint.event_key == key)) is not None
    )


def forget_reader(session: Session, subscriber_id: int) -> None:
    """Delete what came back from an erased reader. Idempotent."""
    for table in (Bounce, Complaint, QuarantinedMail):
        session.execute(delete(table).where(table.subscriber_id == subscriber_id))


class SmtpRefusals:
    """What a sender asks when the server refuses a mail for good."""

    def classify(self, code: int, enhanced: str, text: str) -> str:
        return classify(code, enhanced, text)

    def record(
        self, session: Session, *, subscriber_id: int, issue_id: int, kind: str, reply: str, now: datetime
    ) -> None:
        about = IssueBounce(issue_id, subscriber_id)
        record_event(session, refusal(about, EventKind(kind), reply, now=now), now=now)


def refusal(about: IssueBounce | MailBounce, kind: EventKind, reply: str, *, now: datetime) -> MailEvent:
    """A server's own no, heard in the dialogue: one for each time it was asked."""
    return MailEvent(about=about, kind=kind, source=SMTP, event_id=now.isoformat(), at=now, reply=reply)

"""Everything that ever passed between us and one reader, as one list of happenings in the order of time.

Reads the slices that know a part each; says nothing in words, which are the door's.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.bounces.queries import bounces_of, complaints_of
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.delivery.queries import deliveries_to
from newsletters.mail.models import OutboxMail
from newsletters.mail.queries import mails_to
from newsletters.publishing.models import Issue, Newsletter, OptInWording
from newsletters.subscribers.models import Confirmation
from newsletters.subscribers.queries import ConsentLine, Person
from newsletters.subscribers.suppressed import suppressions_of
from newsletters.subscribers.suppression_models import Suppression


class Kind(StrEnum):
    """What sort of thing happened; which of several is said by ``how``."""

    CONSENT = "consent"
    MAIL = "mail"
    SCANNED = "scanned"
    DELIVERY = "delivery"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    SUPPRESSED = "suppressed"
    LIFTED = "lifted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened. ``how`` is a state or an event's name, ``reason`` says more about it."""

    at: datetime
    kind: Kind
    how: str = ""
    reason: str = ""
    newsletter: str = ""
    issue_id: int | None = None
    subject: str = ""
    reply: str = ""
    attempts: int = 0
    form: str = ""
    page: str = ""
    wording: OptInWording | None = None


@dataclass(frozen=True, slots=True)
class _Names:
    newsletters: Mapping[int, str]
    issues: Mapping[int, Issue]


def history(session: Session, person: Person) -> list[Happening]:
    """The happenings of one reader, the newest first."""
    reader_id = person.subscriber.id
    deliveries = deliveries_to(session, reader_id)
    bounces, complaints = bounces_of(session, reader_id), complaints_of(session, reader_id)
    mentioned = {row.issue_id for rows in (deliveries, bounces, complaints) for row in rows}
    names = _names(session, mentioned - {None})
    refused = {row.issue_id for row in deliveries if row.state is DeliveryState.BOUNCED}
    happenings = [
        *(_consent(line, names) for line in person.consent),
        *(happening for mail in mails_to(session, reader_id) for happening in _mail(mail)),
        *(_scan(row) for row in person.confirmations if row.scanned_at),
        *(_delivery(row, names) for row in deliveries),
        *(
            _issue_event(row.at, Kind.BOUNCE, row.issue_id, names, how=row.kind.value, reply=row.reply)
            for row in bounces
            if row.issue_id not in refused
        ),
        *(_issue_event(row.at, Kind.COMPLAINT, row.issue_id, names, how=row.source) for row in complaints),
        *(
            happening
            for row in suppressions_of(session, person.subscriber.address_hash)
            for happening in _suppression(row.entry)
        ),
    ]
    return sorted(happenings, key=lambda happening: happening.at, reverse=True)


def _names(session: Session, issue_ids: Collection[int | None]) -> _Names:
    newsletters = session.execute(select(Newsletter.id, Newsletter.name))
    issues = session.scalars(select(Issue).where(Issue.id.in_(issue_ids)))
    return _Names(dict(newsletters.all()), {issue.id: issue for issue in issues})


def _consent(line: ConsentLine, names: _Names) -> Happening:
    record = line.record
    return Happening(
        at=record.at,
        kind=Kind.CONSENT,
        how=record.event.value,
        reason=record.mechanism,
        newsletter=names.newsletters.get(record.newsletter_id, ""),
        form=record.form,
        page=record.page,
        wording=line.wording,
    )


def _mail(mail: OutboxMail) -> Iterator[Happening]:
    """When it was asked for and, if it is settled, what came of it."""
    yield Happening(at=mail.created_at, kind=Kind.MAIL, how="queued", reason=mail.kind)
    if mail.settled_at is not None:
        yield Happening(
            at=mail.settled_at,
            kind=Kind.MAIL,
            how=mail.state.value,
            reason=mail.kind,
            reply=mail.reply,
            attempts=mail.attempts,
        )


def _scan(row: Confirmation) -> Happening:
    return Happening(at=row.scanned_at or row.created_at, kind=Kind.SCANNED)


def _delivery(row: Delivery, names: _Names) -> Happening:
    issue = names.issues[row.issue_id]  # held by a foreign key
    return _issue_event(
        row.settled_at or row.next_attempt_at or issue.started_at or issue.created_at,
        Kind.DELIVERY,
        row.issue_id,
        names,
        how=row.state.value,
        reason=row.reason,
        reply=row.reply,
        attempts=row.attempts,
    )


def _issue_event(
    at: datetime,
    kind: Kind,
    issue_id: int | None,
    names: _Names,
    *,
    how: str = "",
    reason: str = "",
    reply: str = "",
    attempts: int = 0,
) -> Happening:
    issue = names.issues.get(issue_id or 0)
    return Happening(
        at=at,
        kind=kind,
        how=how,
        reason=reason,
        reply=reply,
        attempts=attempts,
        issue_id=issue_id,
        subject=issue.subject if issue else "",
        newsletter=names.newsletters.get(issue.newsletter_id, "") if issue else "",
    )


def _suppression(row: Suppression) -> Iterator[Happening]:
    yield Happening(at=row.created_at, kind=Kind.SUPPRESSED, how=row.reason.value, reason=row.detail)
    if row.lifted_at is not None:
        yield Happening(at=row.lifted_at, kind=Kind.LIFTED, reason=row.lifted_reason)

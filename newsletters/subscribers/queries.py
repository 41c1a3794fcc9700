"""What the desk asks about readers: one person, how many stand where, and how a newsletter grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.publishing.models import OptInWording
from newsletters.subscribers import lookups
from newsletters.subscribers.models import (
    Confirmation,
    ConsentRecord,
    SignupRequest,
    Subscriber,
    Subscription,
)
from newsletters.subscribers.reader_list import ReaderRow, readers
from newsletters.subscribers.standing_counts import counts
from newsletters.subscribers.suppression import EVERYTHING
from newsletters.subscribers.suppression_models import Suppression

__all__ = [
    "ConsentLine",
    "Day",
    "Person",
    "ReaderRow",
    "consent_lines",
    "counts",
    "find_reader",
    "growth",
    "person",
    "readers",
    "suppression_of",
]


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """A consent record with the very words that were agreed to."""

    record: ConsentRecord
    wording: OptInWording | None


@dataclass(frozen=True, slots=True)
class Person:
    """Everything this slice knows about one reader."""

    subscriber: Subscriber
    subscriptions: tuple[Subscription, ...]
    consent: tuple[ConsentLine, ...]
    requests: tuple[SignupRequest, ...]
    confirmations: tuple[Confirmation, ...]
    suppression: Suppression | None


@dataclass(frozen=True, slots=True)
class Day:
    """How many began and how many ended a newsletter on one day (UTC)."""

    on: date
    joined: int
    left: int


def person(session: Session, subscriber_id: int) -> Person | None:
    """One reader's page; times are in each row, oldest first."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None:
        return None
    requests = session.scalars(
        select(SignupRequest).where(SignupRequest.subscriber_id == subscriber_id).order_by(SignupRequest.id)
    )
    confirmations = session.scalars(
        select(Confirmation).where(Confirmation.subscriber_id == subscriber_id).order_by(Confirmation.id)
    )
    return Person(
        subscriber=subscriber,
        subscriptions=tuple(lookups.subscriptions(session, subscriber_id)),
        consent=tuple(consent_lines(session, subscriber_id)),
        requests=tuple(requests),
        confirmations=tuple(confirmations),
        suppression=suppression_of(session, subscriber.address_hash),
    )


def find_reader(session: Session, email: str) -> Subscriber | None:
    """The reader with an address, however it is written."""
    try:
        return lookups.subscriber_by_key(session, parse_address(email).key)
    except InvalidAddress:
        return None


def consent_lines(session: Session, subscriber_id: int) -> Sequence[ConsentLine]:
    """A reader's evidence with its wordings, oldest first."""
    rows = session.execute(
        select(ConsentRecord, OptInWording)
        .outerjoin(OptInWording, OptInWording.id == ConsentRecord.wording_id)
        .where(ConsentRecord.subscriber_id == subscriber_id)
        .order_by(ConsentRecord.at, ConsentRecord.id)
    )
    return [ConsentLine(record, wording) for record, wording in rows]


def suppression_of(session: Session, address_hash: str) -> Suppression | None:
    """The suppression of an address that is in force everywhere."""
    return session.scalar(
        select(Suppression).where(
            Suppression.address_hash == address_hash,
            Suppression.scope == EVERYTHING,
            Suppression.lifted_at.is_(None),
        )
    )


def growth(session: Session, newsletter_id: int, *, since: date, until: date) -> list[Day]:
    """Each day from ``since`` to ``until``, both included, quiet ones too."""
    joined = _by_day(session, newsletter_id, Subscription.confirmed_at, since=since, until=until)
    left = _by_day(session, newsletter_id, Subscription.ended_at, since=since, until=until)
    days = (since + timedelta(days=number) for number in range((until - since).days + 1))
    return [Day(on, joined.get(on, 0), left.get(on, 0)) for on in days]


def _by_day(
    session: Session,
    newsletter_id: int,
    column: InstrumentedAttribute[datetime | None],
    *,
    since: date,
    until: date,
) -> dict[date, int]:
    on = _utc_day(session, column)
    rows = session.execute(
        select(on, func.count())
        .where(
            Subscription.newsletter_id == newsletter_id,
            column >= datetime.combine(since, time(), UTC),
            column < datetime.combine(until + timedelta(days=1), time(), UTC),
        )
        .group_by(on)
    )
    return {date.fromisoformat(str(day)): number for day, number in rows}


def _utc_day(session: Session, column: InstrumentedAttribute[datetime | None]) -> ColumnElement[object]:
    """The day of a time as UTC has it: SQLite stores UTC; PostgreSQL would use the session's zone."""
    if session.get_bind().dialect.name == "sqlite":
        return func.date(column)
    return func.date(func.timezone("UTC", column))

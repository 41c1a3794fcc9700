"""Batches change hands here: claimed under a fenced lease, kept, and handed back.

A claim is one statement: two workers never get one batch (SKIP LOCKED on PostgreSQL, BEGIN IMMEDIATE on
SQLite). Whoever lost the lease finds a higher fence and is refused. A claim from a holder that died
names the messages that holder had begun: they are in doubt, and their rows say so before anything is sent.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Update, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import SQLColumnExpression

from newsletters.delivery import tallies
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.kernel.columns import UtcDateTime
from newsletters.kernel.errors import DomainError
from newsletters.kernel.restorations import is_held
from newsletters.publishing.models import Issue, IssueState

LEASE = timedelta(seconds=15)
IN_DOUBT = "in_doubt"


class LeaseLost(DomainError):
    """Another worker has taken the batch over; nothing more may be written for it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One worker's right to work on one batch: the deliveries of an issue from one number to another."""

    batch_id: int
    issue_id: int
    fence: int
    first_id: int
    last_id: int

    def owns(self) -> ColumnElement[bool]:
        """Its deliveries."""
        return in_range(self.issue_id, self.first_id, self.last_id)


def claim(session: Session, *, worker: str, retries_doubt: bool, now: datetime) -> Hold | None:
    """Take the batch that is due longest, or None where none is due."""
    due = first_due(session, now=now)
    if due is None:
        return None
    given = {"batch": due, "until": now + LEASE, "by": worker}
    taken = session.connection().execute(_TAKE, given).one()
    hold = Hold(taken.id, taken.issue_id, taken.fence, taken.first_id, taken.last_id)
    if taken.in_flight:
        doubt(session, hold, in_flight_ids(taken.in_flight), retries=retries_doubt, now=now)
    return hold


def first_due(session: Session, *, now: datetime, lock: bool = True) -> int | None:
    """The batch that is due longest among the sending issues, locked unless told otherwise.

    Each issue is asked for its first: the index gives it without reading what else waits. There is none
    while a database that was put back from a copy waits for an owner.
    """
    connection, first_of = session.connection(), _LOCK_FIRST if lock else _FIRST
    sending = connection.scalars(_SENDING).all()
    firsts = (connection.execute(first_of, {"issue": each, "now": now}).one_or_none() for each in sending)
    found = [(first.due_at, first.id) for first in firsts if first is not None]
    return min(found)[1] if found else None


def has_due(session: Session, *, now: datetime) -> bool:
    """Whether a claim would find something."""
    return first_due(session, now=now, lock=False) is not None


def hand_back(session: Session, hold: Hold, *, now: datetime) -> None:
    """End a hold: the batch is done, or due when the first of its open deliveries is. Raises LeaseLost."""
    _write_held(session, hold, {"leased_until": None, "in_flight": "", "worked_at": now})
    between = {"issue": hold.issue_id, "first": hold.first_id, "last": hold.last_id}
    due_at = session.connection().execute(_NEXT, {**between, "now": now}).scalar()
    ends = {"state": BatchState.DONE} if due_at is None else {"due_at": due_at}
    _write_held(session, hold, ends | _tallied(session, hold))


def abandon(session: Session, hold: Hold, *, retries_doubt: bool, now: datetime) -> None:
    """End a hold in the middle: what was on its way is in doubt. Raises LeaseLost."""
    _write_held(session, hold, {"worked_at": now})
    begun = session.scalars(select(Batch.in_flight).where(Batch.id == hold.batch_id)).one()
    doubt(session, hold, in_flight_ids(begun), retries=retries_doubt, now=now)
    hand_back(session, hold, now=now)


def count(session: Session, hold: Hold, *, now: datetime) -> None:
    """Tell how a batch stands that is still worked on. Raises LeaseLost."""
    _write_held(session, hold, {"worked_at": now, "leased_until": now + LEASE})
    _write_held(session, hold, _tallied(session, hold))


def _tallied(session: Session, hold: Hold) -> dict[str, Any]:
    return tallies.counted(session, hold.issue_id, hold.first_id, hold.last_id)


def _write_held(session: Session, hold: Hold, values: dict[str, Any]) -> None:
    """Write to the batch, which holds its row until the commit. Raises LeaseLost where it is not ours."""
    given = {f"new_{name}": value for name, value in values.items()}
    written = session.connection().execute(
        _write(tuple(values)), {"batch": hold.batch_id, "held": hold.fence, **given}
    )
    if written.rowcount != 1:
        raise LeaseLost(f"batch {hold.batch_id}: fence {hold.fence} is past")


def release_dead(session: Session, *, worker: str, now: datetime) -> None:
    """End the leases of a worker that is known to be dead, so that nobody waits for them to run out."""
    session.execute(
        update(Batch)
        .where(Batch.worker == worker, Batch.state == BatchState.OPEN, Batch.leased_until > now)
        .values(leased_until=now)
        .execution_options(synchronize_session=False)
    )


def doubt_abandoned(session: Session, *, retries_doubt: bool, now: datetime) -> int:
    """Put in doubt what a dead or frozen worker had begun of paused issues; say of how many batches.

    Nobody claims those until the issue goes on, and an editor who looks meanwhile is told the truth.
    """
    left = (
        select(Batch)
        .join(Issue, Issue.id == Batch.issue_id)
        .where(Issue.state == IssueState.PAUSED, Batch.state == BatchState.OPEN)
        .where(Batch.leased_until <= now, Batch.in_flight != "")
    )
    locked = left.order_by(Batch.id).with_for_update(skip_locked=True, of=Batch)
    found = session.scalars(locked.execution_options(populate_existing=True)).all()
    for batch in found:
        hold = Hold(batch.id, batch.issue_id, batch.fence + 1, batch.first_id, batch.last_id)
        doubt(session, hold, in_flight_ids(batch.in_flight), retries=retries_doubt, now=now)
        batch.fence, batch.leased_until, batch.in_flight = hold.fence, None, ""
        session.flush()
        tallies.recount(session, batch.id)
    return len(found)


def leasing_workers(session: Session, *, now: datetime) -> list[str]:
    """The workers whose leases run at this moment."""
    held = select(Batch.worker).where(Batch.state == BatchState.OPEN, Batch.leased_until > now)
    return list(session.scalars(held.distinct()))


def doubt(
    session: Session, hold: Hold, subscriber_ids: Collection[int], *, retries: bool, now: datetime
) -> None:
    """Mark the messages that were on their way when their worker died."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.issue_id == hold.issue_id, Delivery.subscriber_id.in_(sorted(subscriber_ids)), is_open()
        )
        .values(
            state=DeliveryState.UNKNOWN,
            reason=IN_DOUBT,
            attempts=Delivery.attempts + 1,
            next_attempt_at=now if retries else None,
            settled_at=None if retries else now,
            reply="the worker died while the message was on its way",
        )
        .execution_options(synchronize_session=False)
    )


def in_flight_ids(in_flight: str) -> list[int]:
    """The subscribers a batch names as on their way."""
    return [int(number) for number in in_flight.split(",") if number]


def in_range(
    issue_id: int | SQLColumnExpression[int],
    first_id: int | SQLColumnExpression[int],
    last_id: int | SQLColumnExpression[int],
) -> ColumnElement[bool]:
    """The deliveries of an issue to the subscribers from one number to another."""
    return and_(
        Delivery.issue_id == issue_id, Delivery.subscriber_id >= first_id, Delivery.subscriber_id <= last_id
    )


def is_open() -> ColumnElement[bool]:
    """Whether a delivery still wants work: it waits, or it is in doubt and to be tried again."""
    retried_doubt = and_(Delivery.state == DeliveryState.UNKNOWN, Delivery.next_attempt_at.is_not(None))
    return or_(Delivery.state == DeliveryState.WAITING, retried_doubt)


def is_due(now: datetime) -> ColumnElement[bool]:
    return or_(Delivery.next_attempt_at.is_(None), Delivery.next_attempt_at <= now)


# Built once: a worker runs them for every batch, several times a second.
_NOW: Final = bindparam("now", type_=UtcDateTime)
_SENDING: Final = select(Issue.id).where(Issue.state == IssueState.SENDING, ~is_held())
_FIRST: Final = (
    select(Batch.id, Batch.due_at)
    .where(
        Batch.issue_id == bindparam("issue"),
        Batch.state == BatchState.OPEN,
        Batch.due_at <= _NOW,
        or_(Batch.leased_until.is_(None), Batch.leased_until <= _NOW),
    )
    .order_by(Batch.due_at, Batch.id)
    .limit(1)
)
_LOCK_FIRST: Final = _FIRST.with_for_update(skip_locked=True)
_TAKE: Final = (
    update(Batch)
    .where(Batch.id == bindparam("batch"))
    .values(fence=Batch.fence + 1, leased_until=bindparam("until"), worker=bindparam("by"))
    .returning(Batch.id, Batch.issue_id, Batch.fence, Batch.first_id, Batch.last_id, Batch.in_flight)
)
_NEXT: Final = select(func.min(func.coalesce(Delivery.next_attempt_at, _NOW))).where(
    in_range(bindparam("issue"), bindparam("first"), bindparam("last")), is_open()
)


@cache
def _write(columns: tuple[str, ...]) -> Update:
    """Write these columns of a batch that is held."""
    held = Batch.id == bindparam("batch"), Batch.fence == bindparam("held"), Batch.state == BatchState.OPEN
    return update(Batch).where(*held).values({name: bindparam(f"new_{name}") for name in columns})

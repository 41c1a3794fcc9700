"""Batches change hands here: claimed under a fenced lease, kept, and handed back.

A claim is one statement: two workers never get one batch (SKIP LOCKED on PostgreSQL, BEGIN IMMEDIATE on
SQLite). Whoever lost the lease finds a higher fence and is refused. A claim from a holder that died
names the one message that holder had begun: it is in doubt, and its row says so before anything is sent.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.orm import Session

from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.kernel.errors import DomainError
from newsletters.publishing.models import Issue, IssueState

LEASE = timedelta(seconds=15)
IN_DOUBT = "in_doubt"


class LeaseLost(DomainError):
    """Another worker has taken the batch over; nothing more may be written for it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """One worker's right to work on one batch."""

    batch_id: int
    issue_id: int
    fence: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A hold and the subscribers to serve, in the order they are served."""

    hold: Hold
    subscriber_ids: list[int] = field(default_factory=list)


def claim(session: Session, *, worker: str, retries_doubt: bool, now: datetime) -> Claim | None:
    """Take the batch that is due longest, or None where none is due."""
    taken = session.execute(
        update(Batch)
        .where(Batch.id == _next_due(now).scalar_subquery())
        .values(fence=Batch.fence + 1, leased_until=now + LEASE, worker=worker)
        .returning(Batch.id, Batch.issue_id, Batch.fence, Batch.in_flight_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if taken is None:
        return None
    hold = Hold(taken.id, taken.issue_id, taken.fence)
    if taken.in_flight_id is not None:
        doubt(session, hold, taken.in_flight_id, retries=retries_doubt, now=now)
    work = (
        select(Delivery.subscriber_id)
        .where(Delivery.batch_id == hold.batch_id, is_open(), is_due(now))
        .order_by(Delivery.subscriber_id)
    )
    return Claim(hold, list(session.scalars(work)))


def has_due(session: Session, *, now: datetime) -> bool:
    """Whether a claim would find something."""
    return session.scalar(_next_due(now, lock=False)) is not None


def keep(session: Session, holds: Collection[Hold], *, now: datetime) -> None:
    """Put off the end of the leases that are still ours."""
    for hold in holds:
        session.execute(
            update(Batch)
            .where(Batch.id == hold.batch_id, Batch.fence == hold.fence)
            .values(leased_until=now + LEASE)
            .execution_options(synchronize_session=False)
        )


def hand_back(session: Session, hold: Hold, *, settled: int, now: datetime) -> None:
    """End a hold: the batch is done, or due when the first of its open deliveries is. Raises LeaseLost."""
    due_at = session.scalar(
        select(func.min(func.coalesce(Delivery.next_attempt_at, now))).where(
            Delivery.batch_id == hold.batch_id, is_open()
        )
    )
    ended: dict[str, Any] = {"leased_until": None, "in_flight_id": None, "worked_at": now, "settled": settled}
    ended |= {"state": BatchState.DONE} if due_at is None else {"due_at": due_at}
    _write_held(session, hold, ended)


def _write_held(session: Session, hold: Hold, values: dict[str, Any]) -> None:
    """Write to the batch, which holds its row until the commit. Raises LeaseLost where it is not ours."""
    written = session.execute(
        update(Batch)
        .where(Batch.id == hold.batch_id, Batch.fence == hold.fence, Batch.state == BatchState.OPEN)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", written).rowcount != 1:
        raise LeaseLost(f"batch {hold.batch_id}: fence {hold.fence} is past")


def release_dead(session: Session, *, worker: str, now: datetime) -> None:
    """End the leases of a worker that is known to be dead, so that nobody waits for them to run out."""
    session.execute(
        update(Batch)
        .where(Batch.worker == worker, Batch.state == BatchState.OPEN, Batch.leased_until > now)
        .values(leased_until=now)
        .execution_options(synchronize_session=False)
    )


def leasing_workers(session: Session, *, now: datetime) -> list[str]:
    """The workers whose leases run at this moment."""
    held = select(Batch.worker).where(Batch.state == BatchState.OPEN, Batch.leased_until > now)
    return list(session.scalars(held.distinct()))


def doubt(session: Session, hold: Hold, subscriber_id: int, *, retries: bool, now: datetime) -> None:
    """Mark the message that was on its way when its worker died."""
    session.execute(
        update(Delivery)
        .where(Delivery.issue_id == hold.issue_id, Delivery.subscriber_id == subscriber_id, is_open())
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


def is_open() -> ColumnElement[bool]:
    """Whether a delivery still wants work: it waits, or it is in doubt and to be tried again."""
    retried_doubt = and_(Delivery.state == DeliveryState.UNKNOWN, Delivery.next_attempt_at.is_not(None))
    return or_(Delivery.state == DeliveryState.WAITING, retried_doubt)


def is_due(now: datetime) -> ColumnElement[bool]:
    return or_(Delivery.next_attempt_at.is_(None), Delivery.next_attempt_at <= now)


def _next_due(now: datetime, *, lock: bool = True) -> Any:
    due = (
        select(Batch.id)
        .join(Issue, Issue.id == Batch.issue_id)
        .where(
            Issue.state == IssueState.SENDING,
            Batch.state == BatchState.OPEN,
            Batch.due_at <= now,
            or_(Batch.leased_until.is_(None), Batch.leased_until <= now),
        )
        .order_by(Batch.due_at, Batch.id)
        .limit(1)
    )
    return due.with_for_update(of=Batch, skip_locked=True) if lock else due

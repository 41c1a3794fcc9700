"""What the desk asks about sending: progress, reasons, and the readers behind each number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.delivery import counts
from newsletters.delivery.freeze import excluded
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.kernel.paging import PAGE_SIZE, Page, cut, decode_cursor
from newsletters.publishing.models import Issue, IssueState
from newsletters.subscribers.models import Subscriber

__all__ = ["Progress", "deliveries_to", "excluded", "progress", "reasons", "recipients"]

MEASURED_OVER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a send stands. ``prepared`` is the sum of the six numbers behind it, always."""

    prepared: int
    accepted: int
    bounced: int
    failed: int
    unknown: int
    waiting: int
    cancelled: int
    rate_per_second: float
    seconds_left: int | None
    put_off_until: datetime | None

    @property
    def settled(self) -> int:
        return self.prepared - self.waiting


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many readers share one outcome for one reason."""

    state: DeliveryState
    reason: str
    readers: int


@dataclass(frozen=True, slots=True)
class Reached:
    """One reader and what became of the issue for them; no address where the reader was erased."""

    subscriber_id: int
    email: str | None
    state: DeliveryState
    reason: str
    attempts: int
    next_attempt_at: datetime | None
    settled_at: datetime | None
    reply: str


def progress(session: Session, issue_id: int, *, now: datetime) -> Progress:
    """Count, and measure the rate over the last minute; the time left is known once it was measured.

    Where all that is left was put off by its servers, no rate tells when it ends: then it says until when.
    """
    by_state = counts.by_state(session, issue_id)
    issue = session.get_one(Issue, issue_id)
    rate = _rate(session, issue, now) if issue.state is IssueState.SENDING else 0.0
    waiting = by_state[DeliveryState.WAITING]
    put_off_until = _put_off_until(session, issue, now)
    return Progress(
        prepared=sum(by_state.values()),
        accepted=by_state[DeliveryState.ACCEPTED],
        bounced=by_state[DeliveryState.BOUNCED],
        failed=by_state[DeliveryState.FAILED],
        unknown=by_state[DeliveryState.UNKNOWN],
        waiting=waiting,
        cancelled=by_state[DeliveryState.CANCELLED],
        rate_per_second=rate,
        seconds_left=math.ceil(waiting / rate) if rate and put_off_until is None else None,
        put_off_until=put_off_until,
    )


def reasons(session: Session, issue_id: int) -> list[ReasonCount]:
    """The outcomes by reason, the largest first."""
    readers = func.count()
    counted = (
        select(Delivery.state, Delivery.reason, readers)
        .where(Delivery.issue_id == issue_id)
        .group_by(Delivery.state, Delivery.reason)
        .order_by(readers.desc(), Delivery.state, Delivery.reason)
    )
    return [ReasonCount(*row) for row in session.execute(counted)]


def recipients(
    session: Session,
    issue_id: int,
    *,
    state: DeliveryState,
    after: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[Reached]:
    """The readers with one outcome, by their number; ``after`` is the cursor of the page before."""
    key = decode_cursor(after)
    past = key[0] if key is not None and isinstance(key[0], int) else 0
    rows = session.execute(
        select(
            Delivery.subscriber_id,
            Subscriber.email,
            Delivery.state,
            Delivery.reason,
            Delivery.attempts,
            Delivery.next_attempt_at,
            Delivery.settled_at,
            Delivery.reply,
        )
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(Delivery.issue_id == issue_id, Delivery.state == state, Delivery.subscriber_id > past)
        .order_by(Delivery.subscriber_id)
        .limit(size + 1)
    )
    return cut([Reached(*row) for row in rows], size, lambda row: (row.subscriber_id,))


def deliveries_to(session: Session, subscriber_id: int, *, limit: int = 100) -> Sequence[Delivery]:
    """What became of every issue for one reader, the newest issue first."""
    found = select(Delivery).where(Delivery.subscriber_id == subscriber_id)
    return session.scalars(found.order_by(Delivery.issue_id.desc()).limit(limit)).all()


def _put_off_until(session: Session, issue: Issue, now: datetime) -> datetime | None:
    """When the first of the open batches is due, if none is yet. One that is worked on stays due."""
    if issue.state is not IssueState.SENDING:
        return None
    first = session.scalar(
        select(func.min(Batch.due_at)).where(Batch.issue_id == issue.id, Batch.state == BatchState.OPEN)
    )
    return first if first is not None and first > now else None


def _rate(session: Session, issue: Issue, now: datetime) -> float:
    """Messages a second, from the batches that were handed back lately."""
    since = max(now - MEASURED_OVER, issue.started_at or now)
    settled = session.scalar(
        select(func.sum(Batch.settled)).where(Batch.issue_id == issue.id, Batch.worked_at >= since)
    )
    seconds = (now - since).total_seconds()
    return float(settled or 0) / seconds if seconds > 0 else 0.0

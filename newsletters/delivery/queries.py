"""What the desk asks about sending: progress, reasons, and the readers behind each number."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, repeat

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session

from newsletters.delivery import counts
from newsletters.delivery.batches import in_range
from newsletters.delivery.freeze import excluded
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.delivery.tallies import TALLIES
from newsletters.kernel.paging import PAGE_SIZE, Page, cut, decode_cursor
from newsletters.publishing.models import Issue, IssueState
from newsletters.subscribers.models import Subscriber

__all__ = ["Progress", "deliveries_to", "excluded", "progress", "reasons", "recipients"]

MEASURED_OVER = timedelta(seconds=60)
FIRST_LOOKS = (1, 10)  # batches; nearly all that most readers share is in the first
BATCHES_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a send stands. ``prepared`` is the sum of the six numbers behind it, always.

    While the readers are still being written down, ``looked_at`` of ``expected`` have been.
    """

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
    is_being_prepared: bool = False
    looked_at: int = 0
    expected: int = 0

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
        is_being_prepared=issue.is_being_prepared,
        looked_at=issue.prepared + sum(excluded(session, issue_id).values()),
        expected=issue.candidates,
    )


def reasons(session: Session, issue_id: int) -> list[ReasonCount]:
    """The outcomes by reason, the largest first."""
    counted = counts.reasons(session, issue_id).items()
    found = [ReasonCount(state, reason, readers) for (state, reason), readers in counted]
    return sorted(found, key=lambda one: (-one.readers, one.state, one.reason))


def recipients(
    session: Session,
    issue_id: int,
    *,
    state: DeliveryState,
    after: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[Reached]:
    """The readers with one outcome, by their number; ``after`` is the cursor of the page before.

    The batches' tallies say where there are any, so a few among a million are found at once.
    """
    key = decode_cursor(after)
    past = read_to = key[0] if key is not None and isinstance(key[0], int) else 0
    rows: list[Reached] = []
    for most in chain(FIRST_LOOKS, repeat(BATCHES_AT_ONCE)):
        batches = _batches_with(session, issue_id, state, past=read_to, most=most)
        for first_id, read_to in batches:
            if len(rows) <= size:
                ids = max(first_id, past + 1), read_to
                rows += _reached(session, issue_id, ids, state, most=size + 1 - len(rows))
        if len(rows) > size or len(batches) < most:
            break
    return cut(rows, size, lambda row: (row.subscriber_id,))


def _batches_with(
    session: Session, issue_id: int, state: DeliveryState, *, past: int, most: int
) -> Sequence[Row[int, int]]:
    """From where to where the batches reach that have readers in ``state``, or may: some count later."""
    has_any = or_(TALLIES[state] > 0, Batch.leased_until.is_not(None))
    found = select(Batch.first_id, Batch.last_id).where(
        Batch.issue_id == issue_id, Batch.last_id > past, has_any
    )
    return session.execute(found.order_by(Batch.last_id).limit(most)).all()


def _reached(
    session: Session, issue_id: int, ids: tuple[int, int], state: DeliveryState, *, most: int
) -> list[Reached]:
    """One batch at a time: joined with many, either database may rather walk the whole issue."""
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
        .where(in_range(issue_id, *ids), Delivery.state == state)
        .order_by(Delivery.subscriber_id)
        .limit(most)
    )
    return [Reached(*row) for row in rows]


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
    """Messages accepted a second, by the batches that were counted lately."""
    since = max(now - MEASURED_OVER, issue.started_at or now)
    seconds = (now - since).total_seconds()
    worked_on = select(Batch.accepted_in).where(Batch.issue_id == issue.id, Batch.worked_at >= since)
    counted = (one for accepted in session.scalars(worked_on) for one in accepted)
    accepted = sum(readers for second, readers in counted if second >= int(since.timestamp()))
    return accepted / seconds if seconds > 0 else 0.0

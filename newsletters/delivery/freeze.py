"""The start of a send: who gets the issue is written down, row by row, a stretch of readers at a time.

The audience is the one of the moment the issue started: whoever confirmed later is for the next issue, and
pauses are judged by that moment. A stretch is one short transaction, so a million readers never hold up
those who sign up meanwhile, and the first messages leave while the last readers are still being written
down. After a crash it goes on where it stopped. In every stretch candidates = prepared + excluded is
checked, from one snapshot. Content is frozen by its hash.
"""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, func, insert, literal, select
from sqlalchemy.orm import Session

from newsletters.delivery.audience import CANDIDATES, INCLUDED, exclusion, is_candidate
from newsletters.delivery.batches import in_range
from newsletters.delivery.gathering import ranges
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.kernel.errors import DomainError
from newsletters.kernel.restorations import is_held
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.publishing.lifecycle import MISSED_AFTER, Action, move, newsletter_of
from newsletters.publishing.models import ON_ITS_WAY, Issue, IssueExclusion, IssueState
from newsletters.subscribers.models import Subscriber, Subscription

STRETCH: Final = 5000  # subscriptions looked at in one transaction: some 30 ms


class DoesNotAddUp(DomainError):
    """Prepared and excluded are not the candidates; nothing of this stretch may stay."""


def due_issue_ids(session: Session, *, now: datetime) -> list[int]:
    """The scheduled issues whose time has come, the earliest first; none while all sending is held."""
    due = select(Issue.id).where(Issue.state == IssueState.SCHEDULED, Issue.send_at <= now, ~is_held())
    return list(session.scalars(due.order_by(Issue.send_at, Issue.id)))


def unprepared_issue_ids(session: Session) -> list[int]:
    """The issues on their way whose readers are not all written down."""
    begun = select(Issue.id).where(Issue.state.in_(ON_ITS_WAY), Issue.frozen_at.is_(None))
    return list(session.scalars(begun.order_by(Issue.started_at, Issue.id)))


def start(session: Session, issue_id: int, *, batch_size: int, now: datetime) -> Issue:
    """Freeze a due issue with its first stretch, or mark it missed where its time passed while nothing ran.

    Must be the first thing in its transaction. Raises WrongState when somebody undid it first.
    """
    _take_one_snapshot(session)
    issue = session.get_one(Issue, issue_id)
    if issue.send_at is not None and now - issue.send_at > MISSED_AFTER:
        move(session, issue, Action.MISS)
        return issue
    newsletter = newsletter_of(session, issue)
    move(session, issue, Action.START)
    issue.content_hash = frozen_hash(issue, newsletter)
    issue.started_at = now
    issue.candidates = _expected(session, issue)
    _write_stretch(session, issue, batch_size=batch_size, now=now)
    return issue


def go_on(session: Session, issue_id: int, *, batch_size: int, now: datetime) -> bool:
    """Write down the next stretch; False when there is nothing left to do.

    Must be the first thing in its transaction.
    """
    _take_one_snapshot(session)
    issue = session.get_one(Issue, issue_id, with_for_update=True)
    if issue.state not in ON_ITS_WAY or issue.frozen_at is not None:
        return False
    _write_stretch(session, issue, batch_size=batch_size, now=now)
    return issue.frozen_at is None


def excluded(session: Session, issue_id: int) -> dict[str, int]:
    """How many readers the freeze left out, by reason."""
    written = select(IssueExclusion).where(IssueExclusion.issue_id == issue_id)
    return {row.reason: row.readers for row in session.scalars(written)}


def _take_one_snapshot(session: Session) -> None:
    """On SQLite the writing transaction is alone anyway; PostgreSQL would see others commit in between."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _expected(session: Session, issue: Issue) -> int:
    """How many will be looked at, from the index alone: what is shown while they are written down."""
    counted = select(func.count()).where(
        Subscription.newsletter_id == issue.newsletter_id, Subscription.state.in_(CANDIDATES)
    )
    return session.scalar(counted) or 0


def _write_stretch(session: Session, issue: Issue, *, batch_size: int, now: datetime) -> None:
    through, is_last = _end_of_stretch(session, issue)
    judged = _judged(issue, through)
    counted = select(judged.c.reason, func.count()).group_by(judged.c.reason)
    reasons: dict[str, int] = dict(session.execute(counted).all())
    included = reasons.pop(INCLUDED, 0)
    prepared = _write_deliveries(session, issue, judged)
    if prepared != included:
        raise DoesNotAddUp(f"issue {issue.id}: {prepared} of {included} prepared through {through}")
    _cut_batches(session, issue, through, batch_size=batch_size, now=now)
    _add_exclusions(session, issue, reasons)
    issue.prepared += prepared
    issue.frozen_through = through
    if is_last:
        issue.frozen_at = now
        issue.candidates = issue.prepared + sum(excluded(session, issue.id).values())
    session.flush()


def _end_of_stretch(session: Session, issue: Issue) -> tuple[int, bool]:
    """The last subscriber of the next stretch, and whether nobody comes behind."""
    left = select(Subscription.subscriber_id).where(
        Subscription.newsletter_id == issue.newsletter_id, Subscription.subscriber_id > issue.frozen_through
    )
    ends = session.scalars(left.order_by(Subscription.subscriber_id).offset(STRETCH - 1).limit(2)).all()
    if len(ends) == 2:
        return ends[0], False
    last = session.scalar(left.order_by(Subscription.subscriber_id.desc()).limit(1))
    return last or issue.frozen_through, True


def _judged(issue: Issue, through: int) -> Any:
    """The stretch's candidates with the reason why each is left out, or none."""
    assert issue.started_at is not None  # noqa: S101  (set by start)
    as_of = issue.started_at
    return (
        select(Subscription.subscriber_id, exclusion(issue.newsletter_id, now=as_of).label("reason"))
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(
            is_candidate(issue.newsletter_id, as_of=as_of),
            Subscription.subscriber_id > issue.frozen_through,
            Subscription.subscriber_id <= through,
        )
        .subquery()
    )


def _write_deliveries(session: Session, issue: Issue, judged: Any) -> int:
    rows = select(
        literal(issue.id),
        judged.c.subscriber_id,
        literal(DeliveryState.WAITING.value),
        literal(""),
        literal(0),
        literal(""),
    ).where(judged.c.reason == literal(INCLUDED))
    columns = ["issue_id", "subscriber_id", "state", "reason", "attempts", "reply"]
    into = insert(Delivery).from_select(
        columns, rows.order_by(judged.c.subscriber_id), include_defaults=False
    )
    written = session.execute(into.execution_options(preserve_rowcount=True))
    return cast("CursorResult[Any]", written).rowcount


def _cut_batches(session: Session, issue: Issue, through: int, *, batch_size: int, now: datetime) -> None:
    mine = select(Delivery.subscriber_id).where(in_range(issue.id, issue.frozen_through + 1, through))
    readers = session.scalars(mine.order_by(Delivery.subscriber_id)).all()
    number = session.scalar(select(func.count()).where(Batch.issue_id == issue.id)) or 0
    cut = ranges(readers, issue.frozen_through + 1, through, size=batch_size)
    rows = [
        {
            "issue_id": issue.id,
            "number": number + place,
            "state": BatchState.OPEN,
            "due_at": now,
            "first_id": first,
            "last_id": last,
            "waiting": size,
            "reasons": [[DeliveryState.WAITING.value, "", size]],
        }
        for place, (first, last, size) in enumerate(cut)
    ]
    if rows:
        session.execute(insert(Batch), rows)


def _add_exclusions(session: Session, issue: Issue, reasons: dict[str, int]) -> None:
    for reason, readers in reasons.items():
        row = session.get(IssueExclusion, (issue.id, reason))
        if row is None:
            session.add(IssueExclusion(issue_id=issue.id, reason=reason, readers=readers))
            continue
        row.readers += readers

"""The start of a send: who gets the issue is written down, row by row, in one transaction.

The audience is taken from one snapshot, so that candidates = prepared + excluded holds by construction
and is checked all the same. Content is frozen by its hash. Nothing is read into memory but the batches.
"""

from datetime import datetime

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from newsletters.delivery.audience import INCLUDED, Audience, audience, exclusion, is_candidate
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.kernel.errors import DomainError
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.publishing.lifecycle import MISSED_AFTER, Action, move, newsletter_of
from newsletters.publishing.models import Issue, IssueExclusion, IssueState
from newsletters.subscribers.models import Subscriber, Subscription


class DoesNotAddUp(DomainError):
    """Prepared and excluded are not the candidates; nothing of this freeze may stay."""


def due_issue_ids(session: Session, *, now: datetime) -> list[int]:
    """The scheduled issues whose time has come, the earliest first."""
    due = select(Issue.id).where(Issue.state == IssueState.SCHEDULED, Issue.send_at <= now)
    return list(session.scalars(due.order_by(Issue.send_at, Issue.id)))


def start(session: Session, issue_id: int, *, batch_size: int, now: datetime) -> Issue:
    """Freeze a due issue, or mark it missed where its time passed while nothing ran.

    Must be the first thing in its transaction. Raises WrongState when somebody undid it first.
    """
    _take_one_snapshot(session)
    issue = session.get_one(Issue, issue_id)
    if issue.send_at is not None and now - issue.send_at > MISSED_AFTER:
        move(session, issue, Action.MISS)
        return issue
    freeze(session, issue, batch_size=batch_size, now=now)
    return issue


def freeze(session: Session, issue: Issue, *, batch_size: int, now: datetime) -> None:
    """Write the deliveries, the batches and the exclusions of ``issue`` and set it sending."""
    newsletter = newsletter_of(session, issue)
    move(session, issue, Action.START)
    issue.content_hash = frozen_hash(issue, newsletter)
    counted = audience(session, issue.newsletter_id, now=now)
    _cut_batches(session, issue, -(-counted.included // batch_size), now=now)
    prepared = _write_deliveries(session, issue, batch_size=batch_size, now=now)
    _write_exclusions(session, issue, counted)
    if prepared + sum(counted.excluded.values()) != counted.candidates:
        raise DoesNotAddUp(f"issue {issue.id}: {prepared} of {counted.included} prepared")
    issue.candidates, issue.prepared = counted.candidates, prepared
    issue.started_at = now
    session.flush()


def excluded(session: Session, issue_id: int) -> dict[str, int]:
    """How many readers the freeze left out, by reason."""
    written = select(IssueExclusion).where(IssueExclusion.issue_id == issue_id)
    return {row.reason: row.readers for row in session.scalars(written)}


def _take_one_snapshot(session: Session) -> None:
    """On SQLite the writing transaction is alone anyway; PostgreSQL would see others commit in between."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})


def _cut_batches(session: Session, issue: Issue, count: int, *, now: datetime) -> None:
    if not count:
        return
    rows = [
        {"issue_id": issue.id, "number": number, "state": BatchState.OPEN, "due_at": now}
        for number in range(count)
    ]
    session.execute(insert(Batch), rows)


def _write_deliveries(session: Session, issue: Issue, *, batch_size: int, now: datetime) -> int:
    place = func.row_number().over(order_by=Subscription.subscriber_id) - 1
    chosen = (
        select(Subscription.subscriber_id, (place // batch_size).label("number"))
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(
            is_candidate(issue.newsletter_id), exclusion(issue.newsletter_id, now=now) == literal(INCLUDED)
        )
        .subquery()
    )
    rows = select(
        literal(issue.id),
        chosen.c.subscriber_id,
        Batch.id,
        literal(DeliveryState.WAITING.value),
        literal(""),
        literal(0),
        literal(""),
    ).join(Batch, (Batch.number == chosen.c.number) & (Batch.issue_id == issue.id))
    columns = ["issue_id", "subscriber_id", "batch_id", "state", "reason", "attempts", "reply"]
    session.execute(insert(Delivery).from_select(columns, rows, include_defaults=False))
    written = select(func.count()).select_from(Delivery).where(Delivery.issue_id == issue.id)
    return session.scalar(written) or 0


def _write_exclusions(session: Session, issue: Issue, counted: Audience) -> None:
    for reason, readers in counted.excluded.items():
        session.add(IssueExclusion(issue_id=issue.id, reason=reason, readers=readers))

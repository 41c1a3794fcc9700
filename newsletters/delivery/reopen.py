"""Trying again exactly those whom an issue failed to reach, and nobody else."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from newsletters.delivery import tallies
from newsletters.delivery.batches import in_range
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.publishing.lifecycle import Action, move, newsletter_of
from newsletters.publishing.models import Issue, IssueState


def retry_failed(session: Session, issue: Issue, *, now: datetime) -> int:
    """Let the failed deliveries wait again with fresh attempts; say how many. Raises WrongState.

    A sent issue sends again, in its newsletter's present dress. One whose deliveries are no longer kept
    has nobody left to try.
    """
    if issue.deliveries_forgotten_at is not None:
        return 0
    was_sent = issue.state is IssueState.SENT
    failing = select(Batch).where(Batch.issue_id == issue.id, Batch.failed > 0).order_by(Batch.id)
    if session.scalar(failing.limit(1)) is None:
        return 0
    move(session, issue, Action.REOPEN)
    locked = failing.with_for_update().execution_options(populate_existing=True)
    reopened = sum(_reopen(session, batch, now) for batch in session.scalars(locked).all())
    if was_sent:
        issue.content_hash = frozen_hash(issue, newsletter_of(session, issue))
    session.flush()
    return reopened


def _reopen(session: Session, batch: Batch, now: datetime) -> int:
    batch.state, batch.due_at = BatchState.OPEN, now
    session.flush()
    reopened = session.execute(
        update(Delivery)
        .where(
            in_range(batch.issue_id, batch.first_id, batch.last_id), Delivery.state == DeliveryState.FAILED
        )
        .values(state=DeliveryState.WAITING, reason="", attempts=0, next_attempt_at=None, settled_at=None)
        .execution_options(synchronize_session=False)
    )
    tallies.recount(session, batch.id)
    return cast("CursorResult[Any]", reopened).rowcount

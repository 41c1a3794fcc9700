"""Trying again exactly those whom an issue failed to reach, and nobody else."""

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.publishing.lifecycle import Action, move, newsletter_of
from newsletters.publishing.models import Issue, IssueState


def retry_failed(session: Session, issue: Issue, *, now: datetime) -> int:
    """Let the failed deliveries wait again with fresh attempts; say how many. Raises WrongState.

    A sent issue sends again, in its newsletter's present dress.
    """
    was_sent = issue.state is IssueState.SENT
    failed = select(Delivery.batch_id).where(
        Delivery.issue_id == issue.id, Delivery.state == DeliveryState.FAILED
    )
    if session.scalar(failed.limit(1)) is None:
        return 0
    move(session, issue, Action.REOPEN)
    session.execute(
        update(Batch)
        .where(Batch.issue_id == issue.id, Batch.id.in_(failed))
        .values(state=BatchState.OPEN, due_at=now)
        .execution_options(synchronize_session=False)
    )
    reopened = session.execute(
        update(Delivery)
        .where(Delivery.issue_id == issue.id, Delivery.state == DeliveryState.FAILED)
        .values(state=DeliveryState.WAITING, reason="", attempts=0, next_attempt_at=None, settled_at=None)
        .execution_options(synchronize_session=False)
    )
    if was_sent:
        issue.content_hash = frozen_hash(issue, newsletter_of(session, issue))
    session.flush()
    return cast("CursorResult[Any]", reopened).rowcount

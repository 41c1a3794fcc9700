"""The end of a send: an issue is finished when its books balance, and not before.

accepted + bounced + failed + unknown + cancelled = prepared, with nothing open. A cancelled issue is written
off here, once no worker holds any of its batches: whoever has a message on its way still says what came
of it.
"""

import logging
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, exists, select, update
from sqlalchemy.orm import Session

from newsletters.delivery import counts
from newsletters.delivery.batches import IN_DOUBT, is_open
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.publishing.lifecycle import Action, forget_pause, move
from newsletters.publishing.models import Issue, IssueState

log = logging.getLogger(__name__)


def issues_without_work(session: Session) -> list[int]:
    """The sending issues none of whose batches is open."""
    working = exists().where(Batch.issue_id == Issue.id, Batch.state == BatchState.OPEN)
    return list(session.scalars(select(Issue.id).where(Issue.state == IssueState.SENDING, ~working)))


def finish(session: Session, issue_id: int, *, now: datetime) -> bool:
    """Set the issue sent if its books balance. Raises WrongState if it does not send any more."""
    issue = session.get_one(Issue, issue_id)
    move(session, issue, Action.FINISH)
    total, waiting = sum(counts.by_state(session, issue_id).values()), counts.still_open(session, issue_id)
    if waiting or total != issue.prepared:
        log.error("issue %d: %d open, %d of %d accounted for", issue_id, waiting, total, issue.prepared)
        _reopen_batches(session, issue, now)
        issue.state = IssueState.SENDING
        return False
    issue.sent_at = issue.sent_at or now
    forget_pause(issue)
    session.flush()
    return True


def cancelled_with_work(session: Session, *, now: datetime) -> list[int]:
    """The cancelled issues with open batches of which nobody works on any."""
    unfinished = exists().where(Batch.issue_id == Issue.id, Batch.state == BatchState.OPEN)
    held = exists().where(
        Batch.issue_id == Issue.id, Batch.state == BatchState.OPEN, Batch.leased_until > now
    )
    return list(
        session.scalars(select(Issue.id).where(Issue.state == IssueState.CANCELLED, unfinished, ~held))
    )


def write_off(session: Session, issue_id: int, *, now: datetime) -> int:
    """Close what a cancelled issue left open and say how many readers do not get it."""
    _close_doubts(session, issue_id, now)
    closed = session.execute(
        update(Delivery)
        .where(Delivery.issue_id == issue_id, Delivery.state == DeliveryState.WAITING)
        .values(
            state=DeliveryState.CANCELLED,
            reason="cancelled",
            next_attempt_at=None,
            settled_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(Batch)
        .where(Batch.issue_id == issue_id, Batch.state == BatchState.OPEN)
        .values(state=BatchState.DONE, fence=Batch.fence + 1, leased_until=None, in_flight_id=None)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", closed).rowcount


def _close_doubts(session: Session, issue_id: int, now: datetime) -> None:
    """What was on its way under a dead worker, or waited to be retried in doubt, stays unknown."""
    begun = select(Batch.in_flight_id).where(Batch.issue_id == issue_id, Batch.in_flight_id.is_not(None))
    for condition in (Delivery.subscriber_id.in_(begun), Delivery.state == DeliveryState.UNKNOWN):
        session.execute(
            update(Delivery)
            .where(Delivery.issue_id == issue_id, is_open(), condition)
            .values(state=DeliveryState.UNKNOWN, reason=IN_DOUBT, next_attempt_at=None, settled_at=now)
            .execution_options(synchronize_session=False)
        )


def _reopen_batches(session: Session, issue: Issue, now: datetime) -> None:
    left = select(Delivery.batch_id).where(Delivery.issue_id == issue.id, is_open())
    session.execute(
        update(Batch)
        .where(Batch.issue_id == issue.id, Batch.id.in_(left))
        .values(state=BatchState.OPEN, due_at=now)
        .execution_options(synchronize_session=False)
    )

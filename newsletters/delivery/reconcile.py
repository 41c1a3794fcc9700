"""The end of a send: an issue is finished when its books balance, and not before.

accepted + bounced + failed + unknown + cancelled = prepared, with nothing open. A cancelled issue is written
off here, some batches at a time, once no worker holds any: whoever has a message on its way still says what
came of it.
"""

import logging
from datetime import datetime

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session

from newsletters.delivery import batches, counts, merged, tallies
from newsletters.delivery.batches import IN_DOUBT, in_range, is_open
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.publishing.lifecycle import Action, forget_pause, move
from newsletters.publishing.models import Issue, IssueState

AT_ONCE = 10  # batches written off in one transaction

log = logging.getLogger(__name__)


def issues_without_work(session: Session) -> list[int]:
    """The sending issues whose readers are all written down: no batch is open, nobody's merge to settle."""
    working = exists().where(Batch.issue_id == Issue.id, Batch.state == BatchState.OPEN)
    idle = select(Issue.id).where(Issue.state == IssueState.SENDING, Issue.frozen_at.is_not(None), ~working)
    idle = idle.where(~merged.holds_up(Issue.id))
    return list(session.scalars(idle))


def balances(session: Session, issue_id: int) -> bool:
    """Whether the rows themselves, counted one by one, say that nothing is open and nobody is missing."""
    prepared = session.get_one(Issue, issue_id).prepared
    total, left = counts.all_rows(session, issue_id), counts.still_open(session, issue_id)
    if left or total != prepared:
        log.error("issue %d: %d open, %d of %d accounted for", issue_id, left, total, prepared)
        return False
    return True


def finish(session: Session, issue_id: int, *, now: datetime) -> None:
    """Set the issue sent, whose books balance. Raises WrongState if it does not send any more."""
    issue = session.get_one(Issue, issue_id)
    move(session, issue, Action.FINISH)
    issue.sent_at = issue.sent_at or now
    forget_pause(issue)
    session.flush()


def reopen_left(session: Session, issue_id: int, *, now: datetime) -> None:
    """Open the batches again that hold open deliveries, and count all of them anew."""
    tallies.recount_all(session, issue_id)
    left = exists().where(in_range(issue_id, Batch.first_id, Batch.last_id), is_open())
    session.execute(
        update(Batch)
        .where(Batch.issue_id == issue_id, Batch.state == BatchState.DONE, left)
        .values(state=BatchState.OPEN, due_at=now)
        .execution_options(synchronize_session=False)
    )


def cancelled_with_work(session: Session, *, now: datetime) -> list[int]:
    """The cancelled issues with open batches of which nobody works on any."""
    unfinished = exists().where(Batch.issue_id == Issue.id, Batch.state == BatchState.OPEN)
    held = exists().where(
        Batch.issue_id == Issue.id, Batch.state == BatchState.OPEN, Batch.leased_until > now
    )
    return list(
        session.scalars(select(Issue.id).where(Issue.state == IssueState.CANCELLED, unfinished, ~held))
    )


def write_off(session: Session, issue_id: int, *, now: datetime) -> bool:
    """Close some of the batches a cancelled issue left open; False when none is left."""
    open_ones = select(Batch).where(Batch.issue_id == issue_id, Batch.state == BatchState.OPEN)
    some = session.scalars(
        open_ones.order_by(Batch.id)
        .limit(AT_ONCE)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for batch in some:
        _close_doubts(session, batch, now)
        _cancel_waiting(session, batch, now)
        batch.state, batch.fence = BatchState.DONE, batch.fence + 1
        batch.leased_until, batch.in_flight = None, ""
        session.flush()
        tallies.recount(session, batch.id)
    return bool(some)


def _cancel_waiting(session: Session, batch: Batch, now: datetime) -> None:
    session.execute(
        update(Delivery)
        .where(
            in_range(batch.issue_id, batch.first_id, batch.last_id), Delivery.state == DeliveryState.WAITING
        )
        .values(state=DeliveryState.CANCELLED, reason="cancelled", next_attempt_at=None, settled_at=now)
        .execution_options(synchronize_session=False)
    )


def _close_doubts(session: Session, batch: Batch, now: datetime) -> None:
    """What was on its way under a dead worker, or waited to be retried in doubt, stays unknown."""
    begun = Delivery.subscriber_id.in_(batches.in_flight_ids(batch.in_flight))
    for condition in (begun, Delivery.state == DeliveryState.UNKNOWN):
        session.execute(
            update(Delivery)
            .where(in_range(batch.issue_id, batch.first_id, batch.last_id), is_open(), condition)
            .values(state=DeliveryState.UNKNOWN, reason=IN_DOUBT, next_attempt_at=None, settled_at=now)
            .execution_options(synchronize_session=False)
        )

"""Two readers were made one while issues were on their way: whoever stays gets each of them, and once.

The merge itself knows no deliveries; it leaves word whom a reader who is gone was merged into. No issue is
finished before this has been heard. What is on its way is waited for: until its outcome is known, nobody can
say who is still owed what. A mail in doubt may have arrived, and counts as arrived.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Exists, exists, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import SQLColumnExpression

from newsletters.delivery import tallies
from newsletters.delivery.batches import in_flight_ids
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.publishing.models import ON_ITS_WAY, Issue
from newsletters.subscribers.models import Erasure

MERGED: Final = "merged"
SERVED: Final = (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN)
MISSED: Final = (DeliveryState.CANCELLED, DeliveryState.BOUNCED, DeliveryState.FAILED)


def unsettled(session: Session) -> Sequence[int]:
    """The readers who are gone and whose open deliveries are yet to be handed on, in the order they went."""
    waiting = select(Erasure.subscriber_id).where(Erasure.merged_into.is_not(None))
    return session.scalars(waiting.order_by(Erasure.at, Erasure.subscriber_id)).all()


def holds_up(issue_id: SQLColumnExpression[int]) -> Exists:
    """Whether an issue has a delivery to somebody whose merge is not settled, in SQL."""
    return exists().where(
        Delivery.issue_id == issue_id,
        Delivery.subscriber_id == Erasure.subscriber_id,
        Erasure.merged_into.is_not(None),
    )


def settle(session: Session, gone_id: int, *, now: datetime) -> bool:
    """Hand on what a reader who is gone was owed; False where something is still to be waited for."""
    into_id = session.scalar(select(Erasure.merged_into).where(Erasure.subscriber_id == gone_id))
    if into_id is None:
        return True
    theirs = select(Issue).join(Delivery, Delivery.issue_id == Issue.id)
    theirs = theirs.where(Delivery.subscriber_id == gone_id, Issue.state.in_(ON_ITS_WAY)).order_by(Issue.id)
    pairs = [_Pair(session, issue, gone_id, into_id, now) for issue in session.scalars(theirs).all()]
    settled = [pair.settle() for pair in pairs]  # each, whatever became of the others
    if not all(settled):
        return False
    session.execute(update(Erasure).where(Erasure.subscriber_id == gone_id).values(merged_into=None))
    return True


class _Pair:
    """One issue to two readers who are one by now."""

    def __init__(self, session: Session, issue: Issue, gone_id: int, into_id: int, now: datetime) -> None:
        self.session, self.issue, self.now = session, issue, now
        self.gone_id, self.into_id = gone_id, into_id
        # In the order of their numbers, as everybody locks them.
        self.batches = {one: tallies.batch_of(session, issue.id, one) for one in sorted((gone_id, into_id))}

    def settle(self) -> bool:
        """False where a message is on its way, or the one who stays was not yet looked at by the freeze."""
        is_judged = self.issue.frozen_at is not None or self.into_id <= self.issue.frozen_through
        if not is_judged or self._is_begun(self.gone_id):
            return False
        gone, stays = self._delivery(self.gone_id), self._delivery(self.into_id)
        if gone is not None:
            self._decide(gone, stays)
        self.session.flush()
        for batch in {batch.id for batch in self.batches.values() if batch is not None}:
            tallies.recount(self.session, batch)
        return True

    def _decide(self, gone: Delivery, stays: Delivery | None) -> None:
        was_written_off = gone.state is DeliveryState.CANCELLED and gone.reason == "erased"
        if gone.state in SERVED:
            if stays is not None and not self._is_begun(self.into_id):
                self._spare(stays)
        elif gone.state is DeliveryState.WAITING or was_written_off:
            self._hand_on(gone, stays)

    def _hand_on(self, gone: Delivery, stays: Delivery | None) -> None:
        if stays is None:  # one row for another: prepared stays what it was
            self.session.delete(gone)
            self.session.add(Delivery(issue_id=self.issue.id, subscriber_id=self.into_id))
            self._open_batch()
            return
        self._spare(gone)
        gone.reason = MERGED
        if stays.state in MISSED:
            stays.state, stays.reason, stays.attempts = DeliveryState.WAITING, "", 0
            stays.next_attempt_at = stays.settled_at = None
            self._open_batch()

    def _spare(self, delivery: Delivery) -> None:
        if delivery.state is DeliveryState.WAITING:
            delivery.state, delivery.reason = DeliveryState.CANCELLED, MERGED
            delivery.next_attempt_at, delivery.settled_at = None, self.now

    def _open_batch(self) -> None:
        """Let a worker come for the one who stays; their number may be beyond all who were prepared."""
        batch = self.batches[self.into_id]
        if batch is None:
            last = select(func.max(Batch.last_id), func.max(Batch.number)).where(
                Batch.issue_id == self.issue.id
            )
            last_id, number = self.session.execute(last).one()
            batch = Batch(
                issue_id=self.issue.id, number=number + 1, first_id=last_id + 1, last_id=self.into_id
            )
            self.session.add(batch)
            self.batches[self.into_id] = batch
        batch.state, batch.due_at = BatchState.OPEN, self.now
        self.session.flush()

    def _is_begun(self, subscriber_id: int) -> bool:
        batch = self.batches[subscriber_id]
        return batch is not None and subscriber_id in in_flight_ids(batch.in_flight)

    def _delivery(self, subscriber_id: int) -> Delivery | None:
        return self.session.get(Delivery, (self.issue.id, subscriber_id), populate_existing=True)

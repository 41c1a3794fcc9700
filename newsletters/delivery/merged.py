"""Two readers were made one while issues were on their way: whoever stays gets each of them, and once.

The merge itself knows no deliveries; it leaves word whom a reader who is gone was merged into. No issue is
finished before this has been heard. What is on its way is waited for: until its outcome is known, nobody can
say who is still owed what. A mail in doubt may have arrived, and counts as arrived.

A freeze goes through the readers by their numbers. Where it had passed the one who stays and had yet to come
to the one who went, it writes down neither; whoever stays is then looked at once more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import SQLColumnExpression

from newsletters.delivery import tallies
from newsletters.delivery.audience import INCLUDED, exclusion, is_candidate
from newsletters.delivery.batches import in_flight_ids
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.publishing.models import ON_ITS_WAY, Issue
from newsletters.subscribers.models import Subscription
from newsletters.subscribers.suppression_models import Erasure

MERGED: Final = "merged"
SERVED: Final = (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN)
MISSED: Final = (DeliveryState.CANCELLED, DeliveryState.BOUNCED, DeliveryState.FAILED)


def unsettled(session: Session) -> Sequence[int]:
    """The readers who are gone and whose open deliveries are yet to be handed on, in the order they went."""
    waiting = select(Erasure.subscriber_id).where(Erasure.merged_into.is_not(None))
    return session.scalars(waiting.order_by(Erasure.at, Erasure.subscriber_id)).all()


def holds_up(issue_id: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Whether a merge that is not settled may still change who gets an issue, in SQL."""
    has_delivery = exists().where(
        Delivery.issue_id == issue_id, Delivery.subscriber_id == Erasure.subscriber_id
    )
    was_frozen_meanwhile = exists().where(Issue.id == issue_id, _was_frozen_around(Erasure.at))
    return exists().where(Erasure.merged_into.is_not(None), or_(has_delivery, was_frozen_meanwhile))


def settle(session: Session, gone_id: int, *, now: datetime) -> bool:
    """Hand on what a reader who is gone was owed; False where something is still to be waited for."""
    word = session.get(Erasure, gone_id)
    if word is None or word.merged_into is None:
        return True
    theirs = select(Issue).join(Delivery, Delivery.issue_id == Issue.id)
    theirs = theirs.where(Delivery.subscriber_id == gone_id, Issue.state.in_(ON_ITS_WAY)).order_by(Issue.id)
    found = session.scalars(theirs).all()
    settled = [_Pair(session, issue, gone_id, word.merged_into, now).settle() for issue in found]
    settled += [
        _Pair(session, issue, gone_id, word.merged_into, now).look_again()
        for issue in _perhaps_passed_by(session, word)
    ]
    if not all(settled):  # each was tried, whatever became of the others
        return False
    word.merged_into = None
    return True


def _perhaps_passed_by(session: Session, word: Erasure) -> Sequence[Issue]:
    """The issues that were being frozen when the two became one, and that are written down for neither."""
    for_either = exists().where(
        Delivery.issue_id == Issue.id, Delivery.subscriber_id.in_((word.subscriber_id, word.merged_into))
    )
    found = (
        select(Issue)
        .join(Subscription, Subscription.newsletter_id == Issue.newsletter_id)
        .where(Subscription.subscriber_id == word.merged_into, Issue.state.in_(ON_ITS_WAY))
        .where(_was_frozen_around(word.at), ~for_either)
    )
    return session.scalars(found.order_by(Issue.id).with_for_update(of=Issue)).all()


def _was_frozen_around(at: datetime | SQLColumnExpression[datetime]) -> ColumnElement[bool]:
    return and_(Issue.started_at <= at, or_(Issue.frozen_at.is_(None), Issue.frozen_at >= at))


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

    def look_again(self) -> bool:
        """Write down who stays, if the freeze would have; False where it is not over."""
        if self.issue.frozen_at is None or self.issue.started_at is None:
            return False
        as_of, newsletter_id = self.issue.started_at, self.issue.newsletter_id
        judged = select(exclusion(newsletter_id, now=as_of)).where(
            is_candidate(newsletter_id, as_of=as_of), Subscription.subscriber_id == self.into_id
        )
        if self.session.scalar(judged) == INCLUDED:
            self.session.add(Delivery(issue_id=self.issue.id, subscriber_id=self.into_id))
            self.issue.prepared += 1
            self.issue.candidates += 1
            tallies.recount(self.session, self._open_batch().id)
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

    def _open_batch(self) -> Batch:
        """Let a worker come for the one who stays; their number may be where nobody was prepared."""
        batch = self.batches[self.into_id]
        if batch is None:
            last = select(func.max(Batch.last_id), func.max(Batch.number)).where(
                Batch.issue_id == self.issue.id
            )
            last_id, number = self.session.execute(last).one()
            batch = Batch(
                issue_id=self.issue.id,
                number=0 if number is None else number + 1,
                first_id=min((last_id or 0) + 1, self.into_id),
                last_id=self.into_id,
            )
            self.session.add(batch)
            self.batches[self.into_id] = batch
        batch.state, batch.due_at = BatchState.OPEN, self.now
        self.session.flush()
        return batch

    def _is_begun(self, subscriber_id: int) -> bool:
        batch = self.batches[subscriber_id]
        return batch is not None and subscriber_id in in_flight_ids(batch.in_flight)

    def _delivery(self, subscriber_id: int) -> Delivery | None:
        return self.session.get(Delivery, (self.issue.id, subscriber_id), populate_existing=True)

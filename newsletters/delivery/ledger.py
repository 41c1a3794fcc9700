"""The ledger: the outcome of the last message is committed before the next one begins.

One short transaction does both halves: it settles what became of the last message, looks afresh at the
next reader (address, subscription, suppression, the issue's own state) and writes into the batch whose
message is about to leave. An unsubscribe or a pause that is committed is therefore in force for every
message not yet begun, and after a crash exactly one message a connection is in doubt.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Executable, Row, Table, bindparam, select, update
from sqlalchemy.orm import Session

from newsletters.delivery.audience import is_active
from newsletters.delivery.batches import LEASE, Hold, LeaseLost, is_open
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.kernel.columns import UtcDateTime
from newsletters.publishing.models import Issue, IssueState
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.suppression import is_suppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is to be written of one delivery."""

    subscriber_id: int
    state: DeliveryState
    attempts: int
    reason: str = ""
    next_attempt_at: datetime | None = None
    settled_at: datetime | None = None
    reply: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who the next message goes to, as the database has it at this moment."""

    subscriber_id: int
    subscription_id: int
    email: str
    name: str
    attempts: int
    was_in_doubt: bool


def begin_next(
    session: Session, hold: Hold, waiting: deque[int], *, newsletter_id: int, now: datetime
) -> Recipient | None:
    """Take the next reader who may have the issue from ``waiting`` and mark their message as begun.

    Readers who may not have it any more are written off on the way. None when the issue no longer sends
    or nobody is left. Raises LeaseLost, and then nothing of the transaction may be committed.
    """
    recipient = None
    while waiting and recipient is None:
        keys = _keys(hold, waiting[0]) | {"now": now}
        row = session.connection().execute(_next_reader(newsletter_id), keys).one()
        if row.issue_state != IssueState.SENDING:
            break
        waiting.popleft()
        if not row.is_open:
            continue
        recipient = _recipient(row)
        if (reason := _obstacle(row)) is not None:
            settle(session, hold, _written_off(row, reason, now))
            recipient = None
    _mark_begun(session, hold, recipient, now)
    return recipient


def settle(session: Session, hold: Hold, outcome: Outcome) -> bool:
    """Write what became of a delivery that was open; say whether it was."""
    values = {
        "to_state": outcome.state,
        "to_reason": outcome.reason,
        "to_attempts": outcome.attempts,
        "to_next_attempt_at": outcome.next_attempt_at,
        "to_settled_at": outcome.settled_at,
        "to_reply": outcome.reply[:500],
    }
    keys = _keys(hold, outcome.subscriber_id)
    return session.connection().execute(_SETTLE, keys | values).rowcount == 1


def _mark_begun(session: Session, hold: Hold, recipient: Recipient | None, now: datetime) -> None:
    """Name the message that is about to leave, and put off the end of the lease. Raises LeaseLost."""
    values = {
        "of_batch": hold.batch_id,
        "of_fence": hold.fence,
        "to_in_flight": "" if recipient is None else str(recipient.subscriber_id),
        "to_leased_until": now + LEASE,
    }
    if session.connection().execute(_MARK_BEGUN, values).rowcount != 1:
        raise LeaseLost(f"batch {hold.batch_id}: fence {hold.fence} is past")


def _keys(hold: Hold, subscriber_id: int) -> dict[str, Any]:
    return {"of_issue": hold.issue_id, "of_subscriber": subscriber_id}


# The statements of the hot path are made once and run on the bare connection: the session's own way costs
# more than the rest of a message together.
_SETTLE = (
    update(cast(Table, Delivery.__table__))
    .where(
        Delivery.issue_id == bindparam("of_issue"),
        Delivery.subscriber_id == bindparam("of_subscriber"),
        is_open(),
    )
    .values(
        state=bindparam("to_state"),
        reason=bindparam("to_reason"),
        attempts=bindparam("to_attempts"),
        next_attempt_at=bindparam("to_next_attempt_at"),
        settled_at=bindparam("to_settled_at"),
        reply=bindparam("to_reply"),
    )
)
_MARK_BEGUN = (
    update(cast(Table, Batch.__table__))
    .where(
        Batch.id == bindparam("of_batch"),
        Batch.fence == bindparam("of_fence"),
        Batch.state == BatchState.OPEN,
    )
    .values(in_flight=bindparam("to_in_flight"), leased_until=bindparam("to_leased_until"))
)


@cache
def _next_reader(newsletter_id: int) -> Executable:
    return (
        select(
            Issue.state.label("issue_state"),
            is_open().label("is_open"),
            Delivery.subscriber_id,
            Delivery.attempts,
            Delivery.state,
            Subscription.id.label("subscription_id"),
            Subscription.state.label("standing"),
            is_active(bindparam("now", type_=UtcDateTime)).label("is_active"),
            is_suppressed(newsletter_id).label("is_suppressed"),
            Subscriber.email,
            Subscriber.name,
        )
        .select_from(Delivery)
        .join(Issue, Issue.id == Delivery.issue_id)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(
            Subscription,
            (Subscription.subscriber_id == Subscriber.id) & (Subscription.newsletter_id == newsletter_id),
        )
        .where(
            Delivery.issue_id == bindparam("of_issue"), Delivery.subscriber_id == bindparam("of_subscriber")
        )
    )


def _recipient(row: Row[Any]) -> Recipient:
    return Recipient(
        subscriber_id=row.subscriber_id,
        subscription_id=row.subscription_id,
        email=row.email,
        name=row.name,
        attempts=row.attempts,
        was_in_doubt=row.state is DeliveryState.UNKNOWN,
    )


def _obstacle(row: Row[Any]) -> str | None:
    """Why this reader may not have the issue any more, as a cancelled delivery's reason."""
    if row.email is None:
        return "erased"
    if row.subscription_id is None:
        return str(SubscriptionState.UNSUBSCRIBED)
    if not row.is_active:
        return str(row.standing)
    return "suppressed" if row.is_suppressed else None


def _written_off(row: Row[Any], reason: str, now: datetime) -> Outcome:
    """A message in doubt stays in doubt: it may have arrived, and nothing will tell any more."""
    doubtful = row.state is DeliveryState.UNKNOWN
    return Outcome(
        subscriber_id=row.subscriber_id,
        state=DeliveryState.UNKNOWN if doubtful else DeliveryState.CANCELLED,
        reason=reason,
        attempts=row.attempts,
        settled_at=now,
    )

"""Who of a batch is to be served now, and who may not have the issue any more, as the database has it now.

One statement reads everything a message needs beside the issue itself. The address, the name, the
subscription and the suppression list are as they are at this moment, not as they were when the issue began.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, String, bindparam, case, func, select, type_coerce
from sqlalchemy.orm import Session

from newsletters.delivery.audience import is_active
from newsletters.delivery.batches import Hold, is_due, is_open
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.delivery.outcomes import Outcome, Recipient
from newsletters.kernel.columns import UtcDateTime
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.suppression import is_suppressed

NONE: Final = ""


def due(
    session: Session, hold: Hold, *, newsletter_id: int, now: datetime
) -> tuple[list[Recipient], list[Outcome]]:
    """The readers of a batch whose time has come, in their order, and what becomes of those who left."""
    mine = _readers(newsletter_id).where(hold.owns(), is_open(), is_due(now))
    recipients, off = [], []
    for recipient, outcome in _read(session, mine.order_by(Delivery.subscriber_id), now):
        if outcome is None:
            recipients.append(recipient)
        else:
            off.append(outcome)
    return recipients, off


def look_again(
    session: Session, hold: Hold, recipients: Sequence[Recipient], *, newsletter_id: int, now: datetime
) -> dict[int, Outcome | None]:
    """Who of them must not get what is written for them, and what becomes of their deliveries.

    None for a delivery that is not open any more. Whose address is another one by now waits a moment: the
    message is written afresh.
    """
    known = {recipient.subscriber_id: recipient for recipient in recipients}
    mine = _readers(newsletter_id).where(hold.owns(), is_open())
    struck: dict[int, Outcome | None] = dict.fromkeys(known)
    for recipient, outcome in _read(session, mine, now):
        if recipient.subscriber_id not in known:
            continue
        if outcome is not None:
            struck[recipient.subscriber_id] = outcome
        elif recipient.email != known[recipient.subscriber_id].email:
            struck[recipient.subscriber_id] = _put_back(recipient, now)
        else:
            del struck[recipient.subscriber_id]
    return struck


@cache
def _readers(newsletter_id: int) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Delivery.subscriber_id,
            func.coalesce(Subscription.id, 0),
            func.coalesce(Subscriber.email, ""),
            func.coalesce(Subscriber.name, ""),
            Delivery.attempts,
            (type_coerce(Delivery.state, String) == DeliveryState.UNKNOWN.value).label("was_in_doubt"),
            Delivery.next_attempt_at.is_(None).label("is_fresh"),
            _obstacle(newsletter_id).label("obstacle"),
        )
        .select_from(Delivery)
        .outerjoin(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .outerjoin(
            Subscription,
            (Subscription.subscriber_id == Subscriber.id) & (Subscription.newsletter_id == newsletter_id),
        )
    )


def _obstacle(newsletter_id: int) -> ColumnElement[str]:
    """Why a reader may not have the issue any more, as a cancelled delivery's reason."""
    return case(
        (Subscriber.id.is_(None), "erased"),
        (Subscription.id.is_(None), SubscriptionState.UNSUBSCRIBED.value),
        (~is_active(bindparam("now", type_=UtcDateTime)), type_coerce(Subscription.state, String)),
        (is_suppressed(newsletter_id), "suppressed"),
        else_=NONE,
    )


def _read(
    session: Session, mine: Select[*tuple[Any, ...]], now: datetime
) -> Iterator[tuple[Recipient, Outcome | None]]:
    for *fields, obstacle in session.execute(mine, {"now": now}):
        recipient = Recipient._make(fields)
        yield recipient, _written_off(recipient, obstacle, now) if obstacle else None


def _written_off(recipient: Recipient, reason: str, now: datetime) -> Outcome:
    """A message in doubt stays in doubt: it may have arrived, and nothing will tell any more."""
    return Outcome(
        recipient.subscriber_id,
        DeliveryState.UNKNOWN if recipient.was_in_doubt else DeliveryState.CANCELLED,
        recipient.attempts,
        reason=reason,
        settled_at=now,
    )


def _put_back(recipient: Recipient, now: datetime) -> Outcome:
    """As it was, and due at once: it is read and written afresh."""
    return Outcome(
        recipient.subscriber_id,
        DeliveryState.UNKNOWN if recipient.was_in_doubt else DeliveryState.WAITING,
        recipient.attempts,
        reason="in_doubt" if recipient.was_in_doubt else "",
        next_attempt_at=now,
    )

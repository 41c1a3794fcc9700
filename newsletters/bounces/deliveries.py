"""Telling the delivery that its message came back after the server had accepted it.

A bounce may be faster than the transaction that writes the acceptance: then the delivery is owed the
news, and a periodic look tells it. A delivery that is being tried again is not touched; its own outcome
is newer.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.bounces.models import Bounce, BounceKind
from newsletters.delivery.afterwards import mark_bounced
from newsletters.delivery.models import Delivery, DeliveryState

CHANGES_DELIVERY: Final = frozenset({BounceKind.HARD, BounceKind.SOFT, BounceKind.POLICY})
OWED_FOR: Final = timedelta(days=7)


def tell(session: Session, bounce: Bounce, *, now: datetime) -> bool:
    """Mark the delivery of a bounce; False where its own outcome is not written yet."""
    if bounce.issue_id is None or bounce.kind not in CHANGES_DELIVERY:
        return True
    state = session.scalar(
        select(Delivery.state).where(
            Delivery.issue_id == bounce.issue_id, Delivery.subscriber_id == bounce.subscriber_id
        )
    )
    if state is DeliveryState.WAITING:
        return False
    if state in (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN):
        _mark(session, bounce, now=now)
    return True


def _mark(session: Session, bounce: Bounce, *, now: datetime) -> None:
    if bounce.issue_id is not None:
        is_policy = bounce.kind is BounceKind.POLICY  # not the address's fault: it may be tried again
        mark_bounced(
            session,
            issue_id=bounce.issue_id,
            subscriber_id=bounce.subscriber_id,
            reason=bounce.kind.value,
            reply=bounce.reply,
            state=DeliveryState.FAILED if is_policy else DeliveryState.BOUNCED,
            now=now,
        )


def tell_owed(session: Session, *, now: datetime, most: int = 200) -> int:
    """Tell deliveries that were not settled when their bounce came; say how many were told."""
    owing = select(Bounce).where(Bounce.owes_delivery.is_(True)).order_by(Bounce.id).limit(most)
    told = 0
    for bounce in session.scalars(owing):
        if tell(session, bounce, now=now) or bounce.at <= now - OWED_FOR:
            bounce.owes_delivery = False
            told += 1
    return told

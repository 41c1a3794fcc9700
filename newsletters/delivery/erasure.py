"""What delivery forgets of an erased reader: nothing more is sent, and no reply keeps their address."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletters.delivery import tallies
from newsletters.delivery.models import Delivery, DeliveryState


def forget_reader(session: Session, subscriber_id: int, *, now: datetime) -> None:
    """Cancel what waits and empty the servers' replies, which may quote the address. Idempotent."""
    waiting = select(Delivery.issue_id).where(
        Delivery.subscriber_id == subscriber_id, Delivery.state == DeliveryState.WAITING
    )
    for issue_id in session.scalars(waiting.order_by(Delivery.issue_id)).all():
        _cancel(session, issue_id, subscriber_id, now)
    mine = update(Delivery).where(Delivery.subscriber_id == subscriber_id, Delivery.reply != "")
    session.execute(mine.values(reply="").execution_options(synchronize_session=False))


def _cancel(session: Session, issue_id: int, subscriber_id: int, now: datetime) -> None:
    batch = tallies.batch_of(session, issue_id, subscriber_id)
    session.execute(
        update(Delivery)
        .where(
            Delivery.issue_id == issue_id,
            Delivery.subscriber_id == subscriber_id,
            Delivery.state == DeliveryState.WAITING,
        )
        .values(state=DeliveryState.CANCELLED, reason="erased", next_attempt_at=None, settled_at=now)
        .execution_options(synchronize_session=False)
    )
    if batch is not None:
        tallies.recount(session, batch.id)

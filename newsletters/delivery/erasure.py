"""What delivery forgets of an erased reader: nothing more is sent, and no reply keeps their address."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletters.delivery.models import Delivery, DeliveryState


def forget_reader(session: Session, subscriber_id: int, *, now: datetime) -> None:
    """Cancel what waits and empty the servers' replies, which may quote the address. Idempotent."""
    mine = update(Delivery).where(Delivery.subscriber_id == subscriber_id)
    session.execute(
        mine.where(Delivery.state == DeliveryState.WAITING)
        .values(state=DeliveryState.CANCELLED, reason="erased", next_attempt_at=None, settled_at=now)
        .execution_options(synchronize_session=False)
    )
    session.execute(mine.values(reply="").execution_options(synchronize_session=False))

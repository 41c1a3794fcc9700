"""How the deliveries of an issue stand, counted from the rows themselves."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.delivery.batches import is_open
from newsletters.delivery.models import Delivery, DeliveryState


def by_state(session: Session, issue_id: int) -> dict[DeliveryState, int]:
    """Every state with its number of readers, noughts too."""
    counted = (
        select(Delivery.state, func.count()).where(Delivery.issue_id == issue_id).group_by(Delivery.state)
    )
    found = dict(session.execute(counted).all())
    return {state: found.get(state, 0) for state in DeliveryState}


def still_open(session: Session, issue_id: int) -> int:
    """How many deliveries want more work: waiting, or in doubt and to be retried."""
    wanted = (DeliveryState.WAITING, DeliveryState.UNKNOWN)  # named for the index; is_open() decides
    counted = select(func.count()).where(Delivery.issue_id == issue_id, Delivery.state.in_(wanted), is_open())
    return session.scalar(counted) or 0

"""What is heard of a message after the server had taken it: a bounce that came back by mail or webhook."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletters.delivery import tallies
from newsletters.delivery.models import Delivery, DeliveryState

TURNED_BACK = (DeliveryState.ACCEPTED, DeliveryState.UNKNOWN)


def mark_bounced(
    session: Session,
    *,
    issue_id: int,
    subscriber_id: int,
    reason: str,
    reply: str,
    now: datetime,
    state: DeliveryState = DeliveryState.BOUNCED,
) -> bool:
    """Let a delivery that was accepted, or in doubt, be bounced or failed; say whether it was one."""
    batch = tallies.batch_of(session, issue_id, subscriber_id)
    if batch is None:
        return False
    bounced = session.execute(
        update(Delivery)
        .where(
            Delivery.issue_id == issue_id,
            Delivery.subscriber_id == subscriber_id,
            Delivery.state.in_(TURNED_BACK),
        )
        .values(
            state=state,
            reason=reason[:30],
            reply=reply[:500],
            next_attempt_at=None,
            settled_at=now,
        )
        .returning(Delivery.subscriber_id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if bounced is not None:
        tallies.recount(session, batch.id)
    return bounced is not None

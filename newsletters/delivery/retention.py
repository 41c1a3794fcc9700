"""How long it is kept who got which issue: after that an issue keeps its tallies, and its deliveries go.

From the moment an issue is marked nobody counts its deliveries again, so they may go in small steps: some
whole batches to a transaction, the tallies untouched. Doing so twice or on two machines at once is harmless.
"""

from datetime import datetime

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from newsletters.delivery.batches import in_range
from newsletters.delivery.models import Batch, Delivery
from newsletters.publishing.models import Issue, IssueState

BATCHES_AT_ONCE = 20
OVER = (IssueState.SENT, IssueState.CANCELLED)


def mark_old(session: Session, *, before: datetime, now: datetime) -> None:
    """Mark the issues that were over ``before``: from now on their deliveries may go."""
    old = update(Issue).where(
        Issue.state.in_(OVER),
        Issue.deliveries_forgotten_at.is_(None),
        func.coalesce(Issue.sent_at, Issue.started_at) < before,
    )
    session.execute(old.values(deliveries_forgotten_at=now).execution_options(synchronize_session=False))


def forget_some(session: Session) -> bool:
    """Delete the deliveries of some batches of one marked issue; False where none are left."""
    has_rows = exists().where(Delivery.issue_id == Issue.id)
    issue_id = session.scalar(
        select(Issue.id)
        .where(Issue.deliveries_forgotten_at.is_not(None), has_rows)
        .order_by(Issue.id)
        .limit(1)
    )
    if issue_id is None:
        return False
    first_id = select(func.min(Delivery.subscriber_id)).where(Delivery.issue_id == issue_id).scalar_subquery()
    ranges = (
        select(Batch.first_id, Batch.last_id)
        .where(Batch.issue_id == issue_id, Batch.last_id >= first_id)
        .order_by(Batch.last_id)
        .limit(BATCHES_AT_ONCE)
    )
    for one in session.execute(ranges).all():
        session.execute(delete(Delivery).where(in_range(issue_id, one.first_id, one.last_id)))
    return True

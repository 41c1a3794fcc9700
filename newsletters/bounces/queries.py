"""What came back from one reader."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.bounces.models import Bounce, Complaint


def bounces_of(session: Session, subscriber_id: int, *, limit: int = 200) -> Sequence[Bounce]:
    """Refusals, the newest first."""
    found = select(Bounce).where(Bounce.subscriber_id == subscriber_id)
    return session.scalars(found.order_by(Bounce.at.desc(), Bounce.id.desc()).limit(limit)).all()


def complaints_of(session: Session, subscriber_id: int, *, limit: int = 200) -> Sequence[Complaint]:
    """Complaints, the newest first."""
    found = select(Complaint).where(Complaint.subscriber_id == subscriber_id)
    return session.scalars(found.order_by(Complaint.at.desc(), Complaint.id.desc()).limit(limit)).all()

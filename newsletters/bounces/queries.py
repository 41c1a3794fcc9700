"""What came back from one reader."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.bounces.models import Bounce, Complaint
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.verp import MailBounce


def bounces_of(session: Session, subscriber_id: int, *, limit: int = 200) -> Sequence[Bounce]:
    """Refusals, the newest first."""
    found = select(Bounce).where(Bounce.subscriber_id == subscriber_id)
    return session.scalars(found.order_by(Bounce.at.desc(), Bounce.id.desc()).limit(limit)).all()


def complaints_of(session: Session, subscriber_id: int, *, limit: int = 200) -> Sequence[Complaint]:
    """Complaints, the newest first."""
    found = select(Complaint).where(Complaint.subscriber_id == subscriber_id)
    return session.scalars(found.order_by(Complaint.at.desc(), Complaint.id.desc()).limit(limit)).all()


def latest_mail(session: Session, reader_id: int) -> MailBounce | None:
    """The newest single mail that a reader was sent."""
    mail_id = session.scalar(
        select(OutboxMail.id)
        .where(OutboxMail.subscriber_id == reader_id, OutboxMail.state != OutboxState.WAITING)
        .order_by(OutboxMail.id.desc())
        .limit(1)
    )
    return MailBounce(mail_id) if mail_id is not None else None

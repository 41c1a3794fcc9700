"""What became of the single mails we sent."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.mail.models import OutboxMail


def mails_to(session: Session, subscriber_id: int, *, limit: int = 200) -> Sequence[OutboxMail]:
    """The mails to one reader apart from issues, the newest first."""
    found = select(OutboxMail).where(OutboxMail.subscriber_id == subscriber_id)
    return session.scalars(found.order_by(OutboxMail.id.desc()).limit(limit)).all()

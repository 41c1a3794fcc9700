"""What was heard from providers before, so that nothing is heard twice."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, UtcDateTime


class WebhookToken(Base):
    """A request of a provider that was taken: its single-use token and its body, both as hashes."""

    __tablename__ = "webhook_tokens"
    __table_args__ = (Index(None, "expires_at"),)

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)

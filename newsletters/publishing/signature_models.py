"""What was signed of each issue; never changed once written."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk


class IssueSignature(Base):
    """One signed statement about an issue, and the plain text whose hash is in it."""

    __tablename__ = "issue_signatures"
    __table_args__ = (UniqueConstraint("issue_id", "content_hash", "key_id"),)

    id: Mapped[big_pk]
    issue_id: Mapped[int] = mapped_column(BigId, ForeignKey("issues.id", ondelete="CASCADE"))
    content_hash: Mapped[str] = mapped_column(String(64))
    key_id: Mapped[str] = mapped_column(String(43))
    statement: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    signature: Mapped[str] = mapped_column(String(88))
    signed_at: Mapped[datetime] = mapped_column(UtcDateTime)

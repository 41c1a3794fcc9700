"""The digests that readers are owed."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, choice


class DigestKind(StrEnum):
    """What a digest is of: a pause, a day or a week."""

    CATCH_UP = "catch_up"
    DAILY = "daily"
    WEEKLY = "weekly"


class Digest(Base):
    """A digest that a reader is owed, of what came out from ``since`` until ``until``; gone once queued."""

    __tablename__ = "digests"
    __table_args__ = (Index(None, "until"),)

    subscription_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    kind: Mapped[DigestKind] = mapped_column(choice(DigestKind, "kind"))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)

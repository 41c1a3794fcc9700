"""What the reader's desk keeps beside subscriptions: counts of what was not confirmed, why readers left,
and digests that readers are owed.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class UnconfirmedCount(Base):
    """How much of what waited for a confirmation was reminded of on one day, won by that, or forgotten."""

    __tablename__ = "unconfirmed_counts"

    on: Mapped[date] = mapped_column(primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("newsletters.id", ondelete="CASCADE"), primary_key=True
    )
    reminded: Mapped[int] = mapped_column(default=0)
    won: Mapped[int] = mapped_column(default=0)
    forgotten: Mapped[int] = mapped_column(default=0)


class Reason(StrEnum):
    """Why somebody left, as they were offered to say it."""

    TOO_MANY = "too_many"
    NOT_FOR_ME = "not_for_me"
    ELSEWHERE = "elsewhere"
    HARD_TO_READ = "hard_to_read"
    NEVER_ASKED = "never_asked"
    OTHER = "other"


class LeavingReason(Base):
    """Why somebody left a newsletter on a day; nothing in it leads to who it was."""

    __tablename__ = "leaving_reasons"
    __table_args__ = (Index(None, "newsletter_id", "on"), Index(None, "on"))

    id: Mapped[big_pk]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletters.id", ondelete="CASCADE"))
    reason: Mapped[Reason] = mapped_column(choice(Reason, "reason"))
    words: Mapped[str] = mapped_column(String(500), default="")
    on: Mapped[date]


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

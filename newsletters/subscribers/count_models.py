"""What is counted of readers by the day and the newsletter; nothing here leads to who it was."""

from datetime import date
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, big_pk, choice


class StandingCount(Base):
    """How many readers stand where with a newsletter, as last counted behind the scenes."""

    __tablename__ = "standing_counts"

    newsletter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("newsletters.id", ondelete="CASCADE"), primary_key=True
    )
    state: Mapped[str] = mapped_column(String(20), primary_key=True)
    readers: Mapped[int]


class FunnelCount(Base):
    """How many sign-ups of one day came how far, from one place; nothing of anybody."""

    __tablename__ = "funnel_counts"
    __table_args__ = (Index(None, "newsletter_id", "on"), Index(None, "newsletter_id", "page"))

    on: Mapped[date] = mapped_column(primary_key=True)
    newsletter_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("newsletters.id", ondelete="CASCADE"), primary_key=True
    )
    form: Mapped[str] = mapped_column(String(120), primary_key=True)
    page: Mapped[str] = mapped_column(String(300), primary_key=True)
    campaign: Mapped[str] = mapped_column(String(120), primary_key=True)
    provider: Mapped[str] = mapped_column(String(40), primary_key=True)
    shown: Mapped[int] = mapped_column(default=0)
    submitted: Mapped[int] = mapped_column(default=0)
    mailed: Mapped[int] = mapped_column(default=0)
    opened: Mapped[int] = mapped_column(default=0)
    confirmed: Mapped[int] = mapped_column(default=0)


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

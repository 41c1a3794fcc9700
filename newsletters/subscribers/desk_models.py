"""What the reader's desk keeps beside subscriptions: counts of what was not confirmed."""

from datetime import date

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId


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

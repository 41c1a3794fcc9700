"""Batches and deliveries: who gets an issue, who sends it, and what became of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class DeliveryState(StrEnum):
    """What became of one issue on its way to one reader."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    BOUNCED = "bounced"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


class BatchState(StrEnum):
    """Whether a batch still has work."""

    OPEN = "open"
    DONE = "done"


class Batch(Base):
    """Some hundred deliveries of one issue, worked on by one worker at a time under a fenced lease.

    ``in_flight_id`` names the subscriber whose message is on its way: it is written before the first byte
    leaves, so that after a crash exactly that message is in doubt. ``worked_at`` and ``settled`` tell of
    the last hold: how fast an issue goes is measured by them.
    """

    __tablename__ = "batches"
    __table_args__ = (UniqueConstraint("issue_id", "number"), Index(None, "issue_id", "state", "due_at"))

    id: Mapped[big_pk]
    issue_id: Mapped[int] = mapped_column(BigId, ForeignKey("issues.id", ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[BatchState] = mapped_column(choice(BatchState, "state"), default=BatchState.OPEN)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    worker: Mapped[str] = mapped_column(String(80), default="")
    in_flight_id: Mapped[int | None] = mapped_column(BigId)
    worked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled: Mapped[int] = mapped_column(default=0)


class Delivery(Base):
    """One issue to one subscriber. Narrow: there are millions."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(None, "batch_id", "state", "subscriber_id"),
        Index(None, "issue_id", "state", "subscriber_id"),
        Index(None, "subscriber_id"),
    )

    issue_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True
    )
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    batch_id: Mapped[int | None] = mapped_column(BigId)
    state: Mapped[DeliveryState] = mapped_column(
        choice(DeliveryState, "state"), default=DeliveryState.WAITING
    )
    reason: Mapped[str] = mapped_column(String(30), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reply: Mapped[str] = mapped_column(String(500), default="")

"""Batches and deliveries: who gets an issue, who sends it, and what became of it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
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
    """Up to a thousand deliveries of one issue, worked on by one worker at a time under a fenced lease.

    It owns the deliveries from ``first_id`` to ``last_id``; the ranges of an issue neither overlap nor leave
    a gap. ``in_flight`` names the subscribers whose messages are on their way, with commas between them: it
    is written before the first byte of a body leaves, so that after a crash exactly those are in doubt.

    The tallies say how the batch's deliveries stood when they were last counted (tallies.py); whoever asks
    about millions of deliveries reads these. ``accepted_in`` tells how many were accepted in which second.
    """

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("issue_id", "number"),
        Index(None, "issue_id", "state", "due_at"),
        Index(None, "issue_id", "last_id"),
        CheckConstraint("first_id <= last_id", name="is_a_range"),
        {"postgresql_with": {"fillfactor": "50"}},  # its row is written anew many times a second
    )

    id: Mapped[big_pk]
    issue_id: Mapped[int] = mapped_column(BigId, ForeignKey("issues.id", ondelete="CASCADE"))
    number: Mapped[int]
    state: Mapped[BatchState] = mapped_column(choice(BatchState, "state"), default=BatchState.OPEN)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    worker: Mapped[str] = mapped_column(String(80), default="")
    worked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    first_id: Mapped[int] = mapped_column(BigId)
    last_id: Mapped[int] = mapped_column(BigId)
    in_flight: Mapped[str] = mapped_column(Text, default="")
    waiting: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[int] = mapped_column(default=0)
    bounced: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    unknown: Mapped[int] = mapped_column(default=0)
    cancelled: Mapped[int] = mapped_column(default=0)
    reasons: Mapped[list[list[str | int]]] = mapped_column(JSON, default=list)
    accepted_in: Mapped[list[list[int]]] = mapped_column(JSON, default=list)


class Delivery(Base):
    """One issue to one subscriber. Narrow, and with few indices: there are millions, each written twice.

    Who is in which state is found through the batches, whose tallies say where to look.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index(None, "subscriber_id"),
        # SQLite: the primary key is the table. PostgreSQL: room on each page for the row's second version.
        {"sqlite_with_rowid": False, "postgresql_with": {"fillfactor": "50"}},
    )

    issue_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True
    )
    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True)
    state: Mapped[DeliveryState] = mapped_column(
        choice(DeliveryState, "state"), default=DeliveryState.WAITING
    )
    reason: Mapped[str] = mapped_column(String(30), default="")
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reply: Mapped[str] = mapped_column(String(500), default="")

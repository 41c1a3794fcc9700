"""The outbox: single mails a use case has asked for, to be sent after its transaction."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, Json, UtcDateTime, big_pk, choice


class OutboxState(StrEnum):
    """Whether a queued mail still waits, was accepted by the server, or was given up."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    FAILED = "failed"


class OutboxMail(Base):
    """One mail of ours to one address. ``params`` are emptied once it is settled: they hold tokens."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index(None, "state", "due_at"),
        {"sqlite_autoincrement": True},  # return paths name rows: a number is never given out again
    )

    id: Mapped[big_pk]
    kind: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(320))
    subscriber_id: Mapped[int | None] = mapped_column(BigId, index=True)
    language: Mapped[str] = mapped_column(String(8))
    sender_name: Mapped[str] = mapped_column(String(120), default="")
    params: Mapped[Json] = mapped_column(JSON)
    message_id: Mapped[str] = mapped_column(String(200), index=True)
    state: Mapped[OutboxState] = mapped_column(choice(OutboxState, "state"), default=OutboxState.WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reply: Mapped[str] = mapped_column(String(500), default="")

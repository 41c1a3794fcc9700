"""Addresses that we do not write to, and readers who are gone: what is left when nothing else is."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class SuppressionReason(StrEnum):
    """Why the system does not write to an address."""

    HARD_BOUNCE = "hard_bounce"
    SOFT_BOUNCES = "soft_bounces"
    COMPLAINT = "complaint"
    EDITOR = "editor"
    ERASED = "erased"


class Suppression(Base):
    """An address we do not write to, as a keyed hash: it outlives erasure and import."""

    __tablename__ = "suppressions"
    __table_args__ = (
        UniqueConstraint("address_hash", "scope"),
        CheckConstraint("lifted_at IS NULL OR lifted_reason <> ''", name="lifting_has_a_reason"),
    )

    id: Mapped[big_pk]
    address_hash: Mapped[str] = mapped_column(String(64))
    scope: Mapped[str] = mapped_column(String(40), default="all")
    reason: Mapped[SuppressionReason] = mapped_column(choice(SuppressionReason, "reason"))
    detail: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[str] = mapped_column(String(200), default="system")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lifted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lifted_reason: Mapped[str] = mapped_column(String(500), default="")


class Erasure(Base):
    """A subscriber who is gone from here, and whose traces the slices above have yet to remove.

    ``merged_into`` says who gets what they were owed, until that has been handed on.
    """

    __tablename__ = "erasures"

    subscriber_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    merged_into: Mapped[int | None] = mapped_column(BigId)
    at: Mapped[datetime] = mapped_column(UtcDateTime)

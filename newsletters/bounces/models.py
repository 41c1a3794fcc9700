"""Bounces and complaints, each kept as it came back."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class BounceKind(StrEnum):
    """What a refusal means for the address: hard is dead, soft may pass, policy is about us."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"


class Bounce(Base):
    """A refusal of one mail to one subscriber."""

    __tablename__ = "bounces"
    __table_args__ = (Index(None, "subscriber_id", "at"),)

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(BigId)
    issue_id: Mapped[int | None] = mapped_column(BigId, index=True)
    kind: Mapped[BounceKind] = mapped_column(choice(BounceKind, "kind"))
    reply: Mapped[str] = mapped_column(String(500), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class Complaint(Base):
    """A reader told their provider that our mail is spam."""

    __tablename__ = "complaints"

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(BigId, index=True)
    issue_id: Mapped[int | None] = mapped_column(BigId, index=True)
    source: Mapped[str] = mapped_column(String(60), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)

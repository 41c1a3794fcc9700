"""The quarantine's table: mail that came back and that nothing may follow from until an editor has looked."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class QuarantineReason(StrEnum):
    """Why a mail is here."""

    UNREADABLE = "unreadable"  # it cannot be taken apart within the limits
    UNKNOWN = "unknown"  # it came to a return path of ours, and says nothing we understand
    UNPROVEN = "unproven"  # it says whom it is about, and nothing proves it
    FOREIGN = "foreign"  # it is about mail or a reader that is not ours, or no longer
    MISDIRECTED = "misdirected"  # it came to an address that people write to


class Decision(StrEnum):
    """What an editor made of it."""

    ACTED = "acted"
    DROPPED = "dropped"


class QuarantinedMail(Base):
    """One mail, bounded, with what we believe it to be. ``raw`` is emptied once somebody has decided."""

    __tablename__ = "quarantined_mail"
    __table_args__ = (Index(None, "decision", "at"),)

    id: Mapped[big_pk]
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    door: Mapped[str] = mapped_column(String(20))
    why: Mapped[QuarantineReason] = mapped_column(choice(QuarantineReason, "why"))
    recipient: Mapped[str] = mapped_column(String(320), default="")
    sender: Mapped[str] = mapped_column(String(320), default="")
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    content_key: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(20), default="")
    reply: Mapped[str] = mapped_column(String(500), default="")
    issue_id: Mapped[int | None] = mapped_column(BigId)
    subscriber_id: Mapped[int | None] = mapped_column(BigId, index=True)
    outbox_id: Mapped[int | None] = mapped_column(BigId)
    address_hash: Mapped[str] = mapped_column(String(64), default="", index=True)
    decision: Mapped[Decision | None] = mapped_column(choice(Decision, "decision"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by_id: Mapped[int | None] = mapped_column(BigId)

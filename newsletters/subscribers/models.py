"""Subscribers, their subscriptions, consent evidence, sign-up requests, confirmations and suppressions."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class Subscriber(Base):
    """An address, and the little a reader told us beside it.

    ``address_hash`` is the keyed hash of ``email_key``: SQL cannot hash, and sending asks the suppression
    list about a whole audience in one statement.
    """

    __tablename__ = "subscribers"

    id: Mapped[big_pk]
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    address_hash: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    language: Mapped[str] = mapped_column(String(8), default="en")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class SubscriptionState(StrEnum):
    """Where a reader stands with one newsletter."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Subscription(Base):
    """A subscriber and a newsletter."""

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "newsletter_id"),
        Index(None, "newsletter_id", "state", "subscriber_id"),
        CheckConstraint("state <> 'active' OR confirmed_at IS NOT NULL", name="active_is_confirmed"),
        CheckConstraint("state <> 'paused' OR paused_until IS NOT NULL", name="paused_has_an_end"),
    )

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscribers.id", ondelete="CASCADE"))
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletters.id"))
    state: Mapped[SubscriptionState] = mapped_column(choice(SubscriptionState, "state"))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    source: Mapped[str] = mapped_column(String(120), default="")
    unsubscribed_by_issue_id: Mapped[int | None] = mapped_column(BigId, index=True)


class ConsentEvent(StrEnum):
    """What a consent record is evidence of."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    PAUSED = "paused"
    RESUMED = "resumed"


class ConsentRecord(Base):
    """Evidence (GDPR Art. 7(1)): who agreed to which words, where, when and how. Only ever added to."""

    __tablename__ = "consent_records"
    __table_args__ = (Index(None, "subscriber_id", "at"),)

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscribers.id", ondelete="CASCADE"))
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletters.id"))
    event: Mapped[ConsentEvent] = mapped_column(choice(ConsentEvent, "event"))
    mechanism: Mapped[str] = mapped_column(String(40))
    wording_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("optin_wordings.id"))
    form: Mapped[str] = mapped_column(String(120), default="")
    page: Mapped[str] = mapped_column(String(1000), default="")
    client: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class SignupRequest(Base):
    """One sign-up as it was posted. Its id is what a browser may know: it says nothing of the address."""

    __tablename__ = "signup_requests"

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    form: Mapped[str] = mapped_column(String(120), default="")
    page: Mapped[str] = mapped_column(String(1000), default="")
    signals: Mapped[str] = mapped_column(String(200), default="")
    code_attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Confirmation(Base):
    """One confirmation mail: its link is good for this row, once; so is its code."""

    __tablename__ = "confirmations"

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    code_hash: Mapped[str] = mapped_column(String(64))
    code_attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scanned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scanned_by: Mapped[str] = mapped_column(String(64), default="")


class AddressChange(Base):
    """A new address that waits for its owner's word; single use."""

    __tablename__ = "address_changes"

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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

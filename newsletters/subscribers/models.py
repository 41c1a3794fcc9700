"""Subscribers, their subscriptions, consent evidence, sign-up requests and confirmations."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, validates

from newsletters.kernel.columns import Base, BigId, Json, UtcDateTime, big_pk, choice

# Links name rows and are good for years: SQLite must never give a number out a second time.
NEVER_REUSED = {"sqlite_autoincrement": True}


def _sorted_by_code_point(length: int) -> String:
    """Text that is searched by its beginning: PostgreSQL's indices do that in the C collation alone."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Subscriber(Base):
    """An address, and the little a reader told us beside it; ``fields`` are their answers to forms by key.

    ``address_hash`` is the keyed hash of ``email_key``: SQL cannot hash, and sending asks the suppression
    list about a whole audience in one statement. ``links_version`` voids the preferences links that were
    mailed to an earlier address; ``name_key`` is the name as it is searched for.
    """

    __tablename__ = "subscribers"
    __table_args__ = NEVER_REUSED

    id: Mapped[big_pk]
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(_sorted_by_code_point(320), unique=True)
    address_hash: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    name_key: Mapped[str] = mapped_column(_sorted_by_code_point(360), default="", index=True)
    language: Mapped[str] = mapped_column(String(8), default="en")
    links_version: Mapped[int] = mapped_column(default=1)
    fields: Mapped[Json] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    @validates("name")
    def _keep_name_key(self, _field: str, name: str) -> str:
        self.name_key = name.casefold()
        return name


class SubscriptionState(StrEnum):
    """Where a reader stands with one newsletter."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    UNSUBSCRIBED = "unsubscribed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


class Rhythm(StrEnum):
    """How often a newsletter comes: each issue, or a digest of a day or a week."""

    EACH = "each"
    DAILY = "daily"
    WEEKLY = "weekly"


IS_DIGEST = text("rhythm <> 'each'")


class Subscription(Base):
    """A subscriber and a newsletter.

    ``former_state`` is what a pending request falls back to unless it is confirmed, and what an undone
    unsubscription, or a bounce that was no fault of the address, returns to. ``told_why`` says that whoever
    left has answered why, and not what. ``covered_until`` is how far the reader of digests has been told.
    """

    __tablename__ = "subscriptions"
    __table_args__ = (
        UniqueConstraint("subscriber_id", "newsletter_id"),
        Index(None, "newsletter_id", "state", "subscriber_id"),
        Index(None, "newsletter_id", "subscriber_id"),
        Index(None, "state", "subscriber_id"),
        Index(None, "newsletter_id", "confirmed_at"),
        Index(None, "newsletter_id", "ended_at"),
        Index(
            "ix_subscriptions_digest",
            "newsletter_id",
            "covered_until",
            sqlite_where=IS_DIGEST,
            postgresql_where=IS_DIGEST,
        ),
        CheckConstraint("state <> 'active' OR confirmed_at IS NOT NULL", name="active_is_confirmed"),
        CheckConstraint("state <> 'paused' OR paused_until IS NOT NULL", name="paused_has_an_end"),
        NEVER_REUSED,
    )

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscribers.id", ondelete="CASCADE"))
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletters.id"))
    state: Mapped[SubscriptionState] = mapped_column(choice(SubscriptionState, "state"))
    former_state: Mapped[SubscriptionState | None] = mapped_column(choice(SubscriptionState, "former_state"))
    requested_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    source: Mapped[str] = mapped_column(String(120), default="")
    unsubscribed_by_issue_id: Mapped[int | None] = mapped_column(BigId, index=True)
    rhythm: Mapped[Rhythm] = mapped_column(choice(Rhythm, "rhythm", is_checked=False), default=Rhythm.EACH)
    covered_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    told_why: Mapped[bool] = mapped_column(default=False)


class MovedSubscription(Base):
    """A subscription that became another when two readers were made one: links that name it still work."""

    __tablename__ = "moved_subscriptions"

    old_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    subscription_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscriptions.id", ondelete="CASCADE"), index=True
    )


class ConsentEvent(StrEnum):
    """What a consent record is evidence of."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    PAUSED = "paused"
    RESUMED = "resumed"


class ConsentRecord(Base):
    """Evidence (GDPR Art. 7(1)): who agreed to which words, where, when and how. Only ever added to.

    No address of a client is kept: it proves little and says much. ``signup_request_id`` outlives the
    request it names, and tells which browser asked for what while it still waits.
    """

    __tablename__ = "consent_records"
    __table_args__ = (Index(None, "subscriber_id", "at"), NEVER_REUSED)

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(BigId, ForeignKey("subscribers.id", ondelete="CASCADE"))
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletters.id"))
    event: Mapped[ConsentEvent] = mapped_column(choice(ConsentEvent, "event"))
    mechanism: Mapped[str] = mapped_column(String(40))
    wording_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("optin_wordings.id"))
    form: Mapped[str] = mapped_column(String(120), default="")
    page: Mapped[str] = mapped_column(String(1000), default="")
    signup_request_id: Mapped[int | None] = mapped_column(BigId)
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class FormKind(StrEnum):
    """What a posted form asks for: newsletters, their confirmation again, or the way to preferences."""

    SIGN_UP = "sign_up"
    AGAIN = "again"
    WAY_IN = "way_in"


class PostedForm(Base):
    """A form as it was posted, for the moments until a worker takes it; then the row is gone."""

    __tablename__ = "posted_forms"
    __table_args__ = NEVER_REUSED

    id: Mapped[big_pk]
    kind: Mapped[FormKind] = mapped_column(choice(FormKind, "kind"))
    said: Mapped[Json] = mapped_column(JSON)
    tries: Mapped[int] = mapped_column(default=0)
    posted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


IS_HELD = text("held <> ''")


class SignupRequest(Base):
    """One sign-up, numbered like its ``PostedForm``: the number is what a browser may know.

    ``name`` and ``fields`` are a stranger's word until the address is confirmed, and only then the
    subscriber's. ``held`` says why the mail waits for an editor; it is empty again once one has decided.
    """

    __tablename__ = "signup_requests"
    __table_args__ = (
        Index(
            "ix_signup_requests_held",
            "id",
            sqlite_where=IS_HELD,
            postgresql_where=IS_HELD,
        ),
        NEVER_REUSED,
    )

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    name: Mapped[str] = mapped_column(String(120), default="")
    fields: Mapped[Json] = mapped_column(JSON, default=dict)
    form: Mapped[str] = mapped_column(String(120), default="")
    page: Mapped[str] = mapped_column(String(1000), default="")
    signals: Mapped[str] = mapped_column(String(200), default="")
    held: Mapped[str] = mapped_column(String(20), default="")
    campaign: Mapped[str] = mapped_column(String(120), default="")
    mailed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class AddressDomain(Base):
    """Whether anybody takes mail for a domain, as DNS last said; None where it said nothing."""

    __tablename__ = "address_domains"

    domain: Mapped[str] = mapped_column(String(255), primary_key=True)
    takes_mail: Mapped[bool | None]
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)


UNDECIDED = text("used_at IS NULL AND reminder_decided_at IS NULL")


class Confirmation(Base):
    """One confirmation mail: its link is good for this row, once; so is its code.

    ``email`` is the address as it was written on the envelope: whoever confirms has proved that spelling.
    ``reminder_decided_at`` is when it was settled whether anybody is reminded of this mail.
    """

    __tablename__ = "confirmations"
    __table_args__ = (
        Index(
            "ix_confirmations_undecided",
            "created_at",
            sqlite_where=UNDECIDED,
            postgresql_where=UNDECIDED,
        ),
        NEVER_REUSED,
    )

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    email: Mapped[str] = mapped_column(String(320))
    code_hash: Mapped[str] = mapped_column(String(64))
    code_attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scanned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scanned_by: Mapped[str] = mapped_column(String(64), default="")
    is_reminder: Mapped[bool] = mapped_column(default=False)
    reminder_decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AddressChange(Base):
    """A new address that waits for its owner's word; single use."""

    __tablename__ = "address_changes"
    __table_args__ = NEVER_REUSED

    id: Mapped[big_pk]
    subscriber_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("subscribers.id", ondelete="CASCADE"), index=True
    )
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

"""Newsletters, their sign-up wordings, issues with revisions, and pictures."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class Newsletter(Base):
    """A publication readers subscribe to."""

    __tablename__ = "newsletters"

    id: Mapped[big_pk]
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    tagline: Mapped[str] = mapped_column(String(300), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    sample: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(8), default="en")
    cadence: Mapped[str] = mapped_column(String(120), default="")
    byline: Mapped[str] = mapped_column(String(120), default="")
    sender_name: Mapped[str] = mapped_column(String(120))
    sender_email: Mapped[str] = mapped_column(String(320))
    reply_to: Mapped[str] = mapped_column(String(320), default="")
    postal_address: Mapped[str] = mapped_column(String(300), default="")
    timezone: Mapped[str] = mapped_column(String(60), default="UTC")
    accent: Mapped[str] = mapped_column(String(20), default="cobalt")
    logo_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("pictures.id", ondelete="SET NULL"))
    footer: Mapped[str] = mapped_column(Text, default="")
    takes_throwaways: Mapped[bool] = mapped_column(default=True)
    holds_role_addresses: Mapped[bool] = mapped_column(default=True)
    is_low_trace: Mapped[bool] = mapped_column(default=False)
    neutral_sender: Mapped[str] = mapped_column(String(120), default="")
    neutral_subject: Mapped[str] = mapped_column(String(200), default="")
    has_neutral_issues: Mapped[bool] = mapped_column(default=False)
    offers_digests: Mapped[bool] = mapped_column(default=False)
    digest_hour: Mapped[int] = mapped_column(default=8)
    digest_weekday: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(default=0)
    next_issue_on: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_retired(self) -> bool:
        return self.retired_at is not None

    @property
    def hides_issues(self) -> bool:
        """Whether its issues do not show in an inbox what they are."""
        return self.is_low_trace and self.has_neutral_issues

    @property
    def zone(self) -> ZoneInfo:
        """The clocks of this newsletter's editors."""
        return ZoneInfo(self.timezone)


class OptInWording(Base):
    """One version of what a reader agrees to and of the confirmation mail; never changed once made."""

    __tablename__ = "optin_wordings"
    __table_args__ = (UniqueConstraint("newsletter_id", "version"),)

    id: Mapped[big_pk]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletters.id"))
    version: Mapped[int]
    consent_text: Mapped[str] = mapped_column(Text)
    mail_subject: Mapped[str] = mapped_column(String(200), default="")
    mail_intro: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by_id: Mapped[int | None] = mapped_column(BigId)


class IssueState(StrEnum):
    """Where an issue is on its way."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    MISSED = "missed"
    SENDING = "sending"
    PAUSED = "paused"
    SENT = "sent"
    CANCELLED = "cancelled"


ON_ITS_WAY: Final = (IssueState.SENDING, IssueState.PAUSED)


class PauseReason(StrEnum):
    """Why a send stands still: somebody asked, the mail server is away (that one resumes by itself), too
    many complain, what would be sent is no longer what was frozen, or the database was put back from a copy.
    """

    EDITOR = "editor"
    SERVER = "server"
    COMPLAINTS = "complaints"
    CONTENT = "content"
    RESTORED = "restored"


class Issue(Base):
    """One edition of a newsletter.

    Its readers are written down in stretches: ``frozen_through`` is the last subscriber looked at, and
    ``frozen_at`` the end of it. Until then ``candidates`` is what was expected at the start. From
    ``deliveries_forgotten_at`` on only the batches' tallies say how many got it, and nothing who.
    """

    __tablename__ = "issues"
    __table_args__ = (
        UniqueConstraint("newsletter_id", "slug"),
        Index(None, "state", "send_at"),
        Index(None, "newsletter_id", "sent_at"),
        CheckConstraint("state NOT IN ('sending', 'sent') OR content_hash <> ''", name="sent_is_frozen"),
    )

    id: Mapped[big_pk]
    newsletter_id: Mapped[int] = mapped_column(BigId, ForeignKey("newsletters.id"))
    slug: Mapped[str] = mapped_column(String(120))
    subject: Mapped[str] = mapped_column(String(300), default="")
    preheader: Mapped[str] = mapped_column(String(300), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    state: Mapped[IssueState] = mapped_column(choice(IssueState, "state"), default=IssueState.DRAFT)
    pause_reason: Mapped[PauseReason | None] = mapped_column(choice(PauseReason, "pause_reason"))
    pause_detail: Mapped[str] = mapped_column(String(500), default="")
    paused_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    resume_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    version: Mapped[int] = mapped_column(default=1)
    author_id: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    edited_at: Mapped[datetime] = mapped_column(UtcDateTime)
    send_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    scheduled_by_id: Mapped[int | None] = mapped_column(BigId)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    candidates: Mapped[int] = mapped_column(default=0)
    prepared: Mapped[int] = mapped_column(default=0)
    frozen_through: Mapped[int] = mapped_column(BigId, default=0, server_default="0")
    frozen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    deliveries_forgotten_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def is_being_prepared(self) -> bool:
        """Whether it goes out already while its readers are still being written down."""
        return self.state in (IssueState.SENDING, IssueState.PAUSED) and self.frozen_at is None

    @property
    def is_public(self) -> bool:
        """Whether the archive shows it: from the moment its sending began."""
        return self.state in (IssueState.SENDING, IssueState.PAUSED, IssueState.SENT)

    @property
    def is_editable(self) -> bool:
        return self.state is IssueState.DRAFT


class IssueRevision(Base):
    """What an issue said at one time."""

    __tablename__ = "issue_revisions"
    __table_args__ = (Index(None, "issue_id", "created_at"),)

    id: Mapped[big_pk]
    issue_id: Mapped[int] = mapped_column(BigId, ForeignKey("issues.id", ondelete="CASCADE"))
    subject: Mapped[str] = mapped_column(String(300))
    preheader: Mapped[str] = mapped_column(String(300))
    body: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(String(200), default="")
    editor_id: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class IssueExclusion(Base):
    """How many readers an issue left out when it was frozen, by reason."""

    __tablename__ = "issue_exclusions"

    issue_id: Mapped[int] = mapped_column(
        BigId, ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True
    )
    reason: Mapped[str] = mapped_column(String(20), primary_key=True)
    readers: Mapped[int]


class Picture(Base):
    """An uploaded image, re-encoded by us; served at a name that is its content's hash."""

    __tablename__ = "pictures"

    id: Mapped[big_pk]
    name: Mapped[str] = mapped_column(String(80), unique=True)
    content_type: Mapped[str] = mapped_column(String(40))
    width: Mapped[int]
    height: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary)
    uploaded_by_id: Mapped[int | None] = mapped_column(BigId)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LinkCheck(Base):
    """What a link answered when it was last asked; known by its hash, for an address may be long."""

    __tablename__ = "link_checks"

    url_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    problem: Mapped[str] = mapped_column(String(20), default="")
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)

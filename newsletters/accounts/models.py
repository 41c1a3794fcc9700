"""Editors, their sessions, invitations and password resets, and the audit log."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from newsletters.kernel.columns import Base, BigId, UtcDateTime, big_pk, choice


class Role(StrEnum):
    """What an editor may do: owners also manage newsletters, editors, exports and erasure."""

    OWNER = "owner"
    EDITOR = "editor"


class Editor(Base):
    """Somebody who signs in to the desk."""

    __tablename__ = "editors"

    id: Mapped[big_pk]
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(choice(Role, "role"))
    password_hash: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    second_factor_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def has_second_factor(self) -> bool:
        return self.second_factor_at is not None

    @property
    def is_owner(self) -> bool:
        return self.role is Role.OWNER


class EditorSession(Base):
    """A signed-in browser, known by the hash of its cookie alone."""

    __tablename__ = "editor_sessions"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    editor_id: Mapped[int] = mapped_column(BigId, ForeignKey("editors.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    browser: Mapped[str] = mapped_column(String(200), default="")


class Invitation(Base):
    """A way in for somebody who has no account yet; single use."""

    __tablename__ = "invitations"

    id: Mapped[big_pk]
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), index=True)
    role: Mapped[Role] = mapped_column(choice(Role, "role"))
    invited_by_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("editors.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class PasswordReset(Base):
    """A way to choose a new password, mailed to its editor; single use."""

    __tablename__ = "password_resets"

    id: Mapped[big_pk]
    editor_id: Mapped[int] = mapped_column(BigId, ForeignKey("editors.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditEntry(Base):
    """What somebody did, for ever; written and read, never changed. No address, token or password in it."""

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "subject", "subject_id"),)

    id: Mapped[big_pk]
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor_id: Mapped[int | None] = mapped_column(BigId)
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(40), default="")
    subject_id: Mapped[int | None] = mapped_column(BigId)
    detail: Mapped[str] = mapped_column(Text, default="")

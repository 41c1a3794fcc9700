"""What the desk asks about accounts: lists of editors, open invitations, the audit log by pages."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.accounts.models import AuditEntry, Editor, Invitation
from newsletters.kernel.paging import PAGE_SIZE, Page, cut, decode_cursor


def all_editors(session: Session) -> Sequence[Editor]:
    """Everybody who ever had an account, those who may sign in first."""
    return session.scalars(select(Editor).order_by(Editor.disabled_at.is_not(None), Editor.name)).all()


def active_editors(session: Session) -> Sequence[Editor]:
    """Everybody who may sign in."""
    return session.scalars(select(Editor).where(Editor.disabled_at.is_(None)).order_by(Editor.name)).all()


def editor_names(session: Session, ids: Iterable[int]) -> dict[int, str]:
    """The names of these editors by id."""
    rows = session.execute(select(Editor.id, Editor.name).where(Editor.id.in_(set(ids))))
    return dict(rows.all())


def open_invitations(session: Session) -> Sequence[Invitation]:
    """Invitations that nobody has accepted or withdrawn; expired ones too, so that they can be renewed."""
    waiting = (Invitation.used_at.is_(None), Invitation.revoked_at.is_(None))
    return session.scalars(select(Invitation).where(*waiting).order_by(Invitation.created_at.desc())).all()


def audit_entries(
    session: Session,
    *,
    actor_id: int | None = None,
    kind: str = "",
    after: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[AuditEntry]:
    """The log, newest first; ``kind`` is the part of an action before its dot."""
    chosen = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(size + 1)
    if actor_id is not None:
        chosen = chosen.where(AuditEntry.actor_id == actor_id)
    if kind:
        chosen = chosen.where(AuditEntry.action.startswith(f"{kind}.", autoescape=True))
    key = decode_cursor(after)
    if key is not None and isinstance(key[0], int):
        chosen = chosen.where(AuditEntry.id < key[0])
    return cut(session.scalars(chosen).all(), size, lambda entry: (entry.id,))


def entries_about(
    session: Session, subject: str, subject_id: int, *, most: int = 200
) -> Sequence[AuditEntry]:
    """What was done to one thing, newest first."""
    about = (AuditEntry.subject == subject, AuditEntry.subject_id == subject_id)
    return session.scalars(select(AuditEntry).where(*about).order_by(AuditEntry.id.desc()).limit(most)).all()

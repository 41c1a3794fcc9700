"""Accounts of the people at the desk: made, given roles, disabled, never deleted.

An editor's name stays in the audit log and at the issues they wrote, so an account that is not wanted any
more is disabled. Somebody with the role of owner is always left.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.accounts import audit, passwords, sessions
from newsletters.accounts.errors import EditorExists, LastOwner, WrongPassword
from newsletters.accounts.models import Editor, Role
from newsletters.kernel.addresses import InvalidAddress, parse_address


@dataclass(frozen=True, slots=True)
class NewEditor:
    """A fresh account and the password it was given, which is stored nowhere in the clear."""

    editor: Editor
    password: str


def create_editor(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    now: datetime,
    password: str | None = None,
    actor: Editor | str = "operator",
) -> NewEditor:
    """Make an account; without ``password`` one is generated.

    Raises InvalidAddress, EditorExists or WeakPassword.
    """
    address = parse_address(email)
    if session.scalar(select(Editor.id).where(Editor.email_key == address.key)) is not None:
        raise EditorExists
    if password is not None:
        passwords.check_strength(password, known=(address.email, name))
    password = password or passwords.generate_password()
    editor = Editor(
        email=address.email,
        email_key=address.key,
        name=name.strip() or address.email.partition("@")[0],
        role=role,
        password_hash=passwords.hash_password(password),
        created_at=now,
    )
    session.add(editor)
    session.flush()
    audit.record(
        session, actor, "editor.created", now=now, subject="editor", subject_id=editor.id, detail=role.value
    )
    return NewEditor(editor, password)


def editor_by_address(session: Session, email: str) -> Editor | None:
    """The account of an address as somebody typed it, disabled ones included."""
    try:
        key = parse_address(email).key
    except InvalidAddress:
        return None
    return session.scalar(select(Editor).where(Editor.email_key == key))


def set_password(
    session: Session,
    editor: Editor,
    password: str | None,
    *,
    now: datetime,
    actor: Editor | str = "operator",
    newsroom: str = "",
    keep_session: str = "",
) -> str:
    """Give ``editor`` another password (generated when None) and end every session but ``keep_session``.

    Raises WeakPassword.
    """
    if password is not None:
        passwords.check_strength(password, known=(editor.email, editor.name, newsroom))
    password = password or passwords.generate_password()
    editor.password_hash = passwords.hash_password(password)
    sessions.close_all(session, editor, but=keep_session)
    audit.record(session, actor, "editor.password_changed", now=now, subject="editor", subject_id=editor.id)
    return password


def change_own_password(
    session: Session,
    editor: Editor,
    *,
    current: str,
    password: str,
    keep_session: str,
    newsroom: str,
    now: datetime,
) -> None:
    """Let somebody change their password who knows the present one. Raises WrongPassword, WeakPassword."""
    if not passwords.matches(editor.password_hash, current):
        raise WrongPassword
    set_password(
        session, editor, password, now=now, actor=editor, newsroom=newsroom, keep_session=keep_session
    )


def rename(session: Session, editor: Editor, name: str, *, now: datetime) -> None:
    """Change the name an editor is shown by."""
    if name.strip() and name.strip() != editor.name:
        editor.name = name.strip()[:200]
        audit.record(session, editor, "editor.renamed", now=now, subject="editor", subject_id=editor.id)


def change_role(session: Session, editor: Editor, role: Role, *, actor: Editor | str, now: datetime) -> None:
    """Make an editor an owner or an owner an editor. Raises LastOwner."""
    if editor.role is role:
        return
    if editor.is_owner:
        _leave_an_owner(session, editor)
    editor.role = role
    audit.record(
        session,
        actor,
        "editor.role_changed",
        now=now,
        subject="editor",
        subject_id=editor.id,
        detail=role.value,
    )


def disable(session: Session, editor: Editor, *, actor: Editor | str, now: datetime) -> None:
    """Shut an editor out at once. Raises LastOwner. Twice is not an error."""
    if editor.disabled_at is not None:
        return
    if editor.is_owner:
        _leave_an_owner(session, editor)
    editor.disabled_at = now
    sessions.close_all(session, editor)
    audit.record(session, actor, "editor.disabled", now=now, subject="editor", subject_id=editor.id)


def enable(session: Session, editor: Editor, *, actor: Editor | str, now: datetime) -> None:
    """Let a disabled editor sign in again, with the password they had."""
    if editor.disabled_at is None:
        return
    editor.disabled_at = None
    audit.record(session, actor, "editor.enabled", now=now, subject="editor", subject_id=editor.id)


def _leave_an_owner(session: Session, leaving: Editor) -> None:
    """Raise LastOwner if nobody else is one. The rows are locked: two owners cannot leave at once."""
    owners = session.scalars(
        select(Editor.id)
        .where(Editor.role == Role.OWNER, Editor.disabled_at.is_(None))
        .order_by(Editor.id)
        .with_for_update()
    ).all()
    if not [owner for owner in owners if owner != leaving.id]:
        raise LastOwner

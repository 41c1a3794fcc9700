"""Accounts from the shell."""

from sqlalchemy import select

from newsletters.accounts.editors import create_editor
from newsletters.accounts.models import Editor, Role
from newsletters.runtime import Runtime


def has_editor(runtime: Runtime) -> bool:
    """Whether anybody has an account."""
    with runtime.db.reading() as session:
        return session.scalar(select(Editor.id).limit(1)) is not None


def make_editor(runtime: Runtime, *, email: str, name: str, role: str) -> str:
    """Create the account and return its generated password. Raises InvalidAddress or EditorExists."""
    with runtime.db.transaction() as session:
        made = create_editor(
            session,
            email=email,
            name=name or email.partition("@")[0],
            role=Role(role),
            now=runtime.clock.now(),
        )
    return made.password

"""Signing a test in to the desk, and posting its forms as a page would."""

import re
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from newsletters.accounts.editors import create_editor
from newsletters.accounts.models import AuditEntry, Editor, Role
from newsletters.accounts.sessions import open_session
from newsletters.kernel.db import Database
from tests.conftest import NOW
from tests.factories import make_editor

PASSWORD = "seven green lamps by the river"
_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


def signed_in(client: FlaskClient, db: Database, role: Role = Role.OWNER, **fields: Any) -> Editor:
    """Make an editor and give ``client`` their session."""
    with db.transaction() as session:
        editor = make_editor(session, role=role, **fields)
        sign_in_as(client, session, editor)
    return editor


def sign_in_as(client: FlaskClient, session: Session, editor: Editor) -> None:
    """Give ``client`` a session of ``editor``."""
    cookie = open_session(session, editor, user_agent="Test", now=NOW)
    client.set_cookie("desk", cookie, domain="localhost")


def make_editor_with_password(db: Database, role: Role = Role.OWNER) -> tuple[Editor, str]:
    """An editor who can sign in through the form, and their password."""
    with db.transaction() as session:
        address = f"{role.value}@newsroom.example"
        editor = create_editor(
            session, email=address, name="Ada Reporter", role=role, now=NOW, password=PASSWORD
        ).editor
    return editor, PASSWORD


def audited(db: Database) -> list[str]:
    """What the audit log says was done, in its order."""
    with db.reading() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def csrf_token(client: FlaskClient, page: str = "/desk") -> str:
    """The token that ``page`` would send along with its form."""
    found = _TOKEN.search(client.get(page).get_data(as_text=True))
    assert found, f"no form on {page}"
    return found[1]


def post(
    client: FlaskClient, path: str, data: dict[str, Any] | None = None, *, page: str = "/desk", **more: Any
) -> TestResponse:
    """Send a form with the CSRF token of ``page``."""
    return client.post(path, data={"csrf_token": csrf_token(client, page), **(data or {})}, **more)

"""Signed-in browsers. The cookie holds 256 random bits; the database keeps only their hash.

A session ends when its editor leaves it, after twelve hours unused, after two weeks in any case, when the
password changes and when the account is disabled (OWASP ASVS 5.0, 7.3 and 7.4). Signing in always begins
a new one: a cookie that somebody planted is worth nothing afterwards.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from newsletters.accounts.factor_models import SignInStep
from newsletters.accounts.models import Editor, EditorSession

IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=14)
SEEN_EVERY = timedelta(minutes=5)  # a page view is not worth a write
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a request is from and in which session; ``is_stale`` when its last use should be noted."""

    editor: Editor
    row: EditorSession
    is_stale: bool


def open_session(session: Session, editor: Editor, *, user_agent: str, now: datetime) -> str:
    """Begin a session and return its cookie, which is known to nobody else."""
    cookie = secrets.token_urlsafe(32)
    session.add(
        EditorSession(
            token_hash=_hash(cookie),
            editor_id=editor.id,
            created_at=now,
            seen_at=now,
            expires_at=now + ABSOLUTE,
            browser=describe_browser(user_agent),
        )
    )
    session.flush()
    return cookie


def find_session(session: Session, cookie: str, *, now: datetime) -> SignedIn | None:
    """The editor behind ``cookie``, if the session is alive and the account enabled."""
    row = session.get(EditorSession, _hash(cookie))
    if row is None or now >= row.expires_at or now >= row.seen_at + IDLE:
        return None
    editor = session.get(Editor, row.editor_id)
    if editor is None or editor.disabled_at is not None:
        return None
    return SignedIn(editor, row, is_stale=now >= row.seen_at + SEEN_EVERY)


def note_use(session: Session, token_hash: str, *, now: datetime) -> None:
    """Remember that the session was used just now."""
    session.execute(update(EditorSession).where(EditorSession.token_hash == token_hash).values(seen_at=now))


def close_session(session: Session, cookie: str) -> None:
    """End one session; ending it twice is not an error."""
    session.execute(delete(EditorSession).where(EditorSession.token_hash == _hash(cookie)))


def close_other(session: Session, editor: Editor, token_hash: str) -> None:
    """End one of an editor's sessions as chosen from their list."""
    session.execute(
        delete(EditorSession).where(
            EditorSession.editor_id == editor.id, EditorSession.token_hash == token_hash
        )
    )


def close_all(session: Session, editor: Editor, *, but: str = "") -> None:
    """End all sessions of an editor but the one whose hash is ``but``, and sign-ins that are half done."""
    session.execute(delete(SignInStep).where(SignInStep.editor_id == editor.id))
    session.execute(
        delete(EditorSession).where(EditorSession.editor_id == editor.id, EditorSession.token_hash != but)
    )


def open_sessions(session: Session, editor: Editor, *, now: datetime) -> Sequence[EditorSession]:
    """The sessions of an editor that are still alive, latest used first."""
    alive = (EditorSession.expires_at > now, EditorSession.seen_at > now - IDLE)
    chosen = select(EditorSession).where(EditorSession.editor_id == editor.id, *alive)
    return session.scalars(chosen.order_by(EditorSession.seen_at.desc())).all()


def forget_dead_sessions(session: Session, *, now: datetime) -> None:
    """Delete sessions that have ended by themselves."""
    session.execute(
        delete(EditorSession).where(or_(EditorSession.expires_at <= now, EditorSession.seen_at <= now - IDLE))
    )


def describe_browser(user_agent: str) -> str:
    """ "Firefox on Linux": enough for somebody to know their own machine again."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or re.sub(r"[^\w ./-]", "", user_agent)[:60]


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()

"""The audit log: who did what and when, only ever added to (OWASP ASVS 5.0, 16.3 and 16.4).

It outlives the people it speaks of, so it holds names of editors and ids of everything else, and refuses
what must not be kept: addresses and tokens are taken out, and control characters are written as escapes,
so that nobody can forge a second line. Once committed, each line also goes to the program's log, to be taken
elsewhere: whoever holds the database cannot unsay it.
"""

import logging
import re
import unicodedata
from datetime import datetime

from sqlalchemy import event
from sqlalchemy.orm import Session

from newsletters.accounts.models import AuditEntry, Editor
from newsletters.kernel.errors import DomainError

log = logging.getLogger(__name__)

MOST_CHARACTERS = 2000
_ADDRESS = re.compile(r"(?:\"[^\"]*\"|[^\s<>\"',;:]*)@[^\s<>\"',;:]+")
_TOKEN = re.compile(r"[A-Za-z0-9_\-]{32,}")


class AuditIsForever(DomainError):
    """Something tried to change or delete what was recorded."""


def record(
    session: Session,
    actor: Editor | str,
    action: str,
    *,
    now: datetime,
    subject: str = "",
    subject_id: int | None = None,
    detail: str = "",
) -> None:
    """Add one line. ``actor`` is an editor, "operator" or "system"; ``action`` a slug like "issue.sent"."""
    editor = actor if isinstance(actor, Editor) else None
    entry = AuditEntry(
        at=now,
        actor_id=editor.id if editor else None,
        actor=clean(editor.name if editor else str(actor))[:200],
        action=clean(action)[:60],
        subject=clean(subject)[:40],
        subject_id=subject_id,
        detail=clean(detail),
    )
    session.add(entry)
    line = _line(entry)  # made here: once it is committed nothing may be asked of the database
    event.listen(session, "after_commit", lambda _session: log.info(line), once=True)


def _line(entry: AuditEntry) -> str:
    """The line for the log; an editor by number, as whoever reads logs need not know names."""
    actor = entry.actor if entry.actor_id is None else f"editor {entry.actor_id}"
    about = f"{entry.subject} {entry.subject_id or ''}".strip() or "-"
    return f"{entry.action} by {actor}, {about}, {entry.detail or '-'}"


def clean(text: str) -> str:
    """One line without addresses and tokens."""
    text = _TOKEN.sub("[token]", _ADDRESS.sub("[address]", text[:MOST_CHARACTERS]))
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    """Control, formatting and line-separating characters as escapes; everything else as it is."""
    if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs"):
        return character.encode("unicode_escape").decode()
    return character


def _refuse(*_: object) -> None:
    raise AuditIsForever


event.listen(AuditEntry, "before_update", _refuse)
event.listen(AuditEntry, "before_delete", _refuse)

"""What an issue said before: kept as it is written, compared, and brought back.

One row for each sitting, not for each autosave: while the same editor goes on writing, the newest row grows
with the text. A save that takes much away begins a new row, so that a page emptied by mistake can be had
again; so does one that puts a copy kept apart in the issue's place, so that what it replaces stays. The
newest row that is not a copy apart always equals the issue.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.publishing.models import Issue, IssueRevision

SITTING: Final = timedelta(minutes=5)
MUCH_LOST: Final = 200  # characters gone in one save


class Note(StrEnum):
    """Why a revision exists; the desk has words for each."""

    AUTOSAVED = ""
    BEGUN = "begun"
    SAVED = "saved"
    RESTORED = "restored"
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison: ``old`` and ``new`` with None where a side has no such line."""

    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """So many equal lines that were left out."""

    lines: int


def keep(session: Session, issue: Issue, *, note: Note, editor_id: int | None, now: datetime) -> None:
    """Note what ``issue`` says now, in this sitting's row where one can be gone on with."""
    last = newest(session, issue.id)
    if last is not None and _says(last, issue):
        last.note = note.value or last.note
        return
    replaces = last is not None and _apart(session, issue.id, editor_id=editor_id, after=last.id) is not None
    if last is None or replaces or not _goes_on(last, issue, note=note, editor_id=editor_id, now=now):
        session.add(
            IssueRevision(
                issue_id=issue.id,
                subject=issue.subject,
                preheader=issue.preheader,
                body=issue.body,
                note=note.value,
                editor_id=editor_id,
                created_at=now,
            )
        )
        return
    last.subject, last.preheader, last.body = issue.subject, issue.preheader, issue.body


def keep_apart(
    session: Session,
    issue_id: int,
    *,
    subject: str,
    preheader: str,
    body: str,
    editor_id: int | None,
    now: datetime,
) -> IssueRevision:
    """Keep what could not be saved because somebody else was first; the same text is kept once."""
    current = newest(session, issue_id)
    last = _apart(session, issue_id, editor_id=editor_id, after=current.id if current else 0)
    if last is None or now - last.created_at > SITTING:
        last = IssueRevision(issue_id=issue_id, note=Note.APART.value, editor_id=editor_id, created_at=now)
        session.add(last)
    last.subject, last.preheader, last.body = subject, preheader, body
    session.flush()
    return last


def newest(session: Session, issue_id: int) -> IssueRevision | None:
    """The revision that equals the issue."""
    query = select(IssueRevision).where(
        IssueRevision.issue_id == issue_id, IssueRevision.note != Note.APART.value
    )
    return session.scalar(query.order_by(IssueRevision.id.desc()).limit(1))


def _apart(session: Session, issue_id: int, *, editor_id: int | None, after: int) -> IssueRevision | None:
    """What this editor could not save, as far as nobody has begun a revision since."""
    query = select(IssueRevision).where(
        IssueRevision.issue_id == issue_id,
        IssueRevision.note == Note.APART.value,
        IssueRevision.editor_id == editor_id,
        IssueRevision.id > after,
    )
    return session.scalar(query.order_by(IssueRevision.id.desc()).limit(1))


def revisions(session: Session, issue_id: int, *, most: int = 200) -> Sequence[IssueRevision]:
    """The issue's history, newest first."""
    query = select(IssueRevision).where(IssueRevision.issue_id == issue_id)
    return session.scalars(query.order_by(IssueRevision.id.desc()).limit(most)).all()


def revision(session: Session, issue_id: int, revision_id: int) -> IssueRevision | None:
    """One revision of this very issue."""
    found = session.get(IssueRevision, revision_id)
    return found if found is not None and found.issue_id == issue_id else None


def compare(old: str, new: str, *, context: int = 3) -> list[Line | Gap]:
    """The lines of two texts side by side, long stretches of equal ones folded into gaps."""
    before, after = old.splitlines(), new.splitlines()
    found: list[Line | Gap] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            same = [Line(line, line) for line in before[old_from:old_to]]
            found += _folded(same, context, is_first=not found, is_last=old_to == len(before))
            continue
        height = max(old_to - old_from, new_to - new_from)
        left = [*before[old_from:old_to], *[None] * (height - (old_to - old_from))]
        right = [*after[new_from:new_to], *[None] * (height - (new_to - new_from))]
        found += [Line(a, b) for a, b in zip(left, right, strict=True)]
    return found


def _folded(same: list[Line], context: int, *, is_first: bool, is_last: bool) -> list[Line | Gap]:
    head = 0 if is_first else context
    tail = 0 if is_last else context
    hidden = len(same) - head - tail
    if hidden < 2:
        return list(same)
    return [*same[:head], Gap(hidden), *same[len(same) - tail :]]


def _says(revision: IssueRevision, issue: Issue) -> bool:
    written = (revision.subject, revision.preheader, revision.body)
    return written == (issue.subject, issue.preheader, issue.body)


def _goes_on(last: IssueRevision, issue: Issue, *, note: Note, editor_id: int | None, now: datetime) -> bool:
    return (
        note is Note.AUTOSAVED
        and last.note == Note.AUTOSAVED.value
        and last.editor_id == editor_id
        and now - last.created_at < SITTING
        and len(last.body) - len(issue.body) < MUCH_LOST
    )

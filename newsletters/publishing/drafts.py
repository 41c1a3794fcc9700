"""Writing an issue: beginning one, saving it as it grows, and telling two editors apart.

A save names the version it was made from. When somebody else has saved meanwhile it changes nothing, but
what was typed is kept as a revision, so nothing is ever lost. Only a draft is written to: what is scheduled
or sent stands.
"""

import unicodedata
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletters.kernel.errors import DomainError
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.publishing.revisions import Note, keep, keep_apart
from newsletters.publishing.slugs import issue_slug
from newsletters.publishing.wording import without_reader

LONGEST_LINE: Final = 300
LONGEST_BODY: Final = 200_000


class NotEditable(DomainError):
    """The issue is no draft any more."""


class TextTooLong(DomainError):
    """More than an issue can hold."""


@dataclass(frozen=True, slots=True)
class IssueText:
    """What an editor writes."""

    subject: str = ""
    preheader: str = ""
    body: str = ""

    @classmethod
    def of(cls, issue: Issue) -> "IssueText":
        return cls(issue.subject, issue.preheader, issue.body)

    def cleaned(self) -> "IssueText":
        """Lines end in LF, headers are one line, and no control character is left. Raises TextTooLong."""
        clean = replace(
            self,
            subject=_one_line(self.subject),
            preheader=_one_line(self.preheader),
            body=_without_controls(self.body.replace("\r\n", "\n").replace("\r", "\n")),
        )
        if len(clean.body) > LONGEST_BODY or max(len(clean.subject), len(clean.preheader)) > LONGEST_LINE:
            raise TextTooLong
        return clean


@dataclass(frozen=True, slots=True)
class Saved:
    """The text is the issue's now; ``version`` is what the next save is made from."""

    version: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody else saved first; the issue is as they left it. What was typed is revision ``kept_id``."""

    version: int
    kept_id: int


def new_issue(
    session: Session,
    newsletter: Newsletter,
    *,
    author_id: int | None,
    now: datetime,
    like: Issue | None = None,
) -> Issue:
    """Begin a draft, with the text of an earlier issue where ``like`` gives one."""
    text = IssueText.of(like) if like is not None else IssueText()
    issue = Issue(
        newsletter_id=newsletter.id,
        slug=_slug(session, newsletter, text.subject, None),
        subject=text.subject,
        preheader=text.preheader,
        body=text.body,
        author_id=author_id,
        created_at=now,
        edited_at=now,
    )
    session.add(issue)
    session.flush()
    keep(session, issue, note=Note.BEGUN, editor_id=author_id, now=now)
    return issue


def save(
    session: Session,
    issue: Issue,
    *,
    text: IssueText,
    base_version: int,
    editor_id: int | None,
    now: datetime,
    note: Note = Note.AUTOSAVED,
) -> Saved | Conflict:
    """Write ``text`` into a draft. Raises NotEditable and TextTooLong."""
    text = text.cleaned()
    if not _claim(session, issue, base_version=base_version, now=now):
        return _refuse(session, issue, text=text, editor_id=editor_id, now=now)
    newsletter = session.get_one(Newsletter, issue.newsletter_id)
    if text.subject != issue.subject:
        issue.slug = _slug(session, newsletter, text.subject, issue.id)
    issue.subject, issue.preheader, issue.body = text.subject, text.preheader, text.body
    session.flush()
    keep(session, issue, note=note, editor_id=editor_id, now=now)
    return Saved(issue.version)


def discard(session: Session, issue: Issue) -> None:
    """Throw a draft away with its revisions. Raises NotEditable."""
    session.refresh(issue, with_for_update=True)
    if not issue.is_editable or issue.started_at is not None:
        raise NotEditable
    session.delete(issue)


def _claim(session: Session, issue: Issue, *, base_version: int, now: datetime) -> bool:
    """Raise the version by one if it still is ``base_version``: of two that save at once one succeeds."""
    claimed = session.execute(
        update(Issue)
        .where(Issue.id == issue.id, Issue.version == base_version, Issue.state == IssueState.DRAFT)
        .values(version=Issue.version + 1, edited_at=now)
        .execution_options(synchronize_session=False)
        .returning(Issue.id)
    ).scalar_one_or_none()
    session.refresh(issue)
    return claimed is not None


def _refuse(
    session: Session, issue: Issue, *, text: IssueText, editor_id: int | None, now: datetime
) -> Saved | Conflict:
    if not issue.is_editable:
        raise NotEditable
    if text == IssueText.of(issue):
        return Saved(issue.version)
    kept = keep_apart(
        session,
        issue.id,
        subject=text.subject,
        preheader=text.preheader,
        body=text.body,
        editor_id=editor_id,
        now=now,
    )
    return Conflict(issue.version, kept.id)


def last_issue(session: Session, newsletter_id: int) -> Issue | None:
    """The issue begun last, whatever became of it: a new one may start from it."""
    query = select(Issue).where(Issue.newsletter_id == newsletter_id).order_by(Issue.id.desc()).limit(1)
    return session.scalar(query)


def _slug(session: Session, newsletter: Newsletter, subject: str, issue_id: int | None) -> str:
    return issue_slug(session, newsletter.id, without_reader(subject, newsletter), issue_id=issue_id)


def _one_line(text: str) -> str:
    return " ".join(_without_controls(text.replace("\n", " ").replace("\r", " ")).split())


def _without_controls(text: str) -> str:
    return "".join(
        letter for letter in text if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs")
    )

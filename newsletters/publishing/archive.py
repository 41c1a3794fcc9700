"""What the public may read of newsletters and issues: the front page, archives and feeds ask here.

An issue is public from the moment its sending began, and stays so when its newsletter is retired.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from newsletters.kernel.paging import Page, cut, decode_cursor
from newsletters.publishing.models import Issue, IssueState, Newsletter

PUBLIC_STATES: Final = (IssueState.SENDING, IssueState.PAUSED, IssueState.SENT)
ARCHIVE_SIZE: Final = 20


def listed_newsletters(session: Session) -> Sequence[Newsletter]:
    """The newsletters that can be subscribed to, in the order the newsroom gave them."""
    query = select(Newsletter).where(Newsletter.retired_at.is_(None))
    return session.scalars(query.order_by(Newsletter.position, Newsletter.name, Newsletter.id)).all()


def newsletter_by_slug(session: Session, slug: str) -> Newsletter | None:
    """A newsletter by its address, retired ones too."""
    return session.scalar(select(Newsletter).where(Newsletter.slug == slug))


def public_at(issue: Issue) -> datetime:
    """When readers could first see ``issue``."""
    return issue.started_at or issue.sent_at or issue.edited_at


def latest_issues(session: Session, newsletter_ids: Iterable[int]) -> dict[int, Issue]:
    """The newest public issue of each newsletter that has one."""
    found = session.scalars(_LATEST, {"newsletters": list(newsletter_ids)})
    return {issue.newsletter_id: issue for issue in found}


def latest_issue(session: Session, newsletter_id: int) -> Issue | None:
    """The newest public issue of one newsletter."""
    return session.scalars(_NEWEST_FIRST.limit(1), {"newsletter": newsletter_id}).first()


def archive_page(
    session: Session, newsletter_id: int, *, cursor: str | None = None, size: int = ARCHIVE_SIZE
) -> Page[Issue]:
    """Public issues, newest first; an unreadable cursor begins at the beginning."""
    query = _NEWEST_FIRST
    before = _place(session, decode_cursor(cursor))
    if before is not None:
        query = query.where(_older_than(before))
    issues = session.scalars(query.limit(size + 1), {"newsletter": newsletter_id}).all()
    return cut(issues, size, lambda issue: (issue.id,))


def public_issue(session: Session, newsletter_id: int, slug: str) -> Issue | None:
    """One public issue by its address; drafts and cancelled ones are nobody's business."""
    query = select(Issue).where(Issue.newsletter_id == newsletter_id, Issue.slug == slug, _is_public())
    return session.scalar(query)


def neighbours(session: Session, issue: Issue) -> tuple[Issue | None, Issue | None]:
    """The public issue before ``issue`` and the one after it."""
    public = select(Issue).where(Issue.newsletter_id == issue.newsletter_id, _is_public())
    older = public.where(_older_than(issue)).order_by(Issue.started_at.desc(), Issue.id.desc()).limit(1)
    newer = public.where(_newer_than(issue)).order_by(Issue.started_at, Issue.id).limit(1)
    return session.scalar(older), session.scalar(newer)


def feed_issues(session: Session, newsletter_id: int, *, most: int = ARCHIVE_SIZE) -> Sequence[Issue]:
    """The newest public issues, for the feed."""
    return session.scalars(_NEWEST_FIRST.limit(most), {"newsletter": newsletter_id}).all()


def _is_public() -> ColumnElement[bool]:
    return and_(Issue.state.in_(PUBLIC_STATES), Issue.started_at.is_not(None))


def _newest_first() -> Select[Issue]:
    """The public issues of ``newsletter``."""
    query = select(Issue).where(Issue.newsletter_id == bindparam("newsletter"), _is_public())
    return query.order_by(Issue.started_at.desc(), Issue.id.desc())


def _older_than(issue: Issue) -> ColumnElement[bool]:
    return or_(
        Issue.started_at < issue.started_at,
        and_(Issue.started_at == issue.started_at, Issue.id < issue.id),
    )


def _newer_than(issue: Issue) -> ColumnElement[bool]:
    return or_(
        Issue.started_at > issue.started_at,
        and_(Issue.started_at == issue.started_at, Issue.id > issue.id),
    )


def _place(session: Session, key: tuple[str | int, ...] | None) -> Issue | None:
    if key is None or len(key) != 1 or not isinstance(key[0], int):
        return None
    issue = session.get(Issue, key[0])
    return issue if issue is not None and issue.started_at is not None else None


def _latest() -> Select[Issue]:
    """The newest public issue of each of ``newsletters``."""
    newest_first = (Issue.started_at.desc(), Issue.id.desc())
    rank = func.row_number().over(partition_by=Issue.newsletter_id, order_by=newest_first)
    ranked = (
        select(Issue.id, rank.label("rank"))
        .where(_is_public(), Issue.newsletter_id.in_(bindparam("newsletters", expanding=True)))
        .subquery()
    )
    return select(Issue).join(ranked, ranked.c.id == Issue.id).where(ranked.c.rank == 1)


# Made once: every visit of a page with a sign-up form asks one of them.
_LATEST: Final = _latest()
_NEWEST_FIRST: Final = _newest_first()

"""What the desk asks about issues: lists by newsletter and state, and what stands on today's page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletters.kernel.paging import Page, cut, decode_cursor
from newsletters.publishing.models import Issue, IssueState, Newsletter

PAGE_SIZE: Final = 30


class Shelf(StrEnum):
    """Where an issue lies on the desk."""

    DRAFTS = "drafts"
    SCHEDULED = "scheduled"
    SENDING = "sending"
    SENT = "sent"
    CANCELLED = "cancelled"


STATES: Final[dict[Shelf, tuple[IssueState, ...]]] = {
    Shelf.DRAFTS: (IssueState.DRAFT,),
    Shelf.SCHEDULED: (IssueState.SCHEDULED, IssueState.MISSED),
    Shelf.SENDING: (IssueState.SENDING, IssueState.PAUSED),
    Shelf.SENT: (IssueState.SENT,),
    Shelf.CANCELLED: (IssueState.CANCELLED,),
}


ORDER: Final[dict[Shelf, InstrumentedAttribute[Any]]] = {
    Shelf.DRAFTS: Issue.edited_at,
    Shelf.SCHEDULED: Issue.send_at,
    Shelf.SENDING: Issue.started_at,
    Shelf.SENT: Issue.started_at,
    Shelf.CANCELLED: Issue.edited_at,
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a list."""

    issue: Issue
    newsletter: Newsletter


def shelf_page(
    session: Session,
    shelf: Shelf,
    *,
    newsletter_id: int | None = None,
    cursor: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[Listed]:
    """The issues on one shelf: what was begun, sent or touched last comes first."""
    at = ORDER[shelf]
    query = _listed(newsletter_id).where(Issue.state.in_(STATES[shelf]))
    last = _last_of(session, cursor, at)
    if last is not None:
        query = query.where(or_(at < last[0], and_(at == last[0], Issue.id < last[1])))
    rows = session.execute(query.order_by(at.desc(), Issue.id.desc()).limit(size + 1))
    return cut([Listed(*row) for row in rows], size, lambda row: (row.issue.id,))


def shelf_counts(session: Session, *, newsletter_id: int | None = None) -> dict[Shelf, int]:
    """How many issues lie on each shelf."""
    query = select(Issue.state, func.count()).group_by(Issue.state)
    if newsletter_id is not None:
        query = query.where(Issue.newsletter_id == newsletter_id)
    found = dict(session.execute(query).all())
    return {shelf: sum(found.get(state, 0) for state in states) for shelf, states in STATES.items()}


def in_states(session: Session, *states: IssueState, most: int = 10) -> Sequence[Listed]:
    """Issues in any of ``states``: what goes out soonest first, then what was touched last."""
    query = _listed(None).where(Issue.state.in_(states))
    ordered = query.order_by(Issue.send_at.asc().nulls_last(), Issue.edited_at.desc(), Issue.id.desc())
    return [Listed(*row) for row in session.execute(ordered.limit(most))]


def last_sent(session: Session, *, newsletter_id: int | None = None, most: int = 10) -> Sequence[Listed]:
    """The issues that finished last, the newest first."""
    query = _listed(newsletter_id).where(Issue.state == IssueState.SENT)
    ordered = query.order_by(Issue.sent_at.desc(), Issue.id.desc())
    return [Listed(*row) for row in session.execute(ordered.limit(most))]


def last_newsletter_of(session: Session, editor_id: int) -> int | None:
    """The newsletter an editor last began an issue for."""
    query = select(Issue.newsletter_id).where(Issue.author_id == editor_id)
    return session.scalar(query.order_by(Issue.id.desc()).limit(1))


def _last_of(
    session: Session, cursor: str | None, at: InstrumentedAttribute[Any]
) -> tuple[datetime, int] | None:
    """Where the page before ended: the time it is ordered by and the id of its last issue."""
    key = decode_cursor(cursor)
    if key is None or not isinstance(key[0], int):
        return None
    issue = session.get(Issue, key[0])
    moment = getattr(issue, at.key, None)
    return (moment, issue.id) if issue is not None and moment is not None else None


def _listed(newsletter_id: int | None) -> Select[Issue, Newsletter]:
    query = select(Issue, Newsletter).join(Newsletter, Newsletter.id == Issue.newsletter_id)
    return query if newsletter_id is None else query.where(Issue.newsletter_id == newsletter_id)

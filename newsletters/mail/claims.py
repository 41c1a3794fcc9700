"""Who sends which mail of the outbox: one worker at a time, under a lease with a fence token.

A worker that froze past its lease finds its fence outrun, and nothing it writes then counts. Every function
runs in the caller's transaction and is one conditional UPDATE, on SQLite and PostgreSQL alike.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, or_, select, update
from sqlalchemy.orm import Session

from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.outbox import ANY

LEASE = timedelta(seconds=30)  # how long a reader waits for a mail whose worker was killed
LONGEST_REPLY = 500  # the column's length


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one mail, as long as nobody holds a higher fence."""

    mail: OutboxMail
    fence: int


def claim_next(session: Session, *, which: ColumnElement[bool] = ANY, now: datetime) -> Claim | None:
    """Take the mail that has been due the longest, of those in question, or None where none is."""
    due = (
        select(OutboxMail.id, OutboxMail.fence)
        .where(
            OutboxMail.state == OutboxState.WAITING,
            which,
            OutboxMail.due_at <= now,
            or_(OutboxMail.leased_until.is_(None), OutboxMail.leased_until <= now),
        )
        .order_by(OutboxMail.due_at, OutboxMail.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # SQLite locks the whole database instead
    )
    found = session.execute(due).first()
    if found is None or not _write(session, *found, fence=found.fence + 1, leased_until=now + LEASE):
        return None
    return Claim(session.get_one(OutboxMail, found.id), found.fence + 1)


def keep(session: Session, claim: Claim, *, now: datetime) -> bool:
    """Make the lease longer; False where somebody else has taken over."""
    return _write(session, claim.mail.id, claim.fence, leased_until=now + LEASE)


def settle(session: Session, claim: Claim, state: OutboxState, *, reply: str, now: datetime) -> bool:
    """Record the end of a mail; its params, which hold tokens, go with it."""
    return _write(
        session,
        claim.mail.id,
        claim.fence,
        state=state,
        reply=reply[:LONGEST_REPLY],
        attempts=OutboxMail.attempts + 1,
        params={},
        settled_at=now,
        leased_until=None,
    )


def postpone(session: Session, claim: Claim, *, reply: str, due_at: datetime, is_attempt: bool) -> bool:
    """Let a mail wait until ``due_at``; a server that is away takes no attempt from it."""
    return _write(
        session,
        claim.mail.id,
        claim.fence,
        reply=reply[:LONGEST_REPLY],
        attempts=OutboxMail.attempts + (1 if is_attempt else 0),
        due_at=due_at,
        leased_until=None,
    )


def _write(session: Session, mail_id: int, fence_held: int, **values: Any) -> bool:
    statement = (
        update(OutboxMail)
        .where(
            OutboxMail.id == mail_id,
            OutboxMail.fence == fence_held,
            OutboxMail.state == OutboxState.WAITING,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    result = session.execute(statement)
    return isinstance(result, CursorResult) and result.rowcount == 1

"""Pausing a newsletter until a day, and coming back to one digest of what came out meanwhile.

A pause ends when its day has come or when its reader says so. Either way the digest they are owed is written
down in the transaction that ends it (a row of ``digests``), and made of what did not reach them later, once,
by the slice that knows what did. Pausing again before it was made keeps it for the next return. A pause until
a day ends as that day begins by the clocks of the newsletter's own zone.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.kernel.db import insert_into
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import consent
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.digest_models import Digest, DigestKind
from newsletters.subscribers.lifecycle import ONGOING, Event, advance
from newsletters.subscribers.models import ConsentEvent, Subscription, SubscriptionState

LONGEST_PAUSE: Final = timedelta(days=366)
AT_ONCE: Final = 200  # some hundred milliseconds


def beginning_of(day: date, newsletter: Newsletter) -> datetime:
    """The moment at which a day begins in the newsletter's zone: a pause until that day ends there."""
    return datetime.combine(day, time(), tzinfo=newsletter.zone).astimezone(UTC)


def after_days(days: int, newsletter: Newsletter, *, now: datetime) -> datetime:
    """The end of a pause of so many days: as the day that many days after today begins there."""
    today: date = now.astimezone(newsletter.zone).date()
    return beginning_of(today + timedelta(days=days), newsletter)


def begin(
    session: Session, row: Subscription, *, until: datetime, mechanism: Mechanism, now: datetime
) -> datetime | None:
    """Send nothing until then, at most a year; returns the end, or None where there is nothing to pause."""
    if row.state not in ONGOING:
        return None
    ends_at = min(max(until, now), now + LONGEST_PAUSE)
    advance(row, Event.PAUSE, now=now, until=ends_at)
    consent.record(session, row, ConsentEvent.PAUSED, mechanism, now=now)
    return ends_at


def end(session: Session, row: Subscription, *, mechanism: Mechanism, now: datetime) -> bool:
    """Send again, and owe one digest of what came out meanwhile. False where there is no pause."""
    untold_since = [moment for moment in (row.paused_from, row.covered_until) if moment is not None]
    until = row.paused_until
    if not advance(row, Event.RESUME, now=now):
        return False
    consent.record(session, row, ConsentEvent.RESUMED, mechanism, now=now)
    if untold_since:
        until = min(until, now) if until is not None else now
        owe(session, row, DigestKind.CATCH_UP, since=min(untold_since), until=until)
        row.covered_until = until if row.covered_until is not None else None
    return True


def end_some(session: Session, *, now: datetime) -> int:
    """End pauses whose day has come and say how many: up to ``AT_ONCE``, so that a midnight holds up nobody.

    One who is held elsewhere has the next turn.
    """
    over = (
        select(Subscription)
        .where(Subscription.state == SubscriptionState.PAUSED, Subscription.paused_until <= now)
        .order_by(Subscription.paused_until, Subscription.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    rows = session.scalars(over).all()
    for row in rows:
        end(session, row, mechanism=Mechanism.PAUSE_ENDED, now=now)
    session.flush()
    return len(rows)


def owe(session: Session, row: Subscription, kind: DigestKind, *, since: datetime, until: datetime) -> None:
    """Write down that a reader is owed a digest; one that waits already reaches further."""
    owed = insert_into(session, Digest).values(subscription_id=row.id, kind=kind, since=since, until=until)
    session.execute(
        owed.on_conflict_do_update(index_elements=["subscription_id"], set_={"kind": kind, "until": until})
    )


def hand_over(session: Session, *, gone: Subscription, into: Subscription) -> None:
    """Where two subscriptions become one, it is owed what either was owed, in one digest."""
    owed, theirs = session.get(Digest, gone.id), session.get(Digest, into.id)
    if owed is None:
        return
    since, until = owed.since, owed.until
    if theirs is not None:
        since, until = min(since, theirs.since), max(until, theirs.until)
    session.merge(Digest(subscription_id=into.id, kind=owed.kind, since=since, until=until))


def keep_for_return(row: Subscription, since: datetime) -> None:
    """A reader who pauses again before their digest has left has what it was of when they are back."""
    row.paused_from = min(row.paused_from or since, since)

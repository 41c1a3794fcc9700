"""How often a newsletter comes to a reader: each issue, or one digest a day or a week where it is offered.

``covered_until`` is how far a digest's reader has been told; what came out since is in their next digest. It
moves on by the clocks of the newsletter's own zone, once a day or a week for each reader, and the digest they
are owed is written down in the transaction that moves it (pauses.owe). Where nothing came out none is owed.

Whoever goes back to each issue, or reads a newsletter that offers digests no more, is owed a last one.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from newsletters.publishing.archive import PUBLIC_STATES
from newsletters.publishing.models import Issue, Newsletter
from newsletters.subscribers.digest_models import DigestKind
from newsletters.subscribers.lifecycle import ONGOING
from newsletters.subscribers.models import IS_DIGEST, Rhythm, Subscription, SubscriptionState
from newsletters.subscribers.pauses import owe

AT_ONCE: Final = 500
DIGESTS: Final = {Rhythm.DAILY: DigestKind.DAILY, Rhythm.WEEKLY: DigestKind.WEEKLY}


def choose(
    session: Session, row: Subscription, rhythm: Rhythm, *, newsletter: Newsletter, now: datetime
) -> bool:
    """Let a newsletter come in another rhythm. False where it is not offered, not read, or as it was."""
    if row.rhythm is rhythm or row.state not in ONGOING:
        return False
    if rhythm is Rhythm.EACH:
        _back_to_each(session, row, now=now)
        return True
    if not newsletter.offers_digests:
        return False
    row.covered_until = row.covered_until or now
    row.rhythm = rhythm
    return True


def plan_some(session: Session, newsletter_id: int, *, now: datetime) -> bool:
    """Write down for some readers of a newsletter that a digest is owed; says whether there are more.

    Nothing is planned while the readers of an issue are being written down: then it is not yet known who was
    left out for a digest. One who is held elsewhere has the next turn.
    """
    newsletter = session.get_one(Newsletter, newsletter_id)
    newest = _newest(session, newsletter, now=now)
    if newest is None:
        return False
    rows = session.scalars(_due(newsletter, now=now)).all()
    for row in rows:
        if newsletter.offers_digests:
            _cover(session, row, newest=newest, now=now)
        else:
            _back_to_each(session, row, now=now)
    session.flush()
    return len(rows) == AT_ONCE


def with_digests(session: Session) -> Sequence[int]:
    """The newsletters that anybody reads in digests."""
    return session.scalars(
        select(Newsletter.id)
        .where(select(Subscription.id).where(Subscription.newsletter_id == Newsletter.id, IS_DIGEST).exists())
        .order_by(Newsletter.id)
    ).all()


def last_slot(rhythm: Rhythm, newsletter: Newsletter, *, now: datetime) -> datetime:
    """The last moment up to now when the newsletter's digests of this rhythm were due."""
    zone: ZoneInfo = newsletter.zone
    today = now.astimezone(zone).date()
    for back in range(8):
        day = today - timedelta(days=back)
        slot = datetime.combine(day, time(newsletter.digest_hour), tzinfo=zone).astimezone(UTC)
        is_the_day = rhythm is Rhythm.DAILY or day.weekday() == newsletter.digest_weekday
        if is_the_day and slot <= now:
            return slot
    raise ValueError(f"{rhythm} has no last slot")


def _due(newsletter: Newsletter, *, now: datetime) -> Select[Subscription]:
    """Whose day or week is over; everybody, where digests are offered no more."""
    mine = select(Subscription).where(Subscription.newsletter_id == newsletter.id, IS_DIGEST)
    if newsletter.offers_digests:
        overdue = (
            (Subscription.rhythm == rhythm)
            & (Subscription.covered_until < last_slot(rhythm, newsletter, now=now))
            for rhythm in DIGESTS
        )
        first, second = overdue
        mine = mine.where(Subscription.state == SubscriptionState.ACTIVE, first | second)
    return (
        mine.order_by(Subscription.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _newest(session: Session, newsletter: Newsletter, *, now: datetime) -> datetime | None:
    """When the newest issue's readers were all written down; None while any are being written down."""
    public = select(func.count(), func.count(Issue.frozen_at), func.max(Issue.frozen_at)).where(
        Issue.newsletter_id == newsletter.id, Issue.state.in_(PUBLIC_STATES), Issue.started_at <= now
    )
    issues, frozen, newest = session.execute(public).one()
    if issues > frozen:
        return None
    return newest or newsletter.created_at


def _cover(session: Session, row: Subscription, *, newest: datetime, now: datetime) -> None:
    since = row.covered_until or now
    if newest >= since:
        owe(session, row, DIGESTS[row.rhythm], since=since, until=now)
    row.covered_until = now


def _back_to_each(session: Session, row: Subscription, *, now: datetime) -> None:
    """From now on each issue, after a last digest; who is away has it on their return."""
    since, kind = row.covered_until or now, DIGESTS[row.rhythm]
    row.rhythm, row.covered_until = Rhythm.EACH, None
    if row.state is SubscriptionState.PAUSED:
        row.paused_from = min(row.paused_from or since, since)
    elif row.state is SubscriptionState.ACTIVE:
        owe(session, row, kind, since=since, until=now)

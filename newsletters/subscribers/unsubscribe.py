"""Leaving by the link in an issue, by one click (RFC 8058), or by mail; in force at once.

The link never expires and survives the issue and the newsletter; with the subscription gone there is
nothing left to end, which is success too. Whoever was forwarded an issue holds its link: so it can end,
pause, end a pause and, for an hour, undo, but it shows no preferences and never begins anything new.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from newsletters.kernel.addresses import mask
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import consent, lookups, pauses
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.lifecycle import ONGOING, Event, advance
from newsletters.subscribers.links import LinkBroken, LinkForeign, read_link
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import (
    ConsentEvent,
    MovedSubscription,
    Subscriber,
    Subscription,
    SubscriptionState,
)

ReadRows = Callable[[Session, int], Sequence[Subscription]]
LOCKED: Final = lookups.locked_subscriptions
UNDO_WINDOW: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What the page of a link shows before anything is done."""

    newsletter: Newsletter
    language: str
    email_masked: str
    state: SubscriptionState
    others: tuple[Newsletter, ...]
    paused_until: datetime | None
    told_why: bool


@dataclass(frozen=True, slots=True)
class Left:
    """Gone from ``newsletters`` now; from none where the reader had left before."""

    subscription_id: int
    newsletter: Newsletter
    language: str
    newsletters: tuple[Newsletter, ...]
    others: tuple[Newsletter, ...]
    told_why: bool


@dataclass(frozen=True, slots=True)
class Undone:
    """The reader gets these again, as before."""

    language: str
    newsletters: tuple[Newsletter, ...]


@dataclass(frozen=True, slots=True)
class CannotUndo:
    """Too long ago, or never theirs to have back: only a fresh sign-up helps."""

    newsletter: Newsletter
    language: str


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing comes until then."""

    newsletter: Newsletter
    language: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Resumed:
    """No pause holds it back any more."""

    newsletter: Newsletter
    language: str


@dataclass(frozen=True, slots=True)
class NothingToLeave:
    """A link of ours whose subscription is gone altogether: nothing comes from us."""


Unusable = NothingToLeave | LinkForeign | LinkBroken


@dataclass(frozen=True, slots=True)
class Held:
    """The link's subscription among all of its reader's."""

    row: Subscription
    rows: Sequence[Subscription]
    subscriber: Subscriber
    newsletter: Newsletter
    issue_id: int | None


def offer_leaving(session: Session, token: str, *, means: Means, now: datetime) -> Leaving | Unusable:
    """What the page of a link shows. Reads only."""
    held = _open(session, token, means=means, now=now, read_rows=lookups.subscriptions)
    if not isinstance(held, Held):
        return held
    return Leaving(
        newsletter=held.newsletter,
        language=held.subscriber.language,
        email_masked=mask(held.subscriber.email),
        state=held.row.state,
        others=_others(session, held),
        paused_until=held.row.paused_until if held.row.state is SubscriptionState.PAUSED else None,
        told_why=held.row.told_why,
    )


def leave(
    session: Session, token: str, *, means: Means, mechanism: Mechanism, now: datetime
) -> Left | Unusable:
    """End the link's subscription. Ending it twice changes nothing and is no error."""
    held = _open(session, token, means=means, now=now)
    return _end(session, held, [held.row], mechanism, now=now) if isinstance(held, Held) else held


def leave_by_mail(session: Session, ids: tuple[int, ...], *, now: datetime) -> Left | NothingToLeave:
    """End the subscription that a mail to our unsubscribe address names."""
    held = _held(session, ids)
    return _end(session, held, [held.row], Mechanism.MAIL, now=now) if isinstance(held, Held) else held


def leave_all(session: Session, token: str, *, means: Means, now: datetime) -> Left | Unusable:
    """End every subscription of the link's reader."""
    held = _open(session, token, means=means, now=now)
    if not isinstance(held, Held):
        return held
    return _end(session, held, held.rows, Mechanism.LINK, now=now)


def undo(session: Session, token: str, *, means: Means, now: datetime) -> Undone | CannotUndo | Unusable:
    """Give back what this reader left since, and including, the link's subscription, for an hour."""
    held = _open(session, token, means=means, now=now)
    if not isinstance(held, Held):
        return held
    language, ended_at = held.subscriber.language, held.row.ended_at
    if held.row.state in ONGOING:
        return Undone(language, (held.newsletter,))
    if ended_at is None or now - ended_at > UNDO_WINDOW:
        return CannotUndo(held.newsletter, language)
    back = set()
    for row in held.rows:
        since = row.ended_at is not None and row.ended_at >= ended_at
        if since and advance(row, Event.UNDO, now=now):
            consent.record(session, row, ConsentEvent.CONFIRMED, Mechanism.UNDO, now=now)
            back.add(row.newsletter_id)
    if not back:
        return CannotUndo(held.newsletter, language)
    return Undone(language, lookups.newsletters(session, back))


def pause(
    session: Session, token: str, *, means: Means, days: int, now: datetime
) -> Paused | CannotUndo | Unusable:
    """Send nothing for so many days, at most a year; just after leaving, this undoes and pauses in one."""
    held = _open(session, token, means=means, now=now)
    if not isinstance(held, Held):
        return held
    row, language = held.row, held.subscriber.language
    if row.state not in ONGOING:
        undone = undo(session, token, means=means, now=now)
        if not isinstance(undone, Undone):
            return undone
    until = pauses.after_days(days, held.newsletter, now=now)
    ends_at = pauses.begin(session, row, until=until, mechanism=Mechanism.LINK, now=now)
    return Paused(held.newsletter, language, ends_at or until)


def resume(session: Session, token: str, *, means: Means, now: datetime) -> Resumed | Unusable:
    """End a pause before its time. Where there is none, nothing changes."""
    held = _open(session, token, means=means, now=now)
    if not isinstance(held, Held):
        return held
    pauses.end(session, held.row, mechanism=Mechanism.LINK, now=now)
    return Resumed(held.newsletter, held.subscriber.language)


def end_subscription(
    session: Session,
    row: Subscription,
    mechanism: Mechanism,
    *,
    issue_id: int | None = None,
    now: datetime,
) -> bool:
    """End one subscription with its evidence; say whether there was anything to end."""
    was_wanted = row.state in ONGOING
    if not advance(row, Event.UNSUBSCRIBE, now=now):
        return False
    if was_wanted:
        row.unsubscribed_by_issue_id = issue_id
    consent.record(session, row, ConsentEvent.WITHDRAWN, mechanism, now=now)
    return True


def _end(
    session: Session, held: Held, rows: Sequence[Subscription], mechanism: Mechanism, *, now: datetime
) -> Left:
    ended = {
        row.newsletter_id
        for row in rows
        if end_subscription(session, row, mechanism, issue_id=held.issue_id, now=now)
    }
    return Left(
        subscription_id=held.row.id,
        newsletter=held.newsletter,
        language=held.subscriber.language,
        newsletters=lookups.newsletters(session, ended),
        others=_others(session, held),
        told_why=held.row.told_why,
    )


def held_by(session: Session, token: str, *, means: Means, now: datetime) -> Held | Unusable:
    """The subscription that a link names, with all of its reader's, held until the transaction ends."""
    return _open(session, token, means=means, now=now)


def _open(
    session: Session, token: str, *, means: Means, now: datetime, read_rows: ReadRows = LOCKED
) -> Held | Unusable:
    link = read_link(token, Purpose.UNSUBSCRIBE, means=means, now=now)
    return link if isinstance(link, LinkForeign | LinkBroken) else _held(session, link.ids, read_rows)


def _held(session: Session, ids: tuple[int, ...], read_rows: ReadRows = LOCKED) -> Held | NothingToLeave:
    subscription_id, issue_id = (*ids, 0, 0)[:2]
    moved = session.get(MovedSubscription, subscription_id)
    named = session.get(Subscription, moved.subscription_id if moved else subscription_id)
    subscriber = session.get(Subscriber, named.subscriber_id) if named else None
    if named is None or subscriber is None:
        return NothingToLeave()
    rows = read_rows(session, subscriber.id)
    newsletter = session.get_one(Newsletter, named.newsletter_id)
    return Held(named, rows, subscriber, newsletter, issue_id or None)


def _others(session: Session, held: Held) -> tuple[Newsletter, ...]:
    rest = (row for row in held.rows if row is not held.row)
    return lookups.newsletters(session, lookups.ongoing(rest))

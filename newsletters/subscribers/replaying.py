"""After an older copy was put back: those who left since are taken out again, before anybody is mailed.

Reads the database that the copy replaced, where there still is one, and takes over what speaks against mail:
suppressions, erasures, and subscriptions that ended. Nothing that would bring mail to anybody is taken over,
and nobody is judged by not being there. Each end keeps its own time and its own evidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletters.subscribers import consent
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.erasure import erase
from newsletters.subscribers.lifecycle import ENDED, Event, advance
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import (
    ConsentEvent,
    ConsentRecord,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason

Row = TypeVar("Row", Suppression, Subscription)
AT_ONCE: Final = 1000
EVENTS: Final = {
    SubscriptionState.UNSUBSCRIBED: Event.UNSUBSCRIBE,
    SubscriptionState.BOUNCED: Event.BOUNCE,
    SubscriptionState.COMPLAINED: Event.COMPLAIN,
}


@dataclass(slots=True)
class Replayed:
    """How much of each was taken over."""

    suppressions: int = 0
    erasures: int = 0
    departures: int = 0


def replay(old: Session, new: Session, *, since: datetime, means: Means, now: datetime) -> Replayed:
    """Take over from ``old`` into ``new`` what speaks against mail. Twice changes nothing.

    ``since`` is a moment before the copy was made: what ended earlier has ended in the copy too.
    """
    done = Replayed()
    for page in _pages(old, Suppression, Suppression.id, Suppression.lifted_at.is_(None)):
        for entry in _lacking(new, page):
            _take_over(new, entry, done, means=means, now=now)
        new.flush()
        new.expunge_all()
    ended = Subscription.state.in_(ENDED) & (Subscription.ended_at >= since)
    for rows in _pages(old, Subscription, Subscription.id, ended):
        done.departures += sum(_depart(old, new, row) for row in rows)
        new.flush()
        new.expunge_all()
    return done


def _pages(
    session: Session, model: type[Row], key: InstrumentedAttribute[int], condition: ColumnElement[bool]
) -> Iterator[Sequence[Row]]:
    past = 0
    while True:
        page = session.scalars(select(model).where(key > past, condition).order_by(key).limit(AT_ONCE)).all()
        if not page:
            return
        past = page[-1].id
        yield page
        session.expunge_all()


def _lacking(new: Session, page: Sequence[Suppression]) -> list[Suppression]:
    """Those of the entries that are not in force here."""
    hashes = [entry.address_hash for entry in page]
    found = select(Suppression.address_hash, Suppression.scope).where(
        Suppression.address_hash.in_(hashes), Suppression.lifted_at.is_(None)
    )
    here = {(row.address_hash, row.scope) for row in new.execute(found)}
    return [entry for entry in page if (entry.address_hash, entry.scope) not in here]


def _take_over(new: Session, entry: Suppression, done: Replayed, *, means: Means, now: datetime) -> None:
    suppress(
        new,
        address_hash=entry.address_hash,
        reason=entry.reason,
        scope=entry.scope,
        detail=entry.detail,
        actor=entry.actor,
        now=entry.created_at,
    )
    done.suppressions += 1
    if entry.reason is not SuppressionReason.ERASED:
        return
    reader = select(Subscriber).where(Subscriber.address_hash == entry.address_hash)
    if (subscriber := new.scalar(reader)) is not None:
        erase(new, subscriber, means=means, now=now)
        done.erasures += 1


def _depart(old: Session, new: Session, row: Subscription) -> bool:
    """End the same subscription here; False where it has ended, or is not there."""
    here = new.get(Subscription, row.id)
    if here is None or here.state in ENDED or here.newsletter_id != row.newsletter_id:
        return False
    ended_at = row.ended_at or row.requested_at
    if here.state is SubscriptionState.PENDING and here.requested_at > ended_at:
        return False
    if not advance(here, EVENTS[row.state], now=ended_at):
        return False
    if row.state is SubscriptionState.UNSUBSCRIBED:
        here.unsubscribed_by_issue_id = row.unsubscribed_by_issue_id
        mechanism = _said_by(old, row)
        consent.record(new, here, ConsentEvent.WITHDRAWN, mechanism, now=ended_at)
    return True


def _said_by(old: Session, row: Subscription) -> Mechanism:
    """How the reader said it."""
    said = select(ConsentRecord.mechanism).where(
        ConsentRecord.subscriber_id == row.subscriber_id,
        ConsentRecord.newsletter_id == row.newsletter_id,
        ConsentRecord.event == ConsentEvent.WITHDRAWN,
    )
    found = old.scalar(said.order_by(ConsentRecord.id.desc()).limit(1))
    return Mechanism(found) if found in set(Mechanism) else Mechanism.LINK

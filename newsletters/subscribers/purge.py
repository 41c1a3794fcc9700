"""Forgetting what nobody confirmed: run from time to time, in bulk.

Who never confirmed anything is deleted after 30 days with all that was written about them; who once did
stands again where they stood before they asked. How many there were is kept, and nothing of anybody.
Everything here may run twice.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import (
    CursorResult,
    Delete,
    Row,
    Update,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from newsletters.kernel.limits import forget_past_windows
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import unconfirmed
from newsletters.subscribers.domains import forget_old as forget_old_domains
from newsletters.subscribers.models import (
    AddressChange,
    Confirmation,
    SignupRequest,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.reasons import forget_old_words
from newsletters.subscribers.unconfirmed import Fate

UNCONFIRMED_KEPT: Final = timedelta(days=30)
AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Purged:
    """How many requests lapsed, and how many people were forgotten."""

    lapsed: int
    forgotten: int


def purge(session: Session, *, now: datetime) -> Purged:
    """Do all of it once."""
    before = now - UNCONFIRMED_KEPT
    restored = _fall_back(session, before)
    gone = _remove_unconfirmed(session, before)
    for newsletter_id, requests in Counter([*restored, *(row.newsletter_id for row in gone)]).items():
        unconfirmed.count(session, Fate.FORGOTTEN, newsletter_id, now=now, each=requests)
    strangers = [row.subscriber_id for row in gone]
    for table in (SignupRequest, Confirmation, AddressChange):
        session.execute(delete(table).where(table.created_at < before))
    forgotten = _forget(session, strangers)
    forget_past_windows(session, now=now)
    forget_old_domains(session, now=now)
    forget_old_words(session, now=now)
    return Purged(len(restored) + len(gone), forgotten)


def _fall_back(session: Session, before: datetime) -> Sequence[int]:
    """Requests that nobody confirmed, of people who once did: back to what was; returns for what."""
    is_stale = (
        (Subscription.state == SubscriptionState.PENDING)
        & Subscription.confirmed_at.is_not(None)
        & (Subscription.requested_at < before)
    )
    former = func.coalesce(Subscription.former_state, SubscriptionState.UNSUBSCRIBED.value)
    lapsed = update(Subscription).where(is_stale).values(state=former, former_state=None)
    return session.scalars(
        lapsed.returning(Subscription.newsletter_id).execution_options(synchronize_session=False)
    ).all()


def _remove_unconfirmed(session: Session, before: datetime) -> Sequence[Row[int, int]]:
    """Requests of people who never confirmed them, whatever else became of them; returns whose, for what."""
    gone = delete(Subscription).where(
        Subscription.newsletter_id.in_(select(Newsletter.id)),  # lets the index on both columns find the few
        Subscription.confirmed_at.is_(None),
        Subscription.requested_at < before,
    )
    return session.execute(gone.returning(Subscription.subscriber_id, Subscription.newsletter_id)).all()


def _forget(session: Session, strangers: Sequence[int]) -> int:
    """People who are left with no subscription at all."""
    has_any = exists().where(Subscription.subscriber_id == Subscriber.id)
    return sum(
        _rows(session, delete(Subscriber).where(Subscriber.id.in_(some), ~has_any))
        for some in _batched(sorted(set(strangers)), AT_ONCE)
    )


def _batched(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """``numbers`` in stretches that fit into one statement."""
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


def _rows(session: Session, statement: Update | Delete) -> int:
    result = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[object]", result).rowcount

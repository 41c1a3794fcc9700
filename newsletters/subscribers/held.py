"""Sign-ups whose confirmation mail waits for an editor: offices, and what looks like a machine.

Nothing is lost by waiting: the request stays pending for its month like any other. Letting it through sends
the mail it asked for, within no limit but once; leaving it only takes it off the list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.publishing.models import Newsletter
from newsletters.subscribers import lookups, mails
from newsletters.subscribers.answering import Hold
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import SignupRequest, Subscriber
from newsletters.subscribers.signals import Signal, risk

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Held:
    """One sign-up that waits: whose, for what, why, and what was noticed about it."""

    request: SignupRequest
    subscriber: Subscriber
    newsletters: tuple[Newsletter, ...]
    why: Hold
    signals: tuple[Signal, ...]

    @property
    def risk(self) -> int:
        return risk(self.signals)


def held(session: Session, *, limit: int = MOST_SHOWN) -> Sequence[Held]:
    """What waits, the oldest first."""
    rows = session.execute(
        select(SignupRequest, Subscriber)
        .join(Subscriber, Subscriber.id == SignupRequest.subscriber_id)
        .where(SignupRequest.held != "")
        .order_by(SignupRequest.id)
        .limit(limit)
    )
    return [_held(session, request, subscriber) for request, subscriber in rows]


def how_many(session: Session) -> int:
    """How many sign-ups wait."""
    return session.scalar(select(func.count()).where(SignupRequest.held != "")) or 0


def let_through(session: Session, request_id: int, *, means: Means, now: datetime) -> bool:
    """Send the confirmation mail after all; False where nothing waits under that number any more."""
    request = _taken(session, request_id)
    if request is None:
        return False
    subscriber = session.get_one(Subscriber, request.subscriber_id)
    waiting = _pending(session, subscriber)
    if waiting:
        mails.queue_confirmation(
            session, subscriber, waiting, recipient=subscriber.email, means=means, now=now
        )
    return bool(waiting)


def leave(session: Session, request_id: int) -> bool:
    """Take a sign-up off the list without a mail; False where it is on it no more."""
    return _taken(session, request_id) is not None


def _taken(session: Session, request_id: int) -> SignupRequest | None:
    request = session.get(SignupRequest, request_id, with_for_update=True)
    if request is None or not request.held:
        return None
    request.held = ""
    return request


def _held(session: Session, request: SignupRequest, subscriber: Subscriber) -> Held:
    noticed = set(request.signals.split())
    return Held(
        request,
        subscriber,
        _pending(session, subscriber),
        Hold(request.held),
        tuple(signal for signal in Signal if signal.value in noticed),
    )


def _pending(session: Session, subscriber: Subscriber) -> tuple[Newsletter, ...]:
    return lookups.open_newsletters(session, lookups.pending(lookups.subscriptions(session, subscriber.id)))

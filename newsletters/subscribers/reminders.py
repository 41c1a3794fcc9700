"""One reminder to those who asked for a newsletter, were written to, and did not confirm; never a second.

Each confirmation mail is decided about once, in the transaction that queues the reminder, and an address is
reminded once in thirty days at most: two workers, or a crash between two of them, make no second mail. A
reminder counts as a sign-up mail like any other, so it comes a day after the first one at the earliest, and
never as a fourth mail in a month (allowances.py).

Nobody is reminded who is suppressed, whose sign-up looked like a machine's or was held for an editor, whose
first mail no server took, or whose mail is so old that a reminder would only puzzle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from newsletters.publishing.models import Newsletter
from newsletters.subscribers import allowances, consent, lookups, mails, unconfirmed
from newsletters.subscribers.answering import Hold
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import (
    Confirmation,
    SignupRequest,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.signals import Signal, is_risky
from newsletters.subscribers.suppression import reason_for
from newsletters.subscribers.unconfirmed import Fate

AT_ONCE: Final = 100
LATEST: Final = timedelta(days=3)  # behind its time
DOUBTFUL: Final = frozenset(Hold) - {
    Hold.LIMIT
}  # over the limit is whoever asks for two newsletters in a day


@dataclass(frozen=True, slots=True)
class Done:
    """How many were reminded in one go, and whether more mails wait to be decided about."""

    reminded: int
    has_more: bool


def remind_some(session: Session, *, after: timedelta, means: Means, now: datetime) -> Done:
    """Decide about the oldest mails that have waited for ``after``, and remind whom it serves.

    A reader's own row is held first, as it is by whoever confirms: a mail that was used meanwhile is left
    alone.
    """
    waiting = (
        select(Confirmation.id, Confirmation.subscriber_id)
        .where(_is_undecided(), Confirmation.created_at <= now - after)
        .order_by(Confirmation.created_at)
        .limit(AT_ONCE)
    )
    found = session.execute(waiting).all()
    decided = reminded = 0
    for number, subscriber_id in found:
        rows = lookups.locked_subscriptions(session, subscriber_id)
        mail = select(Confirmation).where(Confirmation.id == number, _is_undecided())
        confirmation = session.scalar(mail.with_for_update(skip_locked=True))
        if confirmation is None:
            continue
        confirmation.reminder_decided_at = now
        decided += 1
        if confirmation.created_at >= now - after - LATEST:
            reminded += _remind(session, confirmation, rows, means=means, now=now)
    session.flush()
    return Done(reminded, has_more=decided > 0 and len(found) == AT_ONCE)


def is_wanted(session: Session, subscriber_id: int) -> bool:
    """Whether a reminder may still leave: something is unconfirmed, and nothing speaks against a mail."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None or reason_for(session, subscriber.address_hash) is not None:
        return False
    pending = (Subscription.subscriber_id == subscriber_id, Subscription.state == SubscriptionState.PENDING)
    return session.scalar(select(Subscription.id).where(*pending).limit(1)) is not None


def _is_undecided() -> ColumnElement[bool]:
    return Confirmation.used_at.is_(None) & Confirmation.reminder_decided_at.is_(None)


def _remind(
    session: Session,
    confirmation: Confirmation,
    rows: Sequence[Subscription],
    *,
    means: Means,
    now: datetime,
) -> bool:
    subscriber = session.get_one(Subscriber, confirmation.subscriber_id)
    newsletters = lookups.open_newsletters(session, lookups.pending(rows))
    if not newsletters or not _is_newest(session, confirmation):
        return False
    if not _is_welcome(session, subscriber, newsletters):
        return False
    if not allowances.reminder_is_allowed(session, subscriber.address_hash, now=now):
        return False
    mails.queue_reminder(session, subscriber, newsletters, recipient=confirmation.email, means=means, now=now)
    for newsletter in newsletters:
        unconfirmed.count(session, Fate.REMINDED, newsletter.id, now=now)
    return True


def _is_newest(session: Session, confirmation: Confirmation) -> bool:
    """Whether no other mail asked the same later; that one has its own turn."""
    later = select(Confirmation.id).where(
        Confirmation.subscriber_id == confirmation.subscriber_id, Confirmation.id > confirmation.id
    )
    return session.scalar(later.limit(1)) is None


def _is_welcome(session: Session, subscriber: Subscriber, newsletters: Sequence[Newsletter]) -> bool:
    """Whether a server took the first mail and nothing speaks against a second."""
    if reason_for(session, subscriber.address_hash) is not None:
        return False
    requests = _requests(session, subscriber, newsletters)
    return any(request.mailed_at for request in requests) and not any(map(_is_doubtful, requests))


def _requests(
    session: Session, subscriber: Subscriber, newsletters: Sequence[Newsletter]
) -> Sequence[SignupRequest]:
    """The sign-ups behind what is pending."""
    behind = consent.newest_requests(session, subscriber.id)
    numbers = {behind.get(newsletter.id, consent.NOTHING).signup_request_id for newsletter in newsletters}
    return session.scalars(select(SignupRequest).where(SignupRequest.id.in_(numbers - {None}))).all()


def _is_doubtful(request: SignupRequest) -> bool:
    said = set(request.signals.split())
    return bool(request.held or said & DOUBTFUL) or is_risky({one for one in Signal if one in said})

"""Confirming by the six digits from the mail, typed where the reader signed up.

A million codes are few, so tries are counted like those of a password: five for a mail, and some an hour
for a client, which is told so. Wrong, spent, expired and unknown get one and the same answer. A code
confirms what was asked for where it is typed, never what a stranger added to the same address meanwhile.
"""

import hmac
import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.publishing.models import Newsletter
from newsletters.subscribers import allowances, consent, lookups
from newsletters.subscribers.confirm import AlreadyConfirmed, Confirmed, WrongCode
from newsletters.subscribers.confirming import confirm_pending
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.mails import CODE_DIGITS, code_hash
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import Confirmation, SignupRequest, Subscriber

MOST_TRIES: Final = 5
MOST_MAILS: Final = 5  # the newest mails whose code a reader may still be looking at
_SEPARATORS = re.compile(r"[\s\u00a0\u200b.-]+")


def confirm_by_code(
    session: Session,
    requests: Collection[int],
    code: str,
    *,
    means: Means,
    client: str,
    now: datetime,
) -> Confirmed | AlreadyConfirmed | WrongCode:
    """Confirm what ``requests`` asked for, if ``code`` is one that was mailed to their address.

    Counts the try, so the caller must commit whatever the outcome. Raises TooManyPosts.
    """
    typed = _SEPARATORS.sub("", code)
    allowances.count_code_try(session, client, means=means, now=now)
    if len(typed) != CODE_DIGITS or not (typed.isascii() and typed.isdigit()):
        return WrongCode()
    matching = [
        confirmation
        for confirmation in _tried(session, requests, now=now)
        if hmac.compare_digest(confirmation.code_hash, code_hash(means, confirmation.id, typed))
    ]
    if not matching:
        return WrongCode()
    return _confirm(session, matching[0], requests, now=now)


def _tried(session: Session, requests: Collection[int], *, now: datetime) -> Sequence[Confirmation]:
    """The mails a code may come from, each with this try counted against it; spent ones are left out."""
    subscribers = select(SignupRequest.subscriber_id).where(SignupRequest.id.in_(requests))
    lookups.hold(session, subscribers)
    confirmations = session.scalars(
        select(Confirmation)
        .where(
            Confirmation.subscriber_id.in_(subscribers),
            Confirmation.expires_at > now,
            Confirmation.code_attempts < MOST_TRIES,
        )
        .order_by(Confirmation.id.desc())
        .limit(MOST_MAILS)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for confirmation in confirmations:
        confirmation.code_attempts += 1
    return confirmations


def _confirm(
    session: Session, confirmation: Confirmation, requests: Collection[int], *, now: datetime
) -> Confirmed | AlreadyConfirmed:
    subscriber = session.get_one(Subscriber, confirmation.subscriber_id)
    done: tuple[Newsletter, ...] = ()
    if confirmation.used_at is None:
        done = confirm_pending(
            session,
            subscriber,
            confirmation,
            newsletter_ids=consent.asked_for_in(session, subscriber.id, requests),
            requests=requests,
            mechanism=Mechanism.CODE,
            now=now,
        )
    if done:
        return Confirmed(subscriber.id, subscriber.language, done)
    had = lookups.ongoing(lookups.subscriptions(session, subscriber.id))
    return AlreadyConfirmed(subscriber.language, lookups.newsletters(session, had))

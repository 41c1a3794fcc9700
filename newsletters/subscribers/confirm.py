"""Confirming by the link in the mail: looking changes nothing, posting confirms, once, for this row.

The link is signed, made for this purpose and good for seven days; whether it was used is written in its
row, never read off its text. One link confirms everything its reader has pending. A second press finds it
done, which is no error. Whoever follows the link that no person sees is a scanner: what that client posts
is held back for a while, unless it is the very browser that signed up.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.kernel.addresses import mask
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import allowances, consent, funnel, guard, lookups, mails
from newsletters.subscribers.confirming import confirm_pending
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.funnel import Step
from newsletters.subscribers.guard import Post
from newsletters.subscribers.links import LinkBroken, LinkForeign, read_link
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import Confirmation, Subscriber
from newsletters.subscribers.suppression import FINAL, reason_for

SCANNER_HOLD: Final = timedelta(minutes=10)  # mail gateways visit a mail's links within moments of each other


@dataclass(frozen=True, slots=True)
class Offer:
    """There is something to confirm. The page may post itself in the browser that asked for all of it."""

    email_masked: str
    language: str
    newsletters: tuple[Newsletter, ...]
    may_post_itself: bool


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Done just now."""

    subscriber_id: int
    language: str
    newsletters: tuple[Newsletter, ...]


@dataclass(frozen=True, slots=True)
class AlreadyConfirmed:
    """Nothing is left to confirm; ``newsletters`` are those the reader gets."""

    language: str
    newsletters: tuple[Newsletter, ...]


@dataclass(frozen=True, slots=True)
class LinkExpired:
    """Past its time; where ``can_renew``, ``send_new_link`` mails another."""

    language: str
    can_renew: bool


@dataclass(frozen=True, slots=True)
class HeldBack:
    """This client behaved like a scanner: it may press again after ``until``, or type the code."""

    until: datetime


@dataclass(frozen=True, slots=True)
class WrongCode:
    """Wrong, spent, expired or unknown: which, is not said. The link in the mail still works."""


Unusable = LinkExpired | LinkForeign | LinkBroken


@dataclass(frozen=True, slots=True)
class _Opened:
    confirmation: Confirmation
    subscriber: Subscriber


def offer(
    session: Session, token: str, *, means: Means, requests: Collection[int] = (), now: datetime
) -> Offer | AlreadyConfirmed | Unusable:
    """What the page of a link shows. Reads only; ``requests`` are those of this browser's cookie."""
    found = _open(session, token, means=means, now=now, for_update=False)
    if not isinstance(found, _Opened):
        return found
    subscriber = found.subscriber
    waiting = lookups.pending(lookups.subscriptions(session, subscriber.id))
    newsletters = lookups.open_newsletters(session, waiting)
    if found.confirmation.used_at is not None or not newsletters:
        return _already(session, subscriber)
    asked = consent.asked_for_in(session, subscriber.id, requests)
    return Offer(
        email_masked=mask(found.confirmation.email),
        language=subscriber.language,
        newsletters=newsletters,
        may_post_itself={newsletter.id for newsletter in newsletters} <= asked,
    )


def confirm(
    session: Session,
    token: str,
    *,
    means: Means,
    client: str,
    requests: Collection[int] = (),
    newsletter_ids: Collection[int] | None = None,
    now: datetime,
) -> Confirmed | AlreadyConfirmed | HeldBack | Unusable:
    """Confirm what the page showed (``newsletter_ids``; None is everything pending)."""
    found = _open(session, token, means=means, now=now, for_update=True)
    if not isinstance(found, _Opened):
        return found
    confirmation, subscriber = found.confirmation, found.subscriber
    if confirmation.used_at is not None:
        return _already(session, subscriber)
    asked = consent.asked_for_in(session, subscriber.id, requests)
    held_until = _held_until(confirmation, client, means=means, now=now)
    if held_until is not None and not asked:
        return HeldBack(held_until)
    done = confirm_pending(
        session,
        subscriber,
        confirmation,
        newsletter_ids=newsletter_ids,
        requests=requests,
        mechanism=Mechanism.SAME_BROWSER if asked else Mechanism.LINK,
        now=now,
    )
    if not done:
        return _already(session, subscriber)
    return Confirmed(subscriber.id, subscriber.language, done)


def note_mailed(session: Session, subscriber_id: int, *, now: datetime) -> None:
    """Count that a server has accepted the mail that asks a reader to confirm."""
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is not None:
        waiting = lookups.pending(lookups.subscriptions(session, subscriber_id))
        funnel.note_step(session, Step.MAILED, subscriber, waiting, now=now)


def note_opened(session: Session, token: str, *, means: Means, client: str, now: datetime) -> None:
    """Count that somebody has the page of a link before them. Says nothing, whatever the token is."""
    found = _open(session, token, means=means, now=now, for_update=True)
    if not isinstance(found, _Opened) or _held_until(found.confirmation, client, means=means, now=now):
        return
    waiting = lookups.pending(lookups.subscriptions(session, found.subscriber.id))
    funnel.note_step(session, Step.OPENED, found.subscriber, waiting, now=now)


def note_scanner(session: Session, canary_token: str, *, means: Means, client: str, now: datetime) -> None:
    """Remember who followed the link that no person sees. Says nothing, whatever the token is."""
    link = read_link(canary_token, Purpose.CANARY, means=means, now=now)
    if isinstance(link, LinkForeign | LinkBroken):
        return
    confirmation = _held(session, link.ids[0])
    if confirmation is not None:
        confirmation.scanned_at = now
        confirmation.scanned_by = guard.client_digest(means, client)


def send_new_link(session: Session, token: str, *, means: Means, client: str, now: datetime) -> None:
    """Mail a fresh link to where an expired one was mailed. Neutral; raises TooManyPosts only.

    Whoever holds the old link has read that mailbox, so this has an allowance of its own.
    """
    link = read_link(token, Purpose.CONFIRM, means=means, now=now)
    if isinstance(link, LinkForeign | LinkBroken):
        return
    guard.admit(session, Post(client, is_proven=True), means=means, now=now)  # the link is proof enough
    confirmation = session.get(Confirmation, link.ids[0])
    subscriber = session.get(Subscriber, confirmation.subscriber_id) if confirmation else None
    if confirmation is None or subscriber is None:
        return
    address_hash = subscriber.address_hash
    waiting = lookups.open_newsletters(
        session, lookups.pending(lookups.subscriptions(session, subscriber.id))
    )
    if not waiting or reason_for(session, address_hash) in FINAL:
        return
    if allowances.mail_is_allowed(session, allowances.RENEWED_LINK, address_hash, now=now):
        mails.queue_confirmation(
            session, subscriber, waiting, recipient=confirmation.email, means=means, now=now
        )


def _open(
    session: Session, token: str, *, means: Means, now: datetime, for_update: bool
) -> _Opened | Unusable:
    link = read_link(token, Purpose.CONFIRM, means=means, now=now)
    if isinstance(link, LinkForeign | LinkBroken):
        return link
    number = link.ids[0]
    confirmation = _held(session, number) if for_update else session.get(Confirmation, number)
    subscriber = session.get(Subscriber, confirmation.subscriber_id) if confirmation else None
    if confirmation is None or subscriber is None:  # forgotten after its month, or erased
        return LinkExpired(language="", can_renew=False)
    if link.is_expired and confirmation.used_at is None:
        waiting = lookups.pending(lookups.subscriptions(session, subscriber.id))
        return LinkExpired(subscriber.language, can_renew=bool(waiting))
    return _Opened(confirmation, subscriber)


def _held(session: Session, number: int) -> Confirmation | None:
    """A mail's row, held with its reader: two mails of one reader are used one after the other."""
    lookups.hold(session, select(Confirmation.subscriber_id).where(Confirmation.id == number))
    return session.get(Confirmation, number, with_for_update=True)


def _held_until(confirmation: Confirmation, client: str, *, means: Means, now: datetime) -> datetime | None:
    if confirmation.scanned_at is None or confirmation.scanned_by != guard.client_digest(means, client):
        return None
    until = confirmation.scanned_at + SCANNER_HOLD
    return until if now < until else None


def _already(session: Session, subscriber: Subscriber) -> AlreadyConfirmed:
    had = lookups.ongoing(lookups.subscriptions(session, subscriber.id))
    return AlreadyConfirmed(subscriber.language, lookups.newsletters(session, had))

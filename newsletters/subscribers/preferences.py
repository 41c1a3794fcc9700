"""What readers settle for themselves, behind a link that is mailed to them on request.

The link is never part of an issue: those are forwarded. Asking for it gets one answer, whoever asks for
whatever address. The link proves the mailbox, so a join from here is a confirmed consent in itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.kernel.addresses import parse_address
from newsletters.kernel.i18n import LANGUAGES
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.subscribers import allowances, consent, lookups, mails, pauses, rhythms
from newsletters.subscribers.consent import Evidence, Mechanism
from newsletters.subscribers.errors import MailForbidden, ReaderGone, UnknownLanguage, UnknownNewsletter
from newsletters.subscribers.lifecycle import Event, advance, begin
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import ConsentEvent, PostedForm, Rhythm, Subscriber, Subscription
from newsletters.subscribers.suppression import FINAL, lift_for_opt_in, reason_for
from newsletters.subscribers.unsubscribe import end_subscription
from newsletters.subscribers.words import without_controls

LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class Line:
    """One newsletter and where the reader stands with it."""

    newsletter: Newsletter
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Standing:
    """A reader's preferences page: what they have or had, and what they could join."""

    subscriber: Subscriber
    subscriptions: tuple[Line, ...]
    offered: tuple[Newsletter, ...]
    wordings: dict[int, OptInWording]  # what a reader agrees to who joins, by newsletter


def mail_way_in(session: Session, posted: PostedForm, *, means: Means, now: datetime) -> None:
    """Mail the reader with the address that was posted a way in."""
    address = parse_address(posted.said["email"])
    address_hash = means.digester.address(address.key)
    is_allowed = allowances.mail_is_allowed(session, allowances.PREFERENCES_MAIL, address_hash, now=now)
    subscriber = lookups.subscriber_by_key(session, address.key)
    is_final = reason_for(session, address_hash) in FINAL
    if is_allowed and subscriber is not None and not is_final:
        mails.queue_preferences(session, subscriber, means=means, now=now)


def enter(session: Session, token: str, *, means: Means, now: datetime) -> Subscriber:
    """The reader a link was mailed to. Raises TokenRefused or ReaderGone."""
    ids = means.signer.read(token, Purpose.PREFERENCES, now=now).ids
    subscriber_id, links_version = (*ids, 0)[:2]
    subscriber = session.get(Subscriber, subscriber_id)
    if subscriber is None or subscriber.links_version != links_version:
        raise ReaderGone
    return subscriber


def standing(session: Session, subscriber: Subscriber) -> Standing:
    """Everything the page shows. Reads only."""
    rows = lookups.by_newsletter(lookups.subscriptions(session, subscriber.id))
    known = lookups.newsletters(session, rows)
    lines = tuple(Line(newsletter, rows[newsletter.id]) for newsletter in known)
    had = lookups.ongoing(rows.values())
    everything = session.scalars(
        select(Newsletter)
        .where(Newsletter.retired_at.is_(None))
        .order_by(Newsletter.position, Newsletter.name)
    )
    offered = tuple(newsletter for newsletter in everything if newsletter.id not in had)
    words = consent.current_wordings(session, {newsletter.id for newsletter in (*known, *offered)})
    return Standing(subscriber, lines, offered, words)


def join(
    session: Session,
    subscriber: Subscriber,
    newsletter_id: int,
    *,
    page: str = "",
    wording_id: int | None = None,
    means: Means,
    now: datetime,
) -> bool:
    """Begin a subscription at once and say whether it is new. Raises UnknownNewsletter, MailForbidden.

    ``wording_id``: what the page showed beside the button; it is what the reader has agreed to.
    """
    if not lookups.open_newsletters(session, [newsletter_id]):
        raise UnknownNewsletter
    if reason_for(session, means.digester.address(subscriber.email_key)) in FINAL:
        raise MailForbidden
    row = _row(session, subscriber, newsletter_id)
    if row is None:
        row = begin(Event.JOIN, subscriber_id=subscriber.id, newsletter_id=newsletter_id, now=now)
        session.add(row)
    elif not advance(row, Event.JOIN, now=now):
        return False
    row.source = Mechanism.PREFERENCES
    shown = [wording_id] if wording_id else []
    wording = consent.shown_wordings(session, [newsletter_id], shown).get(newsletter_id)
    said = Evidence(wording.id if wording else None, Mechanism.PREFERENCES, page)
    consent.record(session, row, ConsentEvent.CONFIRMED, Mechanism.PREFERENCES, evidence=said, now=now)
    lift_for_opt_in(session, subscriber.address_hash, now=now)
    return True


def leave(session: Session, subscriber: Subscriber, newsletter_id: int, *, now: datetime) -> bool:
    """End a subscription and say whether there was one to end."""
    row = _row(session, subscriber, newsletter_id)
    return row is not None and end_subscription(session, row, Mechanism.PREFERENCES, now=now)


def pause(
    session: Session, subscriber: Subscriber, newsletter_id: int, *, until: datetime, now: datetime
) -> bool:
    """Send nothing until then, at most a year. False where there is nothing to pause."""
    row, mechanism = _row(session, subscriber, newsletter_id), Mechanism.PREFERENCES
    if row is None:
        return False
    return pauses.begin(session, row, until=until, mechanism=mechanism, now=now) is not None


def resume(session: Session, subscriber: Subscriber, newsletter_id: int, *, now: datetime) -> bool:
    """End a pause before its time. False where there is none."""
    row = _row(session, subscriber, newsletter_id)
    return row is not None and pauses.end(session, row, mechanism=Mechanism.PREFERENCES, now=now)


def choose_rhythm(
    session: Session, subscriber: Subscriber, newsletter_id: int, rhythm: Rhythm, *, now: datetime
) -> bool:
    """Let a newsletter come in another rhythm. False where that changes nothing or is not offered."""
    row = _row(session, subscriber, newsletter_id)
    if row is None:
        return False
    newsletter = session.get_one(Newsletter, newsletter_id)
    return rhythms.choose(session, row, rhythm, newsletter=newsletter, now=now)


def rename(subscriber: Subscriber, name: str) -> None:
    """Call the reader by another name, or by none."""
    subscriber.name = without_controls(name)[:LONGEST_NAME]


def speak(subscriber: Subscriber, language: str) -> None:
    """Write to the reader in another language. Raises UnknownLanguage."""
    if language not in LANGUAGES:
        raise UnknownLanguage(language)
    subscriber.language = language


def _row(session: Session, subscriber: Subscriber, newsletter_id: int) -> Subscription | None:
    return lookups.by_newsletter(lookups.locked_subscriptions(session, subscriber.id)).get(newsletter_id)

"""Bringing in readers who consented elsewhere, one at a time and with the evidence of it.

An import revives nobody: not who unsubscribed, bounced or complained here, nor who is suppressed, nor who
asked to be forgotten. Nor does it confirm a request that still waits for its reader's own word.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.kernel.addresses import Address
from newsletters.kernel.i18n import supported
from newsletters.subscribers import consent, lookups
from newsletters.subscribers.consent import Evidence, Mechanism
from newsletters.subscribers.errors import UnknownNewsletter
from newsletters.subscribers.lifecycle import Event, begin
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import ConsentEvent, Subscriber
from newsletters.subscribers.signup import subscriber_of
from newsletters.subscribers.suppression import reason_for
from newsletters.subscribers.words import without_controls


@dataclass(frozen=True, slots=True)
class Arrival:
    """A reader who comes from somewhere else. ``evidence`` says in words where and how they agreed."""

    address: Address
    newsletter_id: int
    confirmed_at: datetime
    evidence: str
    name: str = ""
    language: str = ""


def bring_in(session: Session, arrival: Arrival, *, means: Means, now: datetime) -> bool:
    """Begin an active subscription; False where an import must change nothing. Raises UnknownNewsletter."""
    newsletters = lookups.open_newsletters(session, [arrival.newsletter_id])
    if not newsletters:
        raise UnknownNewsletter
    address_hash = means.digester.address(arrival.address.key)
    if reason_for(session, address_hash) is not None:
        return False
    subscriber = subscriber_of(session, arrival.address, address_hash=address_hash, now=now)
    rows = lookups.locked_subscriptions(session, subscriber.id)
    if arrival.newsletter_id in lookups.by_newsletter(rows):
        return False
    if not rows:
        _introduce(subscriber, arrival, language=newsletters[0].language)
    row = begin(
        Event.IMPORT,
        subscriber_id=subscriber.id,
        newsletter_id=arrival.newsletter_id,
        now=arrival.confirmed_at,
    )
    row.source = Mechanism.IMPORT
    session.add(row)
    said = Evidence(form=arrival.evidence[:120])
    consent.record(
        session, row, ConsentEvent.CONFIRMED, Mechanism.IMPORT, evidence=said, now=arrival.confirmed_at
    )
    return True


def _introduce(subscriber: Subscriber, arrival: Arrival, *, language: str) -> None:
    subscriber.name = subscriber.name or without_controls(arrival.name)[:120]
    subscriber.language = supported(arrival.language or language)

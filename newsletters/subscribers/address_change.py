"""Moving to a new address: asked for behind a preferences link, done by a link mailed to the new one.

The old address is told afterwards. Whether the new one is somebody's already is not said: its owner gets
the same mail, and if they confirm, both mailboxes are proved to be one person's and the two readers are
made one, which ends nothing that either of them has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletters.kernel.addresses import mask, parse_address
from newsletters.kernel.tokens import Purpose
from newsletters.subscribers import allowances, lookups, mails
from newsletters.subscribers.errors import SameAddress
from newsletters.subscribers.links import LinkBroken, LinkForeign, read_link
from newsletters.subscribers.means import Means
from newsletters.subscribers.merging import merge
from newsletters.subscribers.models import AddressChange, Confirmation, Subscriber
from newsletters.subscribers.suppression import FINAL, lift_for_opt_in, reason_for

CHANGE_LIFETIME: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ChangeOffer:
    """There is a change to confirm."""

    old_masked: str
    new_masked: str
    language: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Done just now."""

    old_masked: str
    new_masked: str
    language: str


@dataclass(frozen=True, slots=True)
class ChangeDone:
    """Done before; nothing is left to do."""

    language: str


@dataclass(frozen=True, slots=True)
class ChangeExpired:
    """Past its time, or overtaken by another change: ask again from the preferences."""

    language: str


Unusable = ChangeDone | ChangeExpired | LinkForeign | LinkBroken


@dataclass(frozen=True, slots=True)
class _Opened:
    change: AddressChange
    subscriber: Subscriber


def ask(session: Session, subscriber: Subscriber, email: str, *, means: Means, now: datetime) -> None:
    """Ask the new address. Neutral about it; raises InvalidAddress and SameAddress only."""
    address = parse_address(email)
    if address.email == subscriber.email:
        raise SameAddress
    address_hash = means.digester.address(address.key)
    may_ask = allowances.mail_is_allowed(session, allowances.CHANGE_ASKED, subscriber.address_hash, now=now)
    may_mail = allowances.mail_is_allowed(session, allowances.SIGNUP_MAIL, address_hash, now=now)
    if not may_ask or not may_mail or reason_for(session, address_hash) in FINAL:
        return
    change = AddressChange(
        subscriber_id=subscriber.id,
        email=address.email,
        email_key=address.key,
        created_at=now,
        expires_at=now + CHANGE_LIFETIME,
    )
    session.add(change)
    session.flush()
    mails.queue_change_address(session, subscriber, change, means=means, now=now)


def offer_change(session: Session, token: str, *, means: Means, now: datetime) -> ChangeOffer | Unusable:
    """What the page of a link shows. Reads only."""
    found = _open(session, token, means=means, now=now, for_update=False)
    if not isinstance(found, _Opened):
        return found
    subscriber = found.subscriber
    return ChangeOffer(mask(subscriber.email), mask(found.change.email), subscriber.language)


def change(session: Session, token: str, *, means: Means, now: datetime) -> Changed | Unusable:
    """Move the reader, make them one with whoever has that address, and tell the old address."""
    found = _open(session, token, means=means, now=now, for_update=True)
    if not isinstance(found, _Opened):
        return found
    subscriber, asked = found.subscriber, found.change
    if reason_for(session, means.digester.address(asked.email_key)) in FINAL:
        return ChangeExpired(subscriber.language)
    old_email, old_hash = subscriber.email, subscriber.address_hash
    asked.used_at = now
    other = lookups.subscriber_by_key(session, asked.email_key)
    if other is not None and other.id != subscriber.id:
        merge(session, into=subscriber, gone=other, now=now)
    _move(session, subscriber, asked, means=means)
    lift_for_opt_in(session, subscriber.address_hash, now=now)
    allowances.mail_was_wanted(session, subscriber.address_hash)
    if reason_for(session, old_hash) not in FINAL:
        mails.queue_address_changed(session, subscriber, old_email=old_email, now=now)
    return Changed(mask(old_email), mask(subscriber.email), subscriber.language)


def _move(session: Session, subscriber: Subscriber, asked: AddressChange, *, means: Means) -> None:
    subscriber.email, subscriber.email_key = asked.email, asked.email_key
    subscriber.address_hash = means.digester.address(asked.email_key)
    subscriber.links_version += 1
    # Links mailed to the old address prove nothing about this one.
    session.execute(delete(Confirmation).where(Confirmation.subscriber_id == subscriber.id))
    session.flush()


def _hold_both(session: Session, number: int) -> None:
    """Hold who moves and whoever has the address they move to, before the row that says so."""
    asked = select(AddressChange).where(AddressChange.id == number).subquery()
    movers = select(asked.c.subscriber_id)
    others = select(Subscriber.id).where(Subscriber.email_key.in_(select(asked.c.email_key)))
    lookups.hold(session, [*session.scalars(movers.union(others))])


def _open(
    session: Session, token: str, *, means: Means, now: datetime, for_update: bool
) -> _Opened | Unusable:
    link = read_link(token, Purpose.CHANGE_ADDRESS, means=means, now=now)
    if isinstance(link, LinkForeign | LinkBroken):
        return link
    if for_update:
        _hold_both(session, link.ids[0])
    asked = session.get(AddressChange, link.ids[0], with_for_update=for_update or None)
    subscriber = session.get(Subscriber, asked.subscriber_id) if asked else None
    if asked is None or subscriber is None:
        return ChangeExpired(language="")
    if asked.used_at is not None:
        return ChangeDone(subscriber.language)
    return ChangeExpired(subscriber.language) if link.is_expired else _Opened(asked, subscriber)

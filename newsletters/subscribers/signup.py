"""Signing up, whatever the door: what follows from a posted form, once a worker takes it (intake.py).

A sign-up changes nothing but pending requests. New, pending, active, unsubscribed and suppressed addresses
are treated alike: a request is written, limits are counted, and what differs is only what the owner of the
address finds in their mailbox. One mail asks for everything that is pending. Within the limits there is at
most one mail a day to an address, whatever is posted; the rest waits for the mail that is already there.

For an address that is posted too often, only repetitions leave no further evidence.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.kernel.addresses import Address, parse_address
from newsletters.kernel.columns import Json
from newsletters.kernel.db import insert_into
from newsletters.kernel.i18n import supported
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.subscribers import allowances, consent, domains, funnel, lookups
from newsletters.subscribers.answering import Hold, answer_by_mail, reason_to_hold
from newsletters.subscribers.consent import Evidence, Mechanism
from newsletters.subscribers.lifecycle import Event, advance, begin
from newsletters.subscribers.mailboxes import is_role
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import (
    ConsentEvent,
    PostedForm,
    SignupRequest,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.signals import Signal, is_risky, noticed


def take(session: Session, posted: PostedForm, *, means: Means, now: datetime) -> None:
    """Bring what was asked for to pending and mail the link. What closed meanwhile is left out."""
    address = parse_address(posted.said["email"])
    newsletters = lookups.open_newsletters(session, posted.said["newsletters"])
    if not newsletters:
        return
    address_hash = means.digester.address(address.key)
    is_noted = allowances.post_for_address_is_noted(session, address_hash, now=now)
    subscriber = subscriber_of(session, address, address_hash=address_hash, now=posted.posted_at)
    rows = lookups.by_newsletter(lookups.locked_subscriptions(session, subscriber.id))
    recipient = address.email
    if lookups.was_ever_confirmed(rows.values()):
        recipient = subscriber.email
    else:
        subscriber.language = supported(posted.said["language"] or newsletters[0].language)
    signals = _signals(posted.said, address.domain)
    request = _note(session, subscriber, posted, signals) if is_noted else None
    _ask(session, subscriber, rows, newsletters, posted=posted, request=request)
    if request is not None:
        wanted = lookups.pending(rows.values()) & {newsletter.id for newsletter in newsletters}
        funnel.note_submitted(session, request, wanted, email=address.email, now=now)
    hold = _look(signals, address, newsletters) or _reason(session, address, address_hash, now=now)
    if hold is None:
        answer_by_mail(session, subscriber, rows.values(), recipient=recipient, means=means, now=now)
    elif request is not None:
        _note_hold(request, hold)


def mail_again(session: Session, posted: PostedForm, *, means: Means, now: datetime) -> None:
    """Mail what is pending once more, within the same limits."""
    address = parse_address(posted.said["email"])
    address_hash = means.digester.address(address.key)
    if reason_to_hold(session, address_hash, now=now):
        return
    subscriber = lookups.subscriber_by_key(session, address.key)
    if subscriber is None:
        return
    rows = lookups.subscriptions(session, subscriber.id)
    recipient = subscriber.email if lookups.was_ever_confirmed(rows) else address.email
    answer_by_mail(session, subscriber, rows, recipient=recipient, means=means, now=now)


def subscriber_of(session: Session, address: Address, *, address_hash: str, now: datetime) -> Subscriber:
    """The row of an address, made where there is none, and held: two sign-ups at once meet on it."""
    statement = insert_into(session, Subscriber).values(
        email=address.email, email_key=address.key, address_hash=address_hash, created_at=now
    )
    statement = statement.on_conflict_do_update(
        index_elements=["email_key"], set_={"created_at": Subscriber.created_at}
    )
    number = session.execute(statement.returning(Subscriber.id)).scalar_one()
    return session.get_one(Subscriber, number)


def _note(
    session: Session, subscriber: Subscriber, posted: PostedForm, signals: Collection[Signal]
) -> SignupRequest:
    """Keep the request under the number that the browser was given."""
    request = SignupRequest(
        id=posted.id,
        subscriber_id=subscriber.id,
        name=posted.said["name"],
        fields=posted.said.get("fields", {}),
        form=posted.said["form"],
        page=posted.said["page"],
        signals=" ".join(sorted(signals)),
        campaign=posted.said.get("campaign", ""),
        created_at=posted.posted_at,
    )
    session.add(request)
    session.flush()
    return request


def _ask(
    session: Session,
    subscriber: Subscriber,
    rows: dict[int, Subscription],
    newsletters: Sequence[Newsletter],
    *,
    posted: PostedForm,
    request: SignupRequest | None,
) -> None:
    """Bring each newsletter to pending where a fresh opt-in is due, with the evidence of the request.

    Without a ``request`` to note, what was pending already is not noted again.
    """
    said, at = posted.said, posted.posted_at
    wordings = consent.shown_wordings(
        session, [newsletter.id for newsletter in newsletters], said["wordings"]
    )
    for newsletter in newsletters:
        row = rows.get(newsletter.id)
        was_pending = row is not None and row.state is SubscriptionState.PENDING
        if row is None:
            row = begin(Event.SIGN_UP, subscriber_id=subscriber.id, newsletter_id=newsletter.id, now=at)
            row.source = said["form"]
            session.add(row)
            rows[newsletter.id] = row
        else:
            advance(row, Event.SIGN_UP, now=at)
        if row.state is SubscriptionState.PENDING and (request or not was_pending):
            evidence = _evidence(said, request, wordings.get(newsletter.id))
            consent.record(session, row, ConsentEvent.REQUESTED, Mechanism.FORM, evidence=evidence, now=at)


def _evidence(said: Json, request: SignupRequest | None, wording: OptInWording | None) -> Evidence:
    return Evidence(
        wording.id if wording else None, said["form"], said["page"], request.id if request else None
    )


def _look(signals: Collection[Signal], address: Address, newsletters: Sequence[Newsletter]) -> Hold | None:
    """Why an editor should look before a mail leaves."""
    if is_risky(signals):
        return Hold.MACHINE
    if is_role(address.email) and any(newsletter.holds_role_addresses for newsletter in newsletters):
        return Hold.ROLE
    return None


def _reason(session: Session, address: Address, address_hash: str, *, now: datetime) -> Hold | None:
    """Why no mail can leave, or may."""
    if domains.is_dead(session, address.domain, now=now):
        return Hold.NO_SERVER
    return reason_to_hold(session, address_hash, now=now)


def _note_hold(request: SignupRequest, hold: Hold) -> None:
    request.signals = f"{request.signals} {hold}".strip()
    if hold in (Hold.MACHINE, Hold.ROLE):
        request.held = hold


def _signals(said: Json, domain: str) -> frozenset[Signal]:
    return noticed(
        trap=said["trap"],
        filled_in_seconds=said["filled_in_seconds"],
        name=f"{said['name']} {said.get('typed', '')}",
        domain=domain,
        is_in_crowd=said.get("is_proven", False),
    )

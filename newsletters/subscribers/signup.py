"""Signing up, through whatever door: the same answer and the same work for every address.

A sign-up changes nothing but pending requests. New, pending, active, unsubscribed and suppressed addresses
are treated alike: a request is written, limits are counted, and what differs is only what the owner of the
address finds in their mailbox. One mail asks for everything that is pending. Within the limits there is at
most one mail a day to an address, whatever is posted; the rest waits for the mail that is already there.

What is answered with success is written. A client, a network or a crowd that posts too much is refused
aloud (TooManyPosts); for an address that is posted too often, only repetitions leave no further evidence.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.kernel.addresses import Address, parse_address
from newsletters.kernel.db import insert_into
from newsletters.kernel.i18n import supported
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.subscribers import allowances, consent, lookups
from newsletters.subscribers.answering import Hold, answer_by_mail, reason_to_hold
from newsletters.subscribers.consent import Evidence, Mechanism
from newsletters.subscribers.errors import NoNewsletterChosen, UnknownNewsletter
from newsletters.subscribers.lifecycle import Event, advance, begin
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import (
    ConsentEvent,
    SignupRequest,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.signals import is_clearly_a_machine, noticed
from newsletters.subscribers.words import without_controls

LONGEST_NAME, LONGEST_FORM, LONGEST_PAGE = 120, 120, 1000


@dataclass(frozen=True, slots=True)
class Signup:
    """One post of a sign-up form."""

    email: str
    newsletter_ids: Collection[int]
    client: str
    form: str = ""
    page: str = ""
    language: str = ""
    name: str = ""
    trap: str = ""
    filled_in_seconds: float | None = None
    wording_ids: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the browser may know: a number to type the code against. 0 beyond what is noted of an address."""

    request_id: int


def sign_up(
    session: Session,
    signup: Signup,
    *,
    means: Means,
    now: datetime,
    most_per_minute: int = allowances.MOST_PER_MINUTE,
) -> Receipt:
    """Ask for newsletters. Raises InvalidAddress, NoNewsletterChosen, UnknownNewsletter or TooManyPosts."""
    signup = _cleaned(signup)
    address = parse_address(signup.email)
    newsletters = _chosen(session, signup.newsletter_ids)
    address_hash = means.digester.address(address.key)
    allowances.count_post(session, signup.client, means=means, most_per_minute=most_per_minute, now=now)
    is_noted = allowances.post_for_address_is_noted(session, address_hash, now=now)
    subscriber = subscriber_of(session, address, address_hash=address_hash, now=now)
    rows = lookups.by_newsletter(lookups.locked_subscriptions(session, subscriber.id))
    recipient = address.email
    if lookups.was_ever_confirmed(rows.values()):
        recipient = subscriber.email
    else:
        subscriber.language = supported(signup.language or newsletters[0].language)
    request = _note(session, subscriber, signup, now=now) if is_noted else None
    _ask(session, subscriber, rows, newsletters, signup=signup, request=request, now=now)
    if not _is_held_back(session, request, signup, address_hash=address_hash, now=now):
        answer_by_mail(session, subscriber, rows.values(), recipient=recipient, means=means, now=now)
    return Receipt(request.id if request else 0)


def ask_again(
    session: Session,
    email: str,
    *,
    client: str,
    means: Means,
    now: datetime,
    most_per_minute: int = allowances.MOST_PER_MINUTE,
) -> None:
    """Mail what is pending once more, within the same limits. Raises InvalidAddress or TooManyPosts."""
    address = parse_address(email)
    address_hash = means.digester.address(address.key)
    allowances.count_post(session, client, means=means, most_per_minute=most_per_minute, now=now)
    if reason_to_hold(session, address_hash, now=now):
        return
    subscriber = lookups.subscriber_by_key(session, address.key)
    if subscriber is None:
        return
    rows = lookups.subscriptions(session, subscriber.id)
    recipient = subscriber.email if lookups.was_ever_confirmed(rows) else address.email
    answer_by_mail(session, subscriber, rows, recipient=recipient, means=means, now=now)


def _cleaned(signup: Signup) -> Signup:
    """The same with what a stranger typed cut to what is kept of it."""
    return replace(
        signup,
        name=without_controls(signup.name)[:LONGEST_NAME],
        form=without_controls(signup.form)[:LONGEST_FORM],
        page=without_controls(signup.page)[:LONGEST_PAGE],
    )


def _chosen(session: Session, ids: Collection[int]) -> tuple[Newsletter, ...]:
    if not ids:
        raise NoNewsletterChosen
    newsletters = lookups.open_newsletters(session, set(ids))
    if len(newsletters) != len(set(ids)):
        raise UnknownNewsletter
    return newsletters


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


def _note(session: Session, subscriber: Subscriber, signup: Signup, *, now: datetime) -> SignupRequest:
    signals = noticed(trap=signup.trap, filled_in_seconds=signup.filled_in_seconds)
    request = SignupRequest(
        subscriber_id=subscriber.id,
        name=signup.name,
        form=signup.form,
        page=signup.page,
        signals=" ".join(sorted(signals)),
        created_at=now,
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
    signup: Signup,
    request: SignupRequest | None,
    now: datetime,
) -> None:
    """Bring each newsletter to pending where a fresh opt-in is due, with the evidence of the request.

    Without a ``request`` to note, what was pending already is not noted again.
    """
    wordings = consent.shown_wordings(
        session, [newsletter.id for newsletter in newsletters], signup.wording_ids
    )
    for newsletter in newsletters:
        row = rows.get(newsletter.id)
        was_pending = row is not None and row.state is SubscriptionState.PENDING
        if row is None:
            row = begin(Event.SIGN_UP, subscriber_id=subscriber.id, newsletter_id=newsletter.id, now=now)
            row.source = signup.form
            session.add(row)
            rows[newsletter.id] = row
        else:
            advance(row, Event.SIGN_UP, now=now)
        if row.state is SubscriptionState.PENDING and (request or not was_pending):
            evidence = _evidence(signup, request, wordings.get(newsletter.id))
            consent.record(session, row, ConsentEvent.REQUESTED, Mechanism.FORM, evidence=evidence, now=now)


def _evidence(signup: Signup, request: SignupRequest | None, wording: OptInWording | None) -> Evidence:
    return Evidence(
        wording.id if wording else None, signup.form, signup.page, request.id if request else None
    )


def _is_held_back(
    session: Session, request: SignupRequest | None, signup: Signup, *, address_hash: str, now: datetime
) -> bool:
    signals = noticed(trap=signup.trap, filled_in_seconds=signup.filled_in_seconds)
    machine = Hold.MACHINE if is_clearly_a_machine(signals) else None
    hold = machine or reason_to_hold(session, address_hash, now=now)
    if hold is not None and request is not None:
        request.signals = f"{request.signals} {hold}".strip()
    return hold is not None

"""What a confirmation does, whichever proof came: pending becomes active, with evidence of who said so.

Confirming also settles what only the owner of the address could: how it is spelled, what they told
when asking, that mail to it is wanted, and that a bounce or an erasure of the past no longer stands.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletters.publishing.models import Newsletter
from newsletters.subscribers import allowances, answers, consent, funnel, lookups, unconfirmed
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.funnel import Step
from newsletters.subscribers.lifecycle import Event, advance
from newsletters.subscribers.models import (
    Confirmation,
    ConsentEvent,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.suppression import lift_for_opt_in
from newsletters.subscribers.unconfirmed import Fate


def confirm_pending(
    session: Session,
    subscriber: Subscriber,
    confirmation: Confirmation,
    *,
    newsletter_ids: Collection[int] | None,
    requests: Collection[int] = (),
    mechanism: Mechanism,
    now: datetime,
) -> tuple[Newsletter, ...]:
    """Make pending subscriptions active and return their newsletters; none is no harm done.

    ``requests`` are those of the browser that confirms.
    """
    rows = lookups.by_newsletter(lookups.locked_subscriptions(session, subscriber.id))
    is_first = not lookups.was_ever_confirmed(rows.values())
    wanted = lookups.open_newsletters(session, _chosen(rows.values(), newsletter_ids))
    if not wanted:
        return ()
    chosen = [newsletter.id for newsletter in wanted]
    answers.introduce(session, subscriber, chosen, own=requests)
    if is_first:
        subscriber.email = confirmation.email  # the spelling that was mailed
    newest = consent.newest_requests(session, subscriber.id)
    evidence = [newest.get(number, consent.NOTHING) for number in chosen]
    for newsletter, said in zip(wanted, evidence, strict=True):
        row = rows[newsletter.id]
        advance(row, Event.CONFIRM, now=now)
        row.source = said.form
        consent.record(session, row, ConsentEvent.CONFIRMED, mechanism, evidence=said, now=now)
    funnel.note_step(session, Step.CONFIRMED, subscriber, chosen, now=now)
    if confirmation.is_reminder:
        for newsletter_id in chosen:
            unconfirmed.count(session, Fate.WON, newsletter_id, now=now)
    _close(session, subscriber, confirmation, rows.values(), mechanism=mechanism, now=now)
    lift_for_opt_in(session, subscriber.address_hash, now=now)
    allowances.mail_was_wanted(session, subscriber.address_hash)
    return wanted


def _chosen(rows: Collection[Subscription], newsletter_ids: Collection[int] | None) -> set[int]:
    waiting = lookups.pending(rows)
    return waiting if newsletter_ids is None else waiting & set(newsletter_ids)


def _close(
    session: Session,
    subscriber: Subscriber,
    confirmation: Confirmation,
    rows: Collection[Subscription],
    *,
    mechanism: Mechanism,
    now: datetime,
) -> None:
    """Use up the link. A code confirms what one page asked for, so its link stays open for the rest."""
    is_left = any(row.state is SubscriptionState.PENDING for row in rows)
    if mechanism is Mechanism.CODE and is_left:
        return
    confirmation.used_at = now
    if not is_left:
        session.execute(
            update(Confirmation)
            .where(Confirmation.subscriber_id == subscriber.id, Confirmation.used_at.is_(None))
            .values(used_at=now)
        )

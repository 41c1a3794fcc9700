"""Reads that several use cases of this slice share: a reader's subscriptions, and newsletters by id."""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from newsletters.publishing.models import Newsletter
from newsletters.subscribers.lifecycle import ONGOING
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState


def subscriber_by_key(session: Session, email_key: str) -> Subscriber | None:
    """The reader with this address, however they write it."""
    return session.scalar(select(Subscriber).where(Subscriber.email_key == email_key))


def hold(session: Session, subscriber_ids: Select[int] | Collection[int]) -> None:
    """Hold readers until the transaction ends, before anything else of theirs is held or changed.

    Whoever takes a reader's row first, here and in every sign-up, cannot wait for another in a ring.
    """
    readers = select(Subscriber.id).where(Subscriber.id.in_(subscriber_ids)).order_by(Subscriber.id)
    session.execute(readers.with_for_update(key_share=True))


def locked_subscriptions(session: Session, subscriber_id: int) -> Sequence[Subscription]:
    """All subscriptions of a reader, held with the reader until the transaction ends."""
    hold(session, [subscriber_id])
    return session.scalars(
        select(Subscription)
        .where(Subscription.subscriber_id == subscriber_id)
        .order_by(Subscription.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def by_newsletter(rows: Iterable[Subscription]) -> dict[int, Subscription]:
    """A reader's subscriptions by newsletter: there is one at most."""
    return {row.newsletter_id: row for row in rows}


def subscriptions(session: Session, subscriber_id: int) -> Sequence[Subscription]:
    """All subscriptions of a reader, for looking only."""
    return session.scalars(
        select(Subscription).where(Subscription.subscriber_id == subscriber_id).order_by(Subscription.id)
    ).all()


def newsletters(session: Session, ids: Collection[int]) -> tuple[Newsletter, ...]:
    """Newsletters by id, retired ones too, in the order of the front page."""
    if not ids:
        return ()
    found = session.scalars(
        select(Newsletter).where(Newsletter.id.in_(ids)).order_by(Newsletter.position, Newsletter.name)
    )
    return tuple(found)


def open_newsletters(session: Session, ids: Collection[int]) -> tuple[Newsletter, ...]:
    """The same without those that take no more readers."""
    return tuple(newsletter for newsletter in newsletters(session, ids) if not newsletter.is_retired)


def pending(rows: Iterable[Subscription]) -> set[int]:
    """The newsletters that wait for a confirmation."""
    return {row.newsletter_id for row in rows if row.state is SubscriptionState.PENDING}


def ongoing(rows: Iterable[Subscription]) -> set[int]:
    """The newsletters a reader gets, now or after a pause."""
    return {row.newsletter_id for row in rows if row.state in ONGOING}


def was_ever_confirmed(rows: Iterable[Subscription]) -> bool:
    """Whether the owner of the address has ever said yes to anything."""
    return any(row.confirmed_at is not None for row in rows)

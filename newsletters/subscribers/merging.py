"""Making two readers one, once both their mailboxes have been proved to be the same person's.

Where both have a newsletter, the subscription that brings more mail stays, since it was consented to; the
links in mails about the other keep working. The evidence of both is kept by copying: records never change.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.orm import Session

from newsletters.subscribers import lookups, pauses
from newsletters.subscribers.models import (
    ConsentRecord,
    MovedSubscription,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.suppression_models import Erasure

RANK: Final = (
    SubscriptionState.COMPLAINED,
    SubscriptionState.BOUNCED,
    SubscriptionState.PENDING,
    SubscriptionState.UNSUBSCRIBED,
    SubscriptionState.PAUSED,
    SubscriptionState.ACTIVE,
)
COPIED: Final = (
    "newsletter_id",
    "event",
    "mechanism",
    "wording_id",
    "form",
    "page",
    "signup_request_id",
    "at",
)
STANDING: Final = (
    "state",
    "former_state",
    "requested_at",
    "confirmed_at",
    "ended_at",
    "paused_from",
    "paused_until",
    "source",
    "unsubscribed_by_issue_id",
    "told_why",
    "rhythm",
    "covered_until",
)


def merge(session: Session, *, into: Subscriber, gone: Subscriber, now: datetime) -> None:
    """Move what ``gone`` has to ``into`` and delete it; the slices above come for its traces."""
    kept = lookups.by_newsletter(lookups.locked_subscriptions(session, into.id))
    for row in lookups.locked_subscriptions(session, gone.id):
        if row.newsletter_id in kept:
            _keep_the_better(session, kept[row.newsletter_id], row)
        else:
            row.subscriber_id = into.id
    _copy_evidence(session, into=into, gone=gone)
    into.name = into.name or gone.name
    into.fields = {**gone.fields, **into.fields}
    session.add(Erasure(subscriber_id=gone.id, merged_into=into.id, at=now))
    session.flush()
    session.execute(delete(Subscriber).where(Subscriber.id == gone.id))


def _keep_the_better(session: Session, kept: Subscription, other: Subscription) -> None:
    if RANK.index(other.state) > RANK.index(kept.state):
        for field in STANDING:
            setattr(kept, field, getattr(other, field))
    session.execute(
        update(MovedSubscription)
        .where(MovedSubscription.subscription_id == other.id)
        .values(subscription_id=kept.id)
    )
    session.add(MovedSubscription(old_id=other.id, subscription_id=kept.id))
    pauses.hand_over(session, gone=other, into=kept)
    session.delete(other)


def _copy_evidence(session: Session, *, into: Subscriber, gone: Subscriber) -> None:
    columns = [getattr(ConsentRecord, name) for name in COPIED]
    copies = (
        select(literal(into.id), *columns)
        .where(ConsentRecord.subscriber_id == gone.id)
        .order_by(ConsentRecord.id)
    )
    session.execute(insert(ConsentRecord).from_select(["subscriber_id", *COPIED], copies))

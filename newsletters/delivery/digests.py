"""Digests that readers are owed: one mail with links to what came out and did not reach them.

What came to a reader is known here: whoever has a delivery of an issue that was not cancelled is not told of
it again, and an issue that was cut off by a pause counts as missed. An issue of the digest's time whose
readers are still being written down is waited for.

A digest is a single mail of the outbox, with the newsletter's own way out in it. The row that says it is owed
goes in the transaction that queues it, so a crash makes none twice and loses none. So many wait in the outbox
at one time and no more, and each is asked about once more before it leaves: it may have waited for a rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from newsletters.delivery.digest_mail import queue_digest
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.restorations import in_force
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.publishing.archive import PUBLIC_STATES
from newsletters.publishing.models import ON_ITS_WAY, Issue, Newsletter
from newsletters.subscribers.digest_models import Digest
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.pauses import keep_for_return
from newsletters.subscribers.suppression import is_suppressed

DIGEST: Final = "digest"
MOST_WAITING: Final = 1000  # in the outbox: some ten seconds' work
AT_ONCE: Final = 50
LONGEST_WAY: Final = timedelta(days=7)  # from an issue's start until the last try of its last reader


@dataclass(frozen=True, slots=True)
class Done:
    """How many digests were queued in one go, and whether more can be made now."""

    queued: int
    has_more: bool


def make_some(session: Session, *, means: Means, now: datetime) -> Done:
    """Queue the digests that have been owed the longest, as far as the outbox has room.

    None while a database that was put back from a copy waits for an owner: they stay owed.
    """
    if in_force(session) is not None:
        return Done(0, has_more=False)
    room = MOST_WAITING - _waiting(session)
    limit = min(AT_ONCE, room)
    if limit <= 0:
        return Done(0, has_more=False)
    owed = (
        select(Digest, Subscription)
        .join(Subscription, Subscription.id == Digest.subscription_id)
        .where(~_is_being_prepared())
        .order_by(Digest.until, Digest.subscription_id)
        .limit(limit)
        .with_for_update(of=(Digest, Subscription), skip_locked=True)
    )
    found = session.execute(owed).all()
    queued = sum(_settle(session, digest, row, means=means, now=now) for digest, row in found)
    session.flush()
    return Done(queued, has_more=len(found) == limit)


def missed(session: Session, digest: Digest, row: Subscription) -> Sequence[Issue]:
    """The public issues of the digest's time that did not come to its reader, the newest first."""
    query = select(Issue).where(
        Issue.newsletter_id == row.newsletter_id,
        Issue.state.in_(PUBLIC_STATES),
        Issue.started_at > digest.since - LONGEST_WAY,
        Issue.started_at <= digest.until,
        or_(Issue.frozen_at >= digest.since, _was_cut_off(digest, row)),
        ~exists().where(_delivered(row), Delivery.state != DeliveryState.CANCELLED),
    )
    return session.scalars(query.order_by(Issue.started_at.desc(), Issue.id.desc())).all()


def _settle(session: Session, digest: Digest, row: Subscription, *, means: Means, now: datetime) -> bool:
    """Queue the mail where there is something to tell; the debt is settled either way."""
    session.delete(digest)
    if row.state is SubscriptionState.PAUSED:
        keep_for_return(row, digest.since)
    if row.state is not SubscriptionState.ACTIVE:
        return False
    issues = missed(session, digest, row)
    if not issues or _must_not_be_written_to(session, row):
        return False
    newsletter = session.get_one(Newsletter, row.newsletter_id)
    subscriber = session.get_one(Subscriber, row.subscriber_id)
    queue_digest(session, digest, row, subscriber, newsletter, issues=issues, means=means, now=now)
    return True


def is_wanted(session: Session, mail: OutboxMail) -> bool:
    """Whether a digest of the outbox may still leave. Whoever has paused meanwhile has it on their return."""
    (subscription_id,) = mail.params["list_unsubscribe_ids"]
    row = session.get(Subscription, subscription_id)
    if row is None:
        return False
    if row.state is SubscriptionState.PAUSED:
        session.refresh(row, with_for_update=True)
        since = mail.params.get("since")
        if row.state is SubscriptionState.PAUSED and since is not None:
            keep_for_return(row, datetime.fromisoformat(since))
    return row.state is SubscriptionState.ACTIVE and not _must_not_be_written_to(session, row)


def _must_not_be_written_to(session: Session, row: Subscription) -> bool:
    suppressed = select(Subscriber.id).where(
        Subscriber.id == row.subscriber_id, is_suppressed(row.newsletter_id)
    )
    return session.scalar(suppressed) is not None


def _waiting(session: Session) -> int:
    waiting = select(func.count()).where(OutboxMail.state == OutboxState.WAITING, OutboxMail.kind == DIGEST)
    return session.scalar(waiting) or 0


def _is_being_prepared() -> ColumnElement[bool]:
    """Whether it is not yet written down who gets an issue of the digest's time."""
    return exists().where(
        Issue.newsletter_id == Subscription.newsletter_id,
        Issue.state.in_(ON_ITS_WAY),
        Issue.frozen_at.is_(None),
        Issue.started_at <= Digest.until,
    )


def _was_cut_off(digest: Digest, row: Subscription) -> ColumnElement[bool]:
    """Whether the issue was on its way to the reader when they paused."""
    return exists().where(
        _delivered(row),
        Delivery.state == DeliveryState.CANCELLED,
        Delivery.reason == SubscriptionState.PAUSED.value,
        Delivery.settled_at >= digest.since,
    )


def _delivered(row: Subscription) -> ColumnElement[bool]:
    return and_(Delivery.issue_id == Issue.id, Delivery.subscriber_id == row.subscriber_id)

"""Who an issue would go to, who is left out, and why: one statement over a newsletter's subscriptions.

Candidates are the readers who confirmed and did not leave by themselves. People who unsubscribed, or
never confirmed, are no candidates and are not counted.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, String, and_, case, cast, func, or_, select
from sqlalchemy.orm import Session

from newsletters.subscribers.models import Rhythm, Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.suppression import is_suppressed

INCLUDED = ""
SUPPRESSED = "suppressed"
DIGEST = "digest"

CANDIDATES = (
    SubscriptionState.ACTIVE,
    SubscriptionState.PAUSED,
    SubscriptionState.BOUNCED,
    SubscriptionState.COMPLAINED,
)


@dataclass(frozen=True, slots=True)
class Audience:
    """How many readers there are, how many get the issue, and how many do not, by reason."""

    candidates: int
    included: int
    excluded: dict[str, int]


def audience(session: Session, newsletter_id: int, *, now: datetime) -> Audience:
    """Count the readers of a newsletter as a freeze at ``now`` would."""
    reason = exclusion(newsletter_id, now=now).label("reason")
    counted = (
        select(reason, func.count())
        .select_from(Subscription)
        .join(Subscriber, Subscriber.id == Subscription.subscriber_id)
        .where(is_candidate(newsletter_id, as_of=now))
        .group_by(reason)
    )
    counts = dict(session.execute(counted).all())
    included = counts.pop(INCLUDED, 0)
    return Audience(included + sum(counts.values()), included, counts)


def is_candidate(newsletter_id: int, *, as_of: datetime) -> ColumnElement[bool]:
    """Whether a subscription was there at that moment: whoever confirmed later is for the next issue."""
    return and_(
        Subscription.newsletter_id == newsletter_id,
        Subscription.state.in_(CANDIDATES),
        or_(Subscription.confirmed_at.is_(None), Subscription.confirmed_at <= as_of),
    )


def exclusion(newsletter_id: int, *, now: datetime) -> ColumnElement[str]:
    """Why a candidate is left out; the empty string where there is no reason."""
    reads_digests = Subscription.rhythm != Rhythm.EACH
    may_have_it = case((is_suppressed(newsletter_id), SUPPRESSED), (reads_digests, DIGEST), else_=INCLUDED)
    return case((is_active(now), may_have_it), else_=cast(Subscription.state, String))


def is_active(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether mail may go to a subscription: also once the time of its pause has ended."""
    return or_(
        Subscription.state == SubscriptionState.ACTIVE,
        and_(Subscription.state == SubscriptionState.PAUSED, Subscription.paused_until <= now),
    )

"""How many readers stand where with each newsletter.

A small newsroom's are counted at every look. Counting a million subscriptions takes too long for a page, so
the periodic table counts them behind the scenes, and above ``LARGE`` the pages show the last such count.
"""

from collections import defaultdict
from typing import Final

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from newsletters.subscribers.count_models import StandingCount
from newsletters.subscribers.models import Subscription, SubscriptionState

LARGE: Final = 50_000

Counts = dict[int, dict[SubscriptionState, int]]


def counts(session: Session) -> Counts:
    """By newsletter and state; a state that nobody is in counts 0. At most some minutes old."""
    kept = session.execute(
        select(StandingCount.newsletter_id, StandingCount.state, StandingCount.readers)
    ).all()
    if sum(readers for _, _, readers in kept) >= LARGE:
        return _arranged([(number, SubscriptionState(state), readers) for number, state, readers in kept])
    return _arranged(_counted(session))


def count_anew(session: Session) -> None:
    """Keep the counts of this moment."""
    counted = _counted(session)
    session.execute(delete(StandingCount))
    rows = [
        {"newsletter_id": newsletter_id, "state": state.value, "readers": readers}
        for newsletter_id, state, readers in counted
    ]
    if rows:
        session.execute(insert(StandingCount), rows)


def _counted(session: Session) -> list[tuple[int, SubscriptionState, int]]:
    grouped = select(Subscription.newsletter_id, Subscription.state, func.count()).group_by(
        Subscription.newsletter_id, Subscription.state
    )
    return [(newsletter_id, state, readers) for newsletter_id, state, readers in session.execute(grouped)]


def _arranged(rows: list[tuple[int, SubscriptionState, int]]) -> Counts:
    found: Counts = defaultdict(lambda: dict.fromkeys(SubscriptionState, 0))
    for newsletter_id, state, readers in rows:
        found[newsletter_id][state] = readers
    return dict(found)

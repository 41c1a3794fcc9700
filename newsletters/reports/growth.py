"""How the readership grew: for each newsletter, who is there now and who came and went lately."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

from sqlalchemy.orm import Session

from newsletters.publishing.archive import listed_newsletters
from newsletters.publishing.models import Newsletter
from newsletters.reports.plots import Series
from newsletters.subscribers.models import SubscriptionState
from newsletters.subscribers.queries import counts, growth

DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Readership:
    """One newsletter's readers now, and its month."""

    newsletter: Newsletter
    active: int
    pending: int
    joined: int
    left: int
    series: Series


def readerships(session: Session, *, now: datetime, days: int = DAYS) -> Sequence[Readership]:
    """Every newsletter that can be subscribed to, in the newsroom's order."""
    by_newsletter = counts(session)
    return [
        _readership(session, newsletter, by_newsletter.get(newsletter.id, {}), now=now, days=days)
        for newsletter in listed_newsletters(session)
    ]


def _readership(
    session: Session,
    newsletter: Newsletter,
    standing: dict[SubscriptionState, int],
    *,
    now: datetime,
    days: int,
) -> Readership:
    today = now.astimezone(UTC).date()
    month = growth(session, newsletter.id, since=today - timedelta(days=days - 1), until=today)
    active = standing.get(SubscriptionState.ACTIVE, 0)
    points, readers = [], active
    for day in reversed(month):  # from today's number backwards
        points.append((datetime.combine(day.on, time(12), tzinfo=UTC), float(max(0, readers))))
        readers -= day.joined - day.left
    return Readership(
        newsletter=newsletter,
        active=active,
        pending=standing.get(SubscriptionState.PENDING, 0),
        joined=sum(day.joined for day in month),
        left=sum(day.left for day in month),
        series=Series(newsletter.name, points[::-1]),
    )

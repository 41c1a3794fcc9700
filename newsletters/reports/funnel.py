"""Where sign-ups are lost: of the forms that were shown, how many were sent, mailed, opened and confirmed.

Reads the day's counts (subscribers/funnel.py); nothing of anybody is in them. A step is counted on the day it
is taken, so a mail confirmed after midnight stands in two days; over a month that is nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from newsletters.reports.plots import Series
from newsletters.subscribers.count_models import FunnelCount, UnconfirmedCount
from newsletters.subscribers.funnel import Step
from newsletters.subscribers.unconfirmed import Fate

MOST_ROWS: Final = 50
STEPS: Final = tuple(Step)
_FATES: Final = tuple(
    func.coalesce(func.sum(getattr(UnconfirmedCount, fate)), 0).label(fate) for fate in Fate
)
_SUMS: Final = tuple(func.coalesce(func.sum(getattr(FunnelCount, step)), 0).label(step) for step in STEPS)


class By(StrEnum):
    """What the counts can be told apart by. The values are columns."""

    NEWSLETTER = "newsletter_id"
    FORM = "form"
    PAGE = "page"
    CAMPAIGN = "campaign"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """Of the requests that waited for a confirmation, how many were reminded, won by that, and forgotten."""

    reminded: int
    won: int
    forgotten: int


@dataclass(frozen=True, slots=True)
class Funnel:
    """How many came how far; ``key`` is what they have in common."""

    key: str | int
    shown: int
    submitted: int
    mailed: int
    opened: int
    confirmed: int

    @property
    def confirmed_share(self) -> float | None:
        """Of the forms that were sent, the share that was confirmed; None where none was sent."""
        return min(1.0, self.confirmed / self.submitted) if self.submitted else None

    @property
    def steps(self) -> tuple[tuple[Step, int], ...]:
        return tuple((step, getattr(self, step)) for step in STEPS)


def whole(session: Session, *, since: date, newsletter_id: int | None = None) -> Funnel:
    """Everything since a day (UTC) together."""
    row = session.execute(_chosen(select(*_SUMS), since, newsletter_id)).one()
    return Funnel("", *row)


def told_apart(
    session: Session, by: By, *, since: date, newsletter_id: int | None = None
) -> Sequence[Funnel]:
    """The same by one thing, those that brought most readers first. What says nothing is left out."""
    column = getattr(FunnelCount, by)
    counted = _chosen(select(column, *_SUMS), since, newsletter_id).group_by(column)
    if by is not By.NEWSLETTER:
        counted = counted.where(column != "")
    confirmed, submitted = (func.sum(getattr(FunnelCount, step)) for step in (Step.CONFIRMED, Step.SUBMITTED))
    rows = session.execute(counted.order_by(confirmed.desc(), submitted.desc(), column).limit(MOST_ROWS))
    return [Funnel(*row) for row in rows]


def unconfirmed(session: Session, *, since: date, newsletter_id: int | None = None) -> Unconfirmed:
    """What became since a day (UTC) of those whom the first mail did not win."""
    counted = select(*_FATES).where(UnconfirmedCount.on >= since)
    if newsletter_id is not None:
        counted = counted.where(UnconfirmedCount.newsletter_id == newsletter_id)
    return Unconfirmed(**session.execute(counted).mappings().one())


def by_day(
    session: Session, *, since: date, until: date, names: dict[Step, str], newsletter_id: int | None = None
) -> tuple[Series, ...]:
    """What was sent and what was confirmed, day by day."""
    rows = session.execute(
        _chosen(select(FunnelCount.on, *_SUMS), since, newsletter_id).group_by(FunnelCount.on)
    )
    found = {row.on: row for row in rows}
    days = [since + timedelta(days=number) for number in range((until - since).days + 1)]
    return tuple(
        Series(
            names[step],
            [
                (
                    datetime.combine(day, time(12), UTC),
                    float(getattr(found[day], step)) if day in found else 0.0,
                )
                for day in days
            ],
            tone,
        )
        for step, tone in ((Step.SUBMITTED, "info"), (Step.CONFIRMED, "good"))
    )


def _chosen(
    statement: Select[*tuple[Any, ...]], since: date, newsletter_id: int | None
) -> Select[*tuple[Any, ...]]:
    statement = statement.where(FunnelCount.on >= since)
    if newsletter_id is not None:
        statement = statement.where(FunnelCount.newsletter_id == newsletter_id)
    return statement

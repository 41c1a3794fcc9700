"""What follows from what comes back. One table and its numbers; pure.

Only an address that is known to be dead is stopped at once. What may pass counts at most once a day and
goes stale, so that a full mailbox is not the end of a subscription. A refusal for policy is about us,
never about the address. Many dead addresses at one domain within an hour are first of all a provider out
of order.
"""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import Final

from newsletters.bounces.event import EventKind
from newsletters.bounces.models import Level, Measure


class Consequence(StrEnum):
    """What follows for the reader's address."""

    SUPPRESS = "suppress"
    COUNT = "count"
    COMPLAIN = "complain"
    NOTHING = "nothing"


CONSEQUENCES: Final[Mapping[EventKind, Consequence]] = {
    EventKind.HARD: Consequence.SUPPRESS,
    EventKind.SOFT: Consequence.COUNT,
    EventKind.COMPLAINT: Consequence.COMPLAIN,
    EventKind.POLICY: Consequence.NOTHING,
    EventKind.TEMPORARY: Consequence.NOTHING,
    EventKind.NOTICE: Consequence.NOTHING,
}

SOFT_DAYS: Final = 5  # days with a soft bounce before the address is given up
STALE_AFTER: Final = timedelta(days=7)  # without a further soft bounce, those before no longer count

SPIKE_WINDOW: Final = timedelta(hours=1)
SPIKE_LEAST: Final = 10  # up to so many dead addresses an hour at one domain nobody looks twice
SPIKE_SHARE: Final = Fraction(5, 100)
HOLD_FOR: Final = timedelta(days=3)  # then the hold ends; an address that is dead still is dead for good

# From how many events on, and from what share of the accepted messages.
LIMITS: Final[Mapping[tuple[Measure, Level], tuple[int, Fraction]]] = {
    (Measure.COMPLAINTS, Level.ALERT): (3, Fraction(1, 1000)),
    (Measure.COMPLAINTS, Level.PAUSE): (5, Fraction(3, 1000)),
    (Measure.HARD_BOUNCES, Level.ALERT): (20, Fraction(5, 100)),
}


def is_worn_out(days: Collection[date]) -> bool:
    """Whether soft bounces on these days, none further than a week from the next, are too many."""
    run, last = 0, None
    for day in sorted(set(days)):
        run = run + 1 if last is not None and day - last <= STALE_AFTER else 1
        if run >= SOFT_DAYS:
            return True
        last = day
    return False


def is_spike(hard: int, sent: int) -> bool:
    """Whether so many dead addresses among so many messages to one domain speak of its provider."""
    return hard > SPIKE_LEAST and hard > SPIKE_SHARE * sent


def passed(measure: Measure, events: int, accepted: int) -> Level | None:
    """The gravest limit that ``events`` among ``accepted`` messages pass."""
    reached = [
        level
        for level in (Level.ALERT, Level.PAUSE)
        if (limit := LIMITS.get((measure, level))) is not None
        and events >= limit[0]
        and events >= limit[1] * accepted
    ]
    return reached[-1] if reached else None

"""A date and a time on the newsletter's own clocks, as a moment that happens exactly once.

When clocks go forward an hour does not exist, and when they go back one comes twice (PEP 495). The first
is refused with the times on either side of it; the second asks which of the two is meant.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from newsletters.kernel.errors import DomainError


class NoSuchTime(DomainError):
    """The clocks skip this time; ``before`` and ``after`` are the last and first times around the gap."""

    def __init__(self, before: datetime, after: datetime) -> None:
        super().__init__("skipped by the clocks")
        self.before = before
        self.after = after


class TwiceThatDay(DomainError):
    """The clocks show this time twice; ``first`` and ``second`` are the two moments."""

    def __init__(self, first: datetime, second: datetime) -> None:
        super().__init__("comes twice")
        self.first = first
        self.second = second


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an editor asked for; ``second`` chooses between two equal times, None leaves it open."""

    on: date
    at: time
    second: bool | None = None


def moment(wanted: Wanted, zone: ZoneInfo) -> datetime:
    """The UTC moment of ``wanted``. Raises NoSuchTime and TwiceThatDay."""
    wall = datetime.combine(wanted.on, wanted.at)
    first = wall.replace(tzinfo=zone, fold=0)
    second = wall.replace(tzinfo=zone, fold=1)
    if first.utcoffset() == second.utcoffset():
        return first.astimezone(UTC)
    if _on_the_wall(first, zone) != wall:
        raise NoSuchTime(*_around_gap(wall, zone))
    if wanted.second is None:
        raise TwiceThatDay(first, second)
    return (second if wanted.second else first).astimezone(UTC)


def next_at(at: time, zone: ZoneInfo, *, now: datetime) -> datetime:
    """The next time that clocks in ``zone`` show ``at``, tomorrow if it has passed; for a suggestion."""
    here = now.astimezone(zone)
    candidate = datetime.combine(here.date(), at, tzinfo=zone)
    if candidate <= here:
        candidate = datetime.combine(here.date() + timedelta(days=1), at, tzinfo=zone)
    return candidate


def _on_the_wall(local: datetime, zone: ZoneInfo) -> datetime:
    return local.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)


def _around_gap(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The minute before the gap and the first one behind it, on the wall."""
    low = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # read with the later offset: before the gap
    high = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)  # read with the earlier offset: behind it
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        behind = middle.astimezone(zone).utcoffset() == high.astimezone(zone).utcoffset()
        low, high = (low, middle) if behind else (middle, high)
    after = high.replace(second=0, microsecond=0)  # clocks change on the minute
    return (after - timedelta(minutes=1)).astimezone(zone), after.astimezone(zone)

"""How fast: a rate, the slots it allows, and which of them are still to be had. Pure.

The generic cell rate algorithm in whole nanoseconds: one number, the theoretical arrival time, says how much
of a rate is used up, and a slot that was handed out is never handed out again. Rounding is always towards
slower, so that no stretch of time ever holds more than ``rate x time + burst``.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000_000
PERIODS: Final = {"second": SECOND, "minute": 60 * SECOND, "hour": 3600 * SECOND, "day": 86_400 * SECOND}
_LETTERS: Final = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day"}
_RATE: Final = re.compile(r"\s*([0-9]{1,9})\s*/\s*([a-z]+)\s*", re.IGNORECASE)
JUMP: Final = 5 * SECOND  # a bucket full for longer than its rate explains was filled under another one
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadRate(ValueError):
    """Not a rate; the message says what one looks like."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most ``count`` in each ``period`` (nanoseconds), of which ``burst`` may come at one moment."""

    count: int
    period: int
    burst: int

    @classmethod
    def parse(cls, words: str, *, burst: int | None = None) -> "Rate":
        """Read ``14/s``, ``600/minute``, ``20000/hour`` or ``50000/day``. Raises BadRate."""
        found = _RATE.fullmatch(words)
        unit = found[2].lower() if found else ""
        unit = _LETTERS.get(unit, unit.removesuffix("s") if len(unit) > 1 else unit)
        if found is None or unit not in PERIODS or int(found[1]) < 1:
            raise BadRate(f"{words!r} is not a rate: write 14/second, 600/minute, 20000/hour or 50000/day")
        return cls.of(int(found[1]), PERIODS[unit], burst=burst)

    @classmethod
    def of(cls, count: int, period: int, *, burst: int | None = None) -> "Rate":
        """Without a burst of its own, a second's worth may come at one moment."""
        return cls(count, period, burst if burst is not None else max(1, count * SECOND // period))

    @classmethod
    def per_second(cls, speed: float) -> "Rate":
        """The rate for a measured speed, to a thousandth and never above it."""
        return cls.of(max(1, int(speed * 1000)), 1000 * SECOND)

    @property
    def interval(self) -> int:
        """Nanoseconds between two slots, rounded up."""
        return -(-self.period // self.count)

    @property
    def tolerance(self) -> int:
        return (self.burst - 1) * self.interval

    @property
    def speed(self) -> float:
        """Slots a second."""
        return self.count * SECOND / self.period

    def slots_in(self, nanoseconds: int) -> int:
        """How many slots a stretch of time has, at least one."""
        return max(1, nanoseconds // self.interval)

    def __str__(self) -> str:
        unit = next((name for name, length in PERIODS.items() if length == self.period), "")
        return f"{self.count}/{unit}" if unit else f"{self.speed:.3g}/second"


@dataclass(slots=True)
class Slots:
    """Slots handed out: the first at ``first``, then one each ``interval``, none before ``opened``."""

    first: int
    interval: int
    count: int
    opened: int

    def at(self, number: int) -> int:
        """When a slot may be used."""
        return max(self.opened, self.first + number * self.interval)

    def is_ready(self, *, now: int, kept: int) -> bool:
        """Whether a slot's time has come; those older than ``kept`` are gone."""
        while self.count and self.at(0) < now - kept:
            self._drop()
        return self.count > 0 and self.at(0) <= now

    def use(self, *, now: int, kept: int) -> bool:
        """Use the earliest slot, if its time has come."""
        is_ready = self.is_ready(now=now, kept=kept)
        if is_ready:
            self._drop()
        return is_ready

    def _drop(self) -> None:
        self.first += self.interval
        self.count -= 1


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one request brought: the bucket afterwards, the slots, and when the next slot is to be had."""

    full_at: int
    slots: Slots
    next_at: int


def reserve(full_at: int, rate: Rate, *, wanted: int, now: int, ahead: int) -> Reservation:
    """Hand out up to ``wanted`` slots whose time comes within ``ahead``; more may follow later.

    ``full_at`` is the bucket's theoretical arrival time, nought for one that was never used.
    """
    longest = now + ahead + rate.tolerance + rate.interval
    start = max(now, now if full_at > longest + JUMP else full_at)
    room = now + ahead + rate.tolerance - start
    count = min(wanted, room // rate.interval + 1) if room >= 0 else 0
    end = start + count * rate.interval
    slots = Slots(start - rate.tolerance, rate.interval, count, opened=now)
    return Reservation(end if count else full_at, slots, next_at=max(now, end - rate.tolerance))


def paid(full_at: int, rate: Rate, *, now: int) -> int:
    """The bucket after somebody left who asked nobody: full at the most, so that debts are soon forgotten."""
    longest = now + rate.tolerance + rate.interval
    return max(full_at, min(max(full_at, now) + rate.interval, longest))


@dataclass(frozen=True, slots=True)
class Queue:
    """A place in the line behind a rate: from ``start`` on, one each ``interval``."""

    start: int
    interval: int
    end: int

    def at(self, number: int, *, together: int) -> int:
        """When the letter of that number is to come: at the start of its stretch of ``together``."""
        return self.start + number * self.interval // together * together


def join_queue(end: int, interval: int, *, letters: int, now: int, soonest: int) -> Queue:
    """Go to the end of the line with some letters. Nobody is served by it: that takes slots."""
    start = max(end, now + soonest)
    return Queue(start, interval, start + letters * interval)


def nanoseconds(at: datetime) -> int:
    """A moment as whole nanoseconds since 1970, exactly."""
    passed = at - EPOCH
    return ((passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds) * 1000


def moment(at: int) -> datetime:
    """The moment of a number of nanoseconds, to the microsecond, never earlier."""
    return EPOCH + timedelta(microseconds=-(-at // 1000))

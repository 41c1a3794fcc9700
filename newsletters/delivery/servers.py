"""How a mail server of ours is, and how fast it lets us be. Pure: the clock and chance are arguments.

Health is a breaker: some failures in a row and the server rests, for longer each time; then one letter tries
it, and one success is health again. Pace is additive increase and multiplicative decrease: an answer that
asks for patience halves what was measured, and from then on it grows until nobody complains any more.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Final

from newsletters.delivery.throttle import Rate


class Standing(StrEnum):
    """Whether something takes mail."""

    OPEN = "open"  # takes mail; the word is not the circuit's but the shop's
    TRYING = "trying"  # its rest is over: one letter may try
    RESTING = "resting"


@dataclass(frozen=True, slots=True)
class Patience:
    """How many failures in a row are too many, and how long the rests are."""

    failures: int
    shortest: timedelta
    longest: timedelta


SERVER_PATIENCE: Final = Patience(3, timedelta(seconds=5), timedelta(minutes=5))
THROTTLE_PATIENCE: Final = Patience(10, timedelta(seconds=30), timedelta(minutes=15))
POLICY_PATIENCE: Final = Patience(5, timedelta(minutes=10), timedelta(hours=4))
BUSY_PATIENCE: Final = Patience(10, timedelta(minutes=1), timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Breaker:
    """Failures in a row, and the rest that came of them."""

    failures: int = 0
    rest: timedelta = timedelta()
    since: datetime | None = None
    until: datetime | None = None
    why: str = ""

    def standing(self, now: datetime) -> Standing:
        if self.until is None:
            return Standing.OPEN
        return Standing.RESTING if now < self.until else Standing.TRYING

    def failed(self, patience: Patience, *, why: str, now: datetime, chance: Random) -> "Breaker":
        """One more failure: a rest when they are too many, a longer one when it was the try after a rest."""
        standing = self.standing(now)
        if standing is Standing.RESTING:
            return self  # what was on its way before the rest began
        failures = self.failures + 1
        if standing is Standing.OPEN and failures < patience.failures:
            return replace(self, failures=failures, why=why)
        rest = min(max(self.rest * 2, patience.shortest), patience.longest)
        until = now + rest * (1 + chance.random() / 10)
        return Breaker(failures, rest, self.since or now, until, why)

    def succeeded(self, now: datetime) -> "Breaker":
        """Open again; the next rest would be half as long as this one was."""
        if self.until is None:
            return Breaker(rest=self.rest) if self.failures else self
        return self if now < self.until else Breaker(rest=self.rest / 4)


SLOWEST: Final = 0.1  # messages a second: a server that is asked less often tells nothing
GENTLE: Final = 1.0  # messages a second: what a first complaint slows down to at the most
GROWTH: Final = 0.02  # of the slowed speed, a second
LEAST_GROWTH: Final = 0.1  # messages a second, a second
FORGOTTEN: Final = 8.0  # times the slowed speed: by then there is nothing to be slowed down to
PAUSE_SECONDS: Final = 2.0  # what was under way when the first complaint came brings the same complaint again


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed a server was slowed down to, and when; grows with time and needs nobody to grow it."""

    slowed_to: float | None = None
    slowed_at: datetime | None = None

    def speed(self, now: datetime) -> float | None:
        """Messages a second, or None where nothing slows the server down."""
        if self.slowed_to is None or self.slowed_at is None:
            return None
        passed = max(0.0, (now - self.slowed_at).total_seconds())
        speed = self.slowed_to + max(self.slowed_to * GROWTH, LEAST_GROWTH) * passed
        return speed if speed < max(self.slowed_to, GENTLE) * FORGOTTEN else None

    def slower(self, measured: float, *, now: datetime) -> "Pace":
        """Half of what it was: of the pace in force, or of what was measured where none is."""
        if self.slowed_at is not None and (now - self.slowed_at).total_seconds() < PAUSE_SECONDS:
            return self
        before = self.speed(now)
        if before is None:
            return Pace(max(measured / 2, GENTLE), now)
        return Pace(max(min(before, max(measured, SLOWEST)) / 2, SLOWEST), now)

    def rate(self, configured: Rate | None, *, now: datetime) -> Rate | None:
        """The rate in force: the slower of the two, or None where neither is."""
        speed = self.speed(now)
        if speed is None:
            return configured
        if configured is not None and configured.speed <= speed:
            return configured
        return Rate.per_second(speed)


REGROW_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many connections a server bears, after it said that there were too many."""

    most: int | None = None
    at: datetime | None = None

    def allowed(self, cap: int, *, now: datetime) -> int:
        """The cap in force: one more each half minute until it is the configured one again."""
        if self.most is None or self.at is None:
            return cap
        grown = int((now - self.at).total_seconds() / REGROW_SECONDS)
        return min(cap, self.most + max(0, grown))

    def fewer(self, in_use: int, *, now: datetime) -> "Crowd":
        """One less than were in use when it complained, at least one."""
        return Crowd(max(1, in_use - 1), now)

"""Gates that a letter must pass: a server of ours, and its reader's provider there. No database here.

A gate knows what this process may do there: its share of the connections, the slots and the part of a day's
allowance it was handed, and whether the place rests. Slots are used when their time has come or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from newsletters.delivery.servers import Breaker, Standing
from newsletters.delivery.servers_books import Share
from newsletters.delivery.throttle import SECOND, Rate, Reservation, Slots
from newsletters.delivery.throttle_books import Ask, DayAsk

SLICE: Final = timedelta(milliseconds=250)
SLICE_NS: Final = SECOND // 4
AT_ONCE: Final = 20  # messages of a day's allowance taken at one time
SLOW_SECONDS: Final = 3.0
FIRST_WINDOW: Final = 2
CLOSED: Final = Breaker()
WIDEST: Final = 1_000_000


class Obstacle(StrEnum):
    """Why a letter cannot pass a gate now."""

    NONE = ""
    REST = "rest"
    PLACES = "places"
    RATE = "rate"
    DAY = "day"
    TLS = "tls"


@dataclass(slots=True)
class Gate:
    """One place to pass. ``share`` is how many letters of this process may be inside at one time."""

    key: str
    rate: Rate | None = None
    day_most: int | None = None
    share: int | None = None
    workers: int = 1
    under_way: int = 0
    breaker: Breaker = CLOSED
    slots: Slots | None = None
    next_at: int = 0
    allowance: int = 0
    day_full_until: datetime | None = None

    def obstacle(self, now: datetime, now_ns: int) -> Obstacle:
        """What keeps a letter from passing."""
        if self.breaker.until is not None and self._is_resting(now):
            return Obstacle.REST
        if self.share is not None and self.under_way >= self.share:
            return Obstacle.PLACES
        if self.day_most is not None and not self.allowance:
            return Obstacle.DAY
        if self.rate is not None and not (self.slots and self.slots.is_ready(now=now_ns, kept=SLICE_NS)):
            return Obstacle.RATE
        return Obstacle.NONE

    def enter(self, now_ns: int) -> None:
        """Let one letter pass. Only where there is no obstacle."""
        self.under_way += 1
        if self.rate is not None and self.slots is not None:
            self.slots.use(now=now_ns, kept=SLICE_NS)
        if self.day_most is not None:
            self.allowance -= 1

    def leave(self, *, was_begun: bool = True) -> None:
        """A letter that had passed is over, or was never begun."""
        self.under_way -= 1
        if not was_begun and self.day_most is not None:
            self.allowance += 1

    def set_rate(self, rate: Rate | None) -> None:
        """Another rate may be in force; what the old one said of waiting does not hold."""
        if rate != self.rate:
            self.rate, self.next_at = rate, 0

    def left(self) -> int:
        """How many more may be inside by this process's share."""
        return WIDEST if self.share is None else max(0, self.share - self.under_way)

    def ask_slots(self, demand: int, now_ns: int) -> Ask | None:
        """What to ask the shared bucket for; None while there is no sense in asking."""
        if self.rate is None or now_ns < self.next_at - SLICE_NS or (self.slots and self.slots.count):
            return None
        fair = -(-self.rate.slots_in(SLICE_NS) // self.workers)
        return Ask(self.key, self.rate, min(demand, fair))

    def take_slots(self, got: Reservation) -> None:
        self.slots, self.next_at = got.slots, got.next_at

    def ask_allowance(self, demand: int, now: datetime) -> DayAsk | None:
        if self.day_most is None or self.allowance:
            return None
        if self.day_full_until is not None and now < self.day_full_until:
            return None
        return DayAsk(self.key, self.day_most, min(demand, AT_ONCE))

    def take_allowance(self, granted: int, now: datetime) -> None:
        self.allowance = granted
        self.day_full_until = None if granted else next_midnight(now)

    def ready_in(self, now_ns: int) -> int:
        """Nanoseconds until the next slot may be had or asked for."""
        if self.slots is not None and self.slots.count:
            return max(0, self.slots.at(0) - now_ns)
        return max(0, self.next_at - SLICE_NS - now_ns)

    def slots_within(self, now_ns: int, ahead: int, *, workers: int | None = None) -> int:
        """About how many letters of this process may pass in the time ``ahead``."""
        if self.rate is None:
            return WIDEST
        first = self.slots.at(0) if self.slots is not None and self.slots.count else max(self.next_at, now_ns)
        if first > now_ns + ahead:
            return 0
        return 1 + (now_ns + ahead - first) // (self.rate.interval * (workers or self.workers))

    def _is_resting(self, now: datetime) -> bool:
        standing = self.breaker.standing(now)
        return standing is Standing.RESTING or (standing is Standing.TRYING and self.under_way > 0)


@dataclass(slots=True)
class Lane(Gate):
    """A provider at a server. Its window is how much of the server it has earned by being quick.

    It begins small and grows with every letter that ends in good time; a provider that lets us wait is held
    to a small part of the server's lines, so that the others are not kept by it.
    """

    messages: int | None = None
    needs_tls: bool = False
    window: int = FIRST_WINDOW
    typical: float = 0.0
    slow_since: int = 0
    starts: dict[int, int] | None = None

    def is_slow(self, now_ns: int) -> bool:
        """Whether its letters take long: on the whole, or the oldest one that is under way."""
        if self.typical > SLOW_SECONDS:
            return True
        if not self.starts:
            return False
        return now_ns - next(iter(self.starts.values())) > SLOW_SECONDS * SECOND

    def slow_for(self, now_ns: int) -> float:
        """For how many seconds it has been slow without a break, as far as is known."""
        since = (now_ns - self.slow_since) / SECOND if self.slow_since else 0.0
        return max(since, self.waited(now_ns))

    def waited(self, now_ns: int) -> float:
        """For how many seconds the oldest letter has been under way."""
        return max(0, now_ns - next(iter(self.starts.values()))) / SECOND if self.starts else 0.0

    def allowed(self, lines: int, *, is_alone: bool, now_ns: int) -> int:
        """How many letters may be under way there."""
        if not self.is_slow(now_ns):
            return self.window
        return max(1, lines // 2 if is_alone else lines // 8)

    def begin(self, number: int, now_ns: int) -> None:
        if self.starts is None:
            self.starts = {}
        self.starts[number] = now_ns

    def end(self, number: int, now_ns: int) -> None:
        """A letter is over: note how long it took."""
        began = self.starts.pop(number, now_ns) if self.starts else now_ns
        took = max(0, now_ns - began) / SECOND
        self.typical = (self.typical or took) / 2 + took / 2
        self.window = min(self.window + 1, WIDEST) if took <= SLOW_SECONDS else FIRST_WINDOW
        if self.typical <= SLOW_SECONDS:
            self.slow_since = 0
        elif not self.slow_since:
            self.slow_since = began

    def forget(self, number: int) -> None:
        """A letter was never begun: it says nothing about time."""
        if self.starts:
            self.starts.pop(number, None)

    def is_blank(self) -> bool:
        """Whether there is nothing worth remembering of it."""
        return (
            not self.under_way
            and self.breaker.until is None
            and not self.breaker.failures
            and self.rate is None
            and self.day_most is None
            and self.typical <= SLOW_SECONDS
        )


def share_of(cap: int | None, worker: str, shares: Sequence[Share]) -> int | None:
    """This worker's part of a cap: all parts together are the cap, and some workers may have none."""
    workers = [share.worker for share in shares]
    if cap is None or worker not in workers:
        return cap
    place, count = workers.index(worker), len(workers)
    return cap // count + (place < cap % count)


def next_midnight(now: datetime) -> datetime:
    """When the next day (UTC) of allowances begins."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

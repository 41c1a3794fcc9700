"""When letters that cannot go now may go: what stays in hand, and when the rest is to come again.

What a rate holds up goes to the end of its issue's line and comes back in stretches, just when its turn is;
so no worker sleeps on it and no batch is claimed again and again. What waits for a rest or a new day comes
back when that is over, spread a little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final, Generic, TypeVar

from newsletters.delivery.dispatch_gate import WIDEST, Gate, Lane, Obstacle, next_midnight
from newsletters.delivery.dispatch_places import Place, Places
from newsletters.delivery.dispatch_queue import Entry, FairQueue
from newsletters.delivery.dispatch_sharing import Sharing
from newsletters.delivery.servers import Standing
from newsletters.delivery.throttle import SECOND, Rate, moment, nanoseconds
from newsletters.delivery.throttle_books import LINE, LineAsk

L = TypeVar("L")

EVERY: Final = timedelta(milliseconds=200)
HOLD_NS: Final = 6 * SECOND  # what goes within this time behind a provider's rate stays in hand
SERVER_HOLD_NS: Final = 60 * SECOND  # a server's rate holds up everybody alike: nothing else could be claimed
ENOUGH_NS: Final = 2 * SECOND  # work for so long is in hand: no more is claimed for that server
TOGETHER_NS: Final = 4 * SECOND  # so much of what stands in line comes at one time; less than is held in hand
WITHOUT_TLS: Final = timedelta(hours=1)
NO_SHARE: Final = timedelta(seconds=5)
TRYING: Final = timedelta(seconds=15)
SLOW: Final = (timedelta(seconds=15), timedelta(minutes=10))  # the longer it has been slow, the longer
SPREAD: Final = {
    Obstacle.REST: timedelta(seconds=30),
    Obstacle.DAY: timedelta(minutes=10),
    Obstacle.TLS: timedelta(minutes=10),
    Obstacle.PLACES: timedelta(seconds=5),
}


@dataclass(frozen=True, slots=True)
class PutOff(Generic[L]):
    """A letter that is to come again ``until`` then; no attempt of its reader is spent."""

    letter: L
    until: datetime
    why: Obstacle


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many letters may stay in hand for one server, what holds the others, and how long."""

    keep: int
    why: Obstacle = Obstacle.NONE
    until: datetime | None = None
    rate: Rate | None = None
    each: timedelta | None = None  # where letters go one after the other: how long one takes


class Outlooks:
    """Looks ahead for a dispatcher."""

    def __init__(self, places: Places, sharing: Sharing, chance: Random) -> None:
        self._places = places
        self._sharing = sharing
        self._chance = chance
        self._looked_at: datetime | None = None

    def put_off(self, queue: FairQueue[L], *, now: datetime) -> list[PutOff[L]]:
        """Take what cannot go soon out of the queue. While no server takes mail, everything stays."""
        if self._looked_at is not None and timedelta() < now - self._looked_at < EVERY:
            return []
        self._looked_at = now
        among = self._places.open(now)
        if not among:
            return []
        return [put for group in queue.groups() for put in self._put_off_group(queue, group, among, now)]

    def _put_off_group(
        self, queue: FairQueue[L], group: str, among: Sequence[Place], now: datetime
    ) -> list[PutOff[L]]:
        outlooks = [self._outlook(place, group, queue, now) for place in among]
        keep = sum(outlook.keep for outlook in outlooks)
        behind = self._issues_in_line(group, now)
        shed = queue.shed_fresh(group, behind) if behind and keep < WIDEST else []
        if keep < queue.size_of(group):
            shed = queue.shed(group, keep=keep) + shed
        rates = [outlook.rate for outlook in outlooks if outlook.rate is not None]
        if rates:
            queue.settle(group)
        if not shed:
            return []
        best = max(outlooks, key=lambda outlook: outlook.keep)
        if rates:
            return self._into_line(group, shed, rates, queue, now)
        return [self._later(entry, place, best, now) for place, entry in enumerate(shed)]

    def _outlook(self, place: Place, group: str, queue: FairQueue[L], now: datetime) -> Outlook:
        """The tightest of what the provider and the server allow."""
        lane = self._places.lane(place, group, now)
        if (closed := _closed(place, lane, now, is_joining=self._places.is_joining)) is not None:
            return closed
        now_ns = nanoseconds(now)
        if lane.is_slow(now_ns):
            is_alone = not queue.has_others(group)
            allowed = lane.allowed(place.lines(now), is_alone=is_alone, now_ns=now_ns)
            longest = min(max(timedelta(seconds=lane.slow_for(now_ns) / 2), SLOW[0]), SLOW[1])
            each = timedelta(seconds=max(lane.typical, lane.waited(now_ns)) / allowed)
            return Outlook(4 * allowed, Obstacle.PLACES, now + longest, each=each)
        if lane.rate is not None:
            return Outlook(_in_hand(lane, queue.due_of(group), now_ns), Obstacle.RATE, rate=lane.rate)
        if place.gate.rate is not None:
            fair = place.gate.slots_within(now_ns, SERVER_HOLD_NS) * queue.size_of(group) // len(queue)
            return Outlook(fair + 1, Obstacle.RATE, rate=place.gate.rate)
        return Outlook(WIDEST)

    def _into_line(
        self, group: str, shed: list[Entry[L]], rates: list[Rate], queue: FairQueue[L], now: datetime
    ) -> list[PutOff[L]]:
        rate = rates[0] if len(rates) == 1 else Rate.per_second(sum(rate.speed for rate in rates))
        by_issue: dict[int, list[Entry[L]]] = {}
        for entry in shed:
            by_issue.setdefault(entry.issue_id, []).append(entry)
        asks = [LineAsk(group, issue_id, rate, len(entries)) for issue_id, entries in by_issue.items()]
        soonest = timedelta(microseconds=HOLD_NS // 1000)
        joined = self._sharing.join_lines(asks, now=now, soonest=soonest)
        if joined is None:
            for entry in shed:
                queue.add(group, entry)
            return []
        put: list[PutOff[L]] = []
        for ask in asks:
            line = joined[ask.key]
            for number, entry in enumerate(by_issue[ask.issue_id]):
                due = moment(line.at(number, together=TOGETHER_NS))
                put.append(PutOff(entry.letter, due, Obstacle.RATE))
        return put

    def _later(self, entry: Entry[L], number: int, outlook: Outlook, now: datetime) -> PutOff[L]:
        until = outlook.until or now + NO_SHARE
        if outlook.each is not None:
            until = min(until, now + max(outlook.each * (number + 1), SLOW[0]))
        return PutOff(entry.letter, until + SPREAD[outlook.why] * self._chance.random(), outlook.why)

    def _issues_in_line(self, group: str, now: datetime) -> set[int]:
        """The issues whose earlier letters to this provider still wait in line."""
        soon = nanoseconds(now) + HOLD_NS
        prefix = f"{LINE}{group} "
        return {
            int(key.removeprefix(prefix))
            for key, end in self._sharing.line_ends.items()
            if end > soon and key.startswith(prefix)
        }

    def wanted(self, place: Place, queue: FairQueue[L], now: datetime) -> int:
        """How many letters in hand may be under way at a server beyond those that are."""
        standing = place.standing(now)
        if standing is Standing.RESTING or not len(queue):
            return 0
        if standing is Standing.TRYING:
            return 1
        most = place.gate.slots_within(nanoseconds(now), ENOUGH_NS) if place.gate.rate else len(queue)
        return min(most, place.gate.left(), len(queue) - self._too_many(place, queue, now))

    def _too_many(self, place: Place, queue: FairQueue[L], now: datetime) -> int:
        """How many of the letters in hand could not go there though there were room, for want of places."""
        rules = self._places.rules
        groups = rules.providers if rules.default.connections is None else queue.groups()
        return sum(
            max(0, waiting - self._places.lane(place, group, now).left())
            for group in groups
            if (waiting := queue.size_of(group))
        )

    def has_use_for_more(self, place: Place, queue: FairQueue[L], now: datetime) -> bool:
        """Whether a server could do with more letters than are in hand."""
        gate = place.gate
        if _is_day_full(gate, now):
            return False
        return gate.rate is None or gate.slots_within(nanoseconds(now), ENOUGH_NS) > len(queue)

    def wake_in(self, queue: FairQueue[L], now: datetime) -> float | None:
        """Seconds until slots come, or a rest ends, for something that waits."""
        if not len(queue) or not self._places.is_limited():
            return None
        now_ns = nanoseconds(now)
        waits = [gate.ready_in(now_ns) / SECOND for gate in self._limited(queue)]
        ends = [gate.breaker.until for gate in self._gates(queue) if gate.breaker.until is not None]
        waits += [(until - now).total_seconds() for until in ends if until > now]
        return max(0.0, min(waits)) if waits else None

    def _limited(self, queue: FairQueue[L]) -> list[Gate]:
        return [gate for gate in self._gates(queue) if gate.rate is not None]

    def _gates(self, queue: FairQueue[L]) -> list[Gate]:
        lanes = [lane for (_, group), lane in self._places.limited.items() if queue.size_of(group)]
        return [*(place.gate for place in self._places.all), *lanes]


def _in_hand(lane: Lane, due: int, now_ns: int) -> int:
    """How many letters may wait here for slots: a fair part of the rate, and all whose turn in line it is."""
    fair = lane.slots_within(now_ns, HOLD_NS)
    return max(fair, min(due, lane.slots_within(now_ns, HOLD_NS, workers=1)))


def _closed(place: Place, lane: Lane, now: datetime, *, is_joining: bool) -> Outlook | None:
    """Why nothing at all can go to a provider over a server for a while, if that is so."""
    if lane.needs_tls and not place.is_protected:
        return Outlook(0, Obstacle.TLS, now + WITHOUT_TLS)
    standing = lane.breaker.standing(now)
    if standing is Standing.RESTING:
        return Outlook(0, Obstacle.REST, lane.breaker.until)
    if any(_is_day_full(gate, now) for gate in (lane, place.gate)):
        return Outlook(0, Obstacle.DAY, next_midnight(now))
    if lane.share == 0 and not is_joining:  # who joins has a share in a second or two
        return Outlook(0, Obstacle.PLACES, now + NO_SHARE)
    return Outlook(1, Obstacle.REST, now + TRYING) if standing is Standing.TRYING else None


def _is_day_full(gate: Gate | Lane, now: datetime) -> bool:
    if gate.day_most is None or gate.allowance:
        return False
    return gate.day_full_until is not None and now < gate.day_full_until

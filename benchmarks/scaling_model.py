"""A model of one issue on its way: workers, batches, leases, group commits, a relay, and killed workers.

Time passes from event to event (a discrete-event simulation), nothing is random. Each worker keeps two groups
of connections going: while one group's outcomes are being committed, the other's messages are on their way,
as the ledger rule allows. The model knows nothing of the product but what it does in which order, and what
each step costs.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor
from typing import Final

LEASE_SECONDS: Final = 15.0  # newsletters.delivery.batches.LEASE; a test holds them equal
RESTART_SECONDS: Final = 10.0  # until a process manager has a killed worker working again
THREADS: Final = 1.75  # processors that one worker can use: signing in two threads lets the interpreter go


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a message costs; microseconds of a processor, milliseconds of waiting."""

    sender_us: float
    database_us: float
    claim_us: float = 2_000.0  # the database's work for a batch: claim, hand back, count
    flush_ms: float = 2.0  # until a commit is on the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """What there is to send with."""

    workers: int
    connections: int
    batch_size: int
    database_cores: int
    relay_rate: float  # messages a second of all servers together
    reply_ms: float  # from the last byte to the reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the issue went."""

    seconds: float
    sent: int
    repeated_at_most: int
    longest_pause_seconds: float
    workers_busy: float
    database_busy: float
    relay_busy: float

    @property
    def rate(self) -> float:
        return self.sent / self.seconds


@dataclass(slots=True)
class Processors:
    """So many processors with one queue before them."""

    count: int
    busy: float = 0.0
    _free_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._free_at = [0.0] * self.count

    def use(self, now: float, seconds: float) -> float:
        """When work that comes ``now`` is done."""
        done = max(now, self._free_at[0]) + seconds
        heapq.heapreplace(self._free_at, done)
        self.busy += seconds
        return done


@dataclass(slots=True)
class Relay:
    """The servers together: so many messages a second, each answered after a while."""

    rate: float
    reply_seconds: float
    _free_at: float = 0.0

    def take(self, now: float, count: int) -> float:
        self._free_at = max(now, self._free_at) + count / self.rate
        return self._free_at + self.reply_seconds


@dataclass(slots=True)
class Worker:
    """One process: its share of the readers, and how many of them are on their way in each group."""

    processor: Processors = field(default_factory=lambda: Processors(1))
    stock: int = 0
    on_the_way: list[int] = field(default_factory=lambda: [0, 0])
    is_idle: list[bool] = field(default_factory=lambda: [False, False])
    life: int = 0


class Sending:
    """One issue to ``readers`` readers."""

    def __init__(self, plant: Plant, costs: Costs, *, readers: int, kills: int = 0) -> None:
        self._plant, self._costs = plant, costs
        self._readers, self._left, self._sent, self._repeated = readers, readers, 0, 0
        self._workers = [Worker() for _ in range(plant.workers)]
        self._database = Processors(plant.database_cores)
        self._relay = Relay(plant.relay_rate, plant.reply_ms / 1000)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._last_at = self._pause = 0.0
        self._kill_at = [readers * (place + 1) // (kills + 1) for place in range(kills)]

    def run(self) -> Outcome:
        """Let time pass until everybody has the issue."""
        for worker in self._workers:
            self._begin(worker, 0.0)
        now = 0.0
        while self._sent < self._readers:
            now, _, happen = heapq.heappop(self._events)
            happen(now)
        busy = sum(worker.processor.busy for worker in self._workers)
        return Outcome(
            seconds=now,
            sent=self._sent,
            repeated_at_most=self._repeated,
            longest_pause_seconds=self._pause,
            workers_busy=busy / (now * self._plant.workers),
            database_busy=self._database.busy / (now * self._plant.database_cores),
            relay_busy=min(1.0, (self._sent + self._repeated) / (now * self._plant.relay_rate)),
        )

    def _at(self, time: float, happen: Callable[[float], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, happen))

    def _begin(self, worker: Worker, now: float) -> None:
        for group in (0, 1):
            self._compose(worker, group, worker.life, now)

    def _compose(self, worker: Worker, group: int, life: int, now: float) -> None:
        """Take the next readers, out of a fresh batch where the last is used up, and write their messages."""
        ready_at = self._claim(worker, now) if worker.stock == 0 else now
        count = min(max(1, self._plant.connections // 2), worker.stock)
        worker.is_idle[group] = count == 0
        if count == 0:
            return
        worker.stock -= count
        worker.on_the_way[group] = count
        composed_at = worker.processor.use(ready_at, count * self._costs.sender_us / 1e6 / THREADS)
        self._at(composed_at, lambda at: self._send(worker, group, life, at))

    def _claim(self, worker: Worker, now: float) -> float:
        worker.stock = min(self._plant.batch_size, self._left)
        self._left -= worker.stock
        return self._database.use(now, self._costs.claim_us / 1e6) if worker.stock else now

    def _send(self, worker: Worker, group: int, life: int, now: float) -> None:
        if worker.life == life:
            answered_at = self._relay.take(now, worker.on_the_way[group])
            self._at(answered_at, lambda at: self._commit(worker, group, life, at))

    def _commit(self, worker: Worker, group: int, life: int, now: float) -> None:
        """One transaction for the group; it is on disk with the next flush, which many share."""
        if worker.life != life:
            return
        done = self._database.use(now, worker.on_the_way[group] * self._costs.database_us / 1e6)
        flush = self._costs.flush_ms / 1000
        self._at((floor(done / flush) + 2) * flush, lambda at: self._settle(worker, group, life, at))

    def _settle(self, worker: Worker, group: int, life: int, now: float) -> None:
        if worker.life != life:
            return
        self._sent += worker.on_the_way[group]
        worker.on_the_way[group] = 0
        self._pause, self._last_at = max(self._pause, now - self._last_at), now
        if self._kill_at and self._sent >= self._kill_at[0]:
            del self._kill_at[0]
            self._kill(worker, now)
            return
        self._compose(worker, group, life, now)

    def _kill(self, worker: Worker, now: float) -> None:
        """Its messages on the way are in doubt; others take its readers over when its leases end."""
        in_doubt = sum(worker.on_the_way)
        self._repeated += in_doubt
        given_back = worker.stock + in_doubt
        worker.life, worker.stock, worker.on_the_way = worker.life + 1, 0, [0, 0]
        self._at(now + LEASE_SECONDS, lambda at: self._give_back(given_back, at))
        self._at(now + RESTART_SECONDS, lambda at: self._begin(worker, at))

    def _give_back(self, readers: int, now: float) -> None:
        self._left += readers
        for worker in self._workers:
            for group in (0, 1):
                if worker.is_idle[group]:
                    self._compose(worker, group, worker.life, now)

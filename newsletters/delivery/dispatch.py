"""Which of the letters in hand may go to which server now, and when the others should come again.

One dispatcher serves one worker process. It never sleeps, asks no DNS and waits for no rate: a letter is
placed, or it stays, or it is handed back with the time at which it is due. Nobody's attempts are spent by any
of that. What workers share is in the database (throttle_books.py, servers_books.py).
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count
from random import Random
from threading import RLock
from typing import Generic, TypeVar

from sqlalchemy.exc import DBAPIError

from newsletters.delivery.dispatch_gate import SLICE, Gate, Lane, Obstacle
from newsletters.delivery.dispatch_health import Health
from newsletters.delivery.dispatch_outlook import Outlooks, PutOff
from newsletters.delivery.dispatch_places import Place, Places
from newsletters.delivery.dispatch_queue import Entry, FairQueue
from newsletters.delivery.dispatch_sharing import Ending, Sharing
from newsletters.delivery.providers import Providers
from newsletters.delivery.servers_blame import blame
from newsletters.delivery.shaping_file import Rulebook
from newsletters.delivery.throttle import SECOND, nanoseconds
from newsletters.delivery.throttle_books import Ask, DayAsk, take_allowance, take_slots
from newsletters.kernel.db import Database
from newsletters.mail.replies import Refused, Reply, SmtpError
from newsletters.mail.server import SmtpServer

L = TypeVar("L")
PASSES = 3  # a letter may need slots of its server and then of its provider
AFTER_TROUBLE_NS = SECOND  # how long to leave a database alone that gave no slots
IN_HAND = 1000  # letters that wait in one process before it claims no more

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Placed(Generic[L]):
    """A letter that may begin now. A connection that has carried ``messages`` of its group takes no more."""

    letter: L
    server: str
    group: str
    messages: int | None
    number: int
    place: Place = field(repr=False)
    lane: Lane = field(repr=False)


@dataclass(slots=True)
class Thirst:
    """Gates that letters wait at for want of slots or allowance, and how many could use one."""

    gates: dict[str, Gate] = field(default_factory=dict)
    demand: Counter[str] = field(default_factory=Counter)

    def note(self, gate: Gate, demand: int) -> None:
        self.gates[gate.key] = gate
        self.demand[gate.key] = max(self.demand[gate.key], demand)


class Dispatcher(Generic[L]):
    """Places letters. Safe to call from every thread."""

    def __init__(
        self,
        *,
        db: Database,
        servers: Sequence[SmtpServer],
        rulebook: Rulebook,
        worker: str,
        chance: Random | None = None,
    ) -> None:
        self._db = db
        self._rulebook = rulebook
        self._queue: FairQueue[L] = FairQueue()
        self._places = Places(servers, rulebook.rules, worker=worker)
        self._providers = Providers(rulebook.rules)
        self._chance = chance or Random()  # noqa: S311  (spreads load; guards nothing)
        self._health = Health(self._places, self._chance)
        self._sharing = Sharing(db, self._places, self._providers)
        self._outlooks = Outlooks(self._places, self._sharing, self._chance)
        self._numbers = count(1)
        self._lock = RLock()
        self._asks_at = 0

    def add(self, letter: L, *, domain: str, issue_id: int, is_fresh: bool = True) -> None:
        """Take in a letter that is due, or one back that its server never heard to its end."""
        with self._lock:
            group = self._providers.group_of(domain.lower())
            self._queue.add(group, Entry(letter, issue_id, is_fresh))

    def waiting(self) -> int:
        """How many letters are in hand and not placed."""
        return len(self._queue)

    def withdraw(self, belongs: Callable[[L], bool]) -> list[L]:
        """Take out letters that are not to be sent from here any more."""
        with self._lock:
            return self._queue.withdraw(belongs)

    def take(self, room: Mapping[str, int], *, now: datetime) -> list[Placed[L]]:
        """Place letters, at most ``room`` at each server."""
        with self._lock:
            placed: list[Placed[L]] = []
            if not len(self._queue) or not self._sharing.is_ready(now):
                return placed
            left = dict(room)
            for _ in range(PASSES):
                thirst = Thirst()
                self._place(left, placed, thirst, now)
                if not thirst.gates or not self._quench(thirst, now):
                    break
            return placed

    def _place(self, left: dict[str, int], placed: list[Placed[L]], thirst: Thirst, now: datetime) -> None:
        now_ns = nanoseconds(now)
        open_places = self._places.in_turn(left, now, now_ns)

        def place_one(group: str) -> bool:
            chosen = self._choose(group, open_places, thirst, now, now_ns)
            if chosen is None:
                return False
            placed.append(self._enter(*chosen, group, now, now_ns))
            left[chosen[0].name] -= 1
            if self._places.has_weights or not left[chosen[0].name]:
                open_places[:] = self._places.in_turn(left, now, now_ns)
            return True

        self._queue.serve(place_one, lambda: not open_places)

    def _choose(
        self, group: str, among: Sequence[Place], thirst: Thirst, now: datetime, now_ns: int
    ) -> tuple[Place, Lane] | None:
        """The server whose turn it is by weight, of those that can have a letter to this provider."""
        best: tuple[Place, Lane] | None = None
        has_others = partial(self._queue.has_others, group)
        for place in among:
            lane = self._places.lane(place, group, now)
            at_server = place.gate.obstacle(now, now_ns)
            if at_server in (Obstacle.REST, Obstacle.PLACES):
                continue
            at_lane = self._places.obstacle(place, lane, has_others, now=now, now_ns=now_ns)
            if at_lane in (Obstacle.REST, Obstacle.PLACES, Obstacle.TLS):
                continue
            if at_lane is not Obstacle.NONE:
                thirst.note(lane, self._queue.size_of(group))
            elif at_server is not Obstacle.NONE:
                thirst.note(place.gate, len(self._queue))
            elif best is None or place.turn < best[0].turn:
                best = place, lane
        return best

    def _enter(self, place: Place, lane: Lane, group: str, now: datetime, now_ns: int) -> Placed[L]:
        number = next(self._numbers)
        place.gate.enter(now_ns)
        lane.enter(now_ns)
        lane.begin(number, now_ns)
        self._places.took_turn(place, now)
        entry = self._queue.pop(group)
        return Placed(entry.letter, place.name, group, lane.messages, number, place, lane)

    def _quench(self, thirst: Thirst, now: datetime) -> bool:
        """Ask the shared buckets in one transaction; say whether anything came."""
        now_ns = nanoseconds(now)
        if now_ns < self._asks_at:
            return False
        slots: list[Ask] = []
        days: list[DayAsk] = []
        for key, gate in thirst.gates.items():
            if (ask := gate.ask_slots(thirst.demand[key], now_ns)) is not None:
                slots.append(ask)
            if (day := gate.ask_allowance(thirst.demand[key], now)) is not None:
                days.append(day)
        if not slots and not days:
            return False
        try:
            with self._db.transaction(durable=False) as session:
                taken = take_slots(session, slots, now=now, ahead=SLICE) if slots else {}
                granted = take_allowance(session, days, now=now) if days else {}
        except DBAPIError:
            log.exception("the shared rates cannot be asked; what they limit waits")
            self._asks_at = now_ns + AFTER_TROUBLE_NS
            return False
        for key, got in taken.items():
            thirst.gates[key].take_slots(got)
        for key, messages in granted.items():
            thirst.gates[key].take_allowance(messages, now)
        return any(got.slots.count for got in taken.values()) or any(granted.values())

    def ended(self, placed: Placed[L], result: Reply | SmtpError | None, *, now: datetime) -> None:
        """Tell what became of a placed letter, once; None where it was never begun."""
        place, lane, group = placed.place, placed.lane, placed.group
        with self._lock:
            place.gate.leave(was_begun=result is not None)
            lane.leave(was_begun=result is not None)
            if result is None:
                lane.forget(placed.number)
                return
            now_ns = nanoseconds(now)
            lane.end(placed.number, now_ns)
            place.ended_ns = now_ns
            place.speed.note(now_ns)
            if isinstance(result, Reply):
                self._sharing.count(place, group, Ending.ACCEPTED)
                self._health.went_well(place, lane, group, now=now)
            else:
                self._sharing.count(place, group, _ending(result))
                self._health.went_wrong(place, group, blame(result), why=_said(result), now=now)

    def unopened(self, server: str, error: SmtpError, *, now: datetime) -> None:
        """A connection to a server could not be opened."""
        with self._lock:
            place = self._places.by_name[server]
            self._health.went_wrong(place, "", blame(error), why=_said(error), now=now)

    def put_off(self, *, now: datetime) -> list[PutOff[L]]:
        """Take out the letters that cannot go soon, each with the time at which it is due again."""
        with self._lock:
            return self._outlooks.put_off(self._queue, now=now)

    def wanted(self, server: str, *, now: datetime) -> int:
        """How many letters in hand could use a connection of that server; one while it is being tried."""
        with self._lock:
            return self._outlooks.wanted(self._places.by_name[server], self._queue, now)

    def lines(self, server: str, *, now: datetime) -> int:
        """How many connections this process may hold at that server now."""
        with self._lock:
            return self._places.by_name[server].lines(now)

    def messages(self, server: str) -> int:
        """How many messages one connection to that server may carry."""
        with self._lock:
            place = self._places.by_name[server]
            own = self._places.rules.of_server(server).limits.messages
            return own or place.server.messages_per_connection

    def wants_more(self, *, now: datetime) -> bool:
        """Whether more letters could be used: some server takes mail and is not held by its rate."""
        with self._lock:
            if len(self._queue) >= IN_HAND:
                return False
            among = self._places.open(now)
            return any(self._outlooks.has_use_for_more(place, self._queue, now) for place in among)

    def wake_in(self, *, now: datetime) -> float | None:
        """Seconds until something may go although nothing ends; None where only an end can help."""
        with self._lock:
            return self._outlooks.wake_in(self._queue, now)

    def away(self, *, now: datetime) -> str:
        """Why no server at all takes mail now; empty while one does or may be tried."""
        with self._lock:
            if self._places.open(now):
                return ""
            self._sharing.look_again(now)  # somebody may have tried them for us, or said so on the desk
            if self._places.open(now):
                return ""
            return self._places.all[0].state.error or "no mail server takes mail"

    def refresh(self, *, now: datetime) -> None:
        """Read the rules again if they changed, and tell and hear what workers share. About once a second."""
        with self._lock:
            self._rulebook.refresh()
            if self._rulebook.rules is not self._places.rules:
                self._providers.follow(self._rulebook.rules)
                self._places.rules = self._rulebook.rules
            self._places.forget_unused(lambda group: self._queue.size_of(group) > 0)
            self._sharing.exchange(now, is_idle=not len(self._queue))

    def close(self) -> None:
        """This process ends: what it learnt is told, its share is free for the others."""
        with self._lock:
            self._sharing.leave()


def _ending(error: SmtpError) -> Ending:
    if isinstance(error, Refused):
        return Ending.REFUSED
    return Ending.PUT_OFF if error.reply.code >= 400 else Ending.LOST


def _said(error: SmtpError) -> str:
    """The server's words, or in which phase there were none and why."""
    return str(error.reply) if error.reply.code else str(error)

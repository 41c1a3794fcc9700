"""Tells the other workers what this one learnt and takes over what they learnt, about once a second.

Where connections are capped, a worker that comes to others waits until each of them has told something since:
by then it has heard of the newcomer and keeps to a smaller part. Connections stay open for a while when the
letters are over; so long the worker is still counted.
"""

import logging
from datetime import datetime, timedelta
from enum import IntEnum

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletters.delivery import servers_books
from newsletters.delivery.dispatch_places import Place, Places
from newsletters.delivery.providers import Providers
from newsletters.delivery.servers_books import Count
from newsletters.delivery.throttle import SECOND, Queue, nanoseconds
from newsletters.delivery.throttle_books import DayAsk, LineAsk, join_lines, lines, take_allowance
from newsletters.kernel.db import Database
from newsletters.mail.exchange import IDLE_SECONDS

EVERY = timedelta(seconds=1)
JOINING_EVERY = timedelta(milliseconds=250)
AFTER_TROUBLE = timedelta(seconds=1)
IDLE_EVERY = timedelta(seconds=15)
LINES_KEPT_NS = round((IDLE_SECONDS + 1) * SECOND)

log = logging.getLogger(__name__)


class Ending(IntEnum):
    """How a letter ended, as it is counted: the places of Count."""

    ACCEPTED = 0
    PUT_OFF = 1
    REFUSED = 2
    LOST = 3


Counts = dict[tuple[str, str], list[int]]


class Sharing:
    """The database's side of a dispatcher."""

    def __init__(self, db: Database, places: Places, providers: Providers) -> None:
        self._db = db
        self._places = places
        self._providers = providers
        self._counts: Counts = {}
        self._told_at: datetime | None = None
        self._is_counted_in = False
        self._is_in_trouble = False
        self._is_known_since: datetime | None = None
        self.line_ends: dict[str, int] = {}

    def is_ready(self, now: datetime) -> bool:
        """Whether this worker's share is known: nothing is placed before it has said that it works."""
        if not self._is_counted_in:
            is_new = self._told_at is None or not timedelta() <= now - self._told_at < AFTER_TROUBLE
            looks = is_new or not self._is_in_trouble
        else:
            looks = self._places.is_joining and self._is_known(now)
        if looks:
            self.look_again(now)
        return self._is_counted_in

    def _is_known(self, now: datetime) -> bool:
        """Whether it is time to see if the others have heard; by ``now`` the announcement is committed."""
        self._is_known_since = self._is_known_since or now
        return self._told_at is None or now - self._told_at >= JOINING_EVERY

    def count(self, place: Place, group: str, ending: Ending) -> None:
        """Note how a letter ended; domains that belong to no provider are counted together."""
        key = place.name, group if group in self._places.rules.providers else ""
        counts = self._counts.get(key)
        if counts is None:
            counts = self._counts[key] = [0] * len(Ending)
        counts[ending] += 1

    def exchange(self, now: datetime, *, is_idle: bool) -> None:
        """Tell and hear, if it is time to."""
        is_idle = is_idle and not self._is_busy() and not self._holds_lines(now)
        every = IDLE_EVERY if is_idle and not self._is_counted_in else EVERY
        if self._told_at is None or now - self._told_at >= every or now < self._told_at:
            self.look_again(now, is_idle=is_idle)

    def look_again(self, now: datetime, *, is_idle: bool = False) -> None:
        """Tell and hear now. Where the database is away, everything stays as it was."""
        self._told_at = now
        if self._places.is_joining:
            self._is_known_since = self._is_known_since or now
        counts, self._counts = self._counts, {}
        try:
            with self._db.transaction(durable=False) as session:
                self._tell(session, counts, now)
                if is_idle:
                    self._give_back(session, now)
                    servers_books.leave(session, self._places.worker)
                self._hear(session, now, is_idle=is_idle)
        except DBAPIError:
            self._counts = _summed(counts, self._counts)
            self._is_in_trouble = True
            log.exception("the workers' common knowledge of the servers cannot be reached")
            return
        self._is_counted_in, self._is_in_trouble = not is_idle, False
        for place in self._places.all:
            place.is_changed = False
        self._places.changed_rests.clear()
        self._places.follow(self._places.rules, now)

    def join_lines(
        self, asks: list[LineAsk], *, now: datetime, soonest: timedelta
    ) -> dict[str, Queue] | None:
        """Put letters into the lines behind their rates; None while the database is away."""
        try:
            with self._db.transaction(durable=False) as session:
                joined = join_lines(session, asks, now=now, soonest=soonest)
        except DBAPIError:
            log.exception("the lines behind the rates cannot be reached; letters stay in hand")
            return None
        self.line_ends |= {key: queue.end for key, queue in joined.items()}
        return joined

    def leave(self) -> None:
        """Tell what is left to tell, and give the share of this worker to the others."""
        try:
            with self._db.transaction(durable=False) as session:
                if self._told_at is not None:
                    self._tell(session, self._counts, self._told_at)
                    self._give_back(session, self._told_at)
                servers_books.leave(session, self._places.worker)
        except DBAPIError:
            log.exception("the share of this worker ends by itself")

    def _tell(self, session: Session, counts: Counts, now: datetime) -> None:
        for place in self._places.all:
            if place.is_changed:
                servers_books.write_state(session, place.name, place.state)
        for server, group in sorted(self._places.changed_rests):
            lane = self._places.lanes.get((server, group))
            if lane is not None:
                servers_books.write_rest(session, server, group, lane.breaker)
        servers_books.add_counts(session, {key: Count(*ends) for key, ends in counts.items()}, now=now)

    def _hear(self, session: Session, now: datetime, *, is_idle: bool) -> None:
        places = self._places
        if is_idle:
            places.is_joining = False
        else:
            self._announce(session, now)
        states = servers_books.server_states(session)
        for place in places.all:
            if not place.is_changed and (state := states.get(place.name)) is not None:
                place.hear(state)
        places.adopt_rests(servers_books.rests(session), now)
        self.line_ends = dict(lines(session, now=now))
        self._providers.learn(session, now=now)

    def _announce(self, session: Session, now: datetime) -> None:
        places = self._places
        if not self._is_counted_in:
            servers_books.join(session)
            self._is_known_since = None
        under_way = {place.name: place.gate.under_way for place in places.all}
        places.workers = servers_books.announce(session, places.worker, under_way, now=now)
        others = [
            share for shares in places.workers.values() for share in shares if share.worker != places.worker
        ]
        if not self._is_counted_in:
            places.is_joining = bool(others)
        elif (since := self._is_known_since) is not None:
            places.is_joining = any(share.seen_at < since for share in others)

    def _give_back(self, session: Session, now: datetime) -> None:
        gates = [place.gate for place in self._places.all] + list(self._places.lanes.values())
        asks = [
            DayAsk(gate.key, gate.day_most, -gate.allowance)
            for gate in gates
            if gate.day_most is not None and gate.allowance > 0
        ]
        if asks:
            take_allowance(session, asks, now=now)
        for gate in gates:
            gate.allowance = 0

    def _is_busy(self) -> bool:
        return any(place.gate.under_way for place in self._places.all)

    def _holds_lines(self, now: datetime) -> bool:
        """Whether connections of which there may only be so many are open yet."""
        now_ns = nanoseconds(now)
        capped = (place for place in self._places.all if place.gate.share is not None)
        return any(now_ns - place.ended_ns < LINES_KEPT_NS for place in capped)


def _summed(one: Counts, other: Counts) -> Counts:
    nothing = [0] * len(Ending)
    return {
        key: [a + b for a, b in zip(one.get(key, nothing), other.get(key, nothing), strict=True)]
        for key in one | other
    }

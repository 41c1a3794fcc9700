"""The way of single mails through the flow: they keep to the rates that the letters of issues keep to.

What somebody waits for with the page still open leaves at once, and is counted: for each of them the issues
have a slot less. What nobody waits for, digests and reminders, takes a slot and its part of a warm-up's day
as a letter does, goes to no provider that rests, and stands in a line of its own beside those of the issues.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletters.delivery import servers_books, throttle_books
from newsletters.delivery.dispatch_gate import SLICE, Obstacle, next_midnight
from newsletters.delivery.dispatch_outlook import SPREAD, WITHOUT_TLS
from newsletters.delivery.dispatch_places import day_most, is_protected
from newsletters.delivery.providers import provider_of
from newsletters.delivery.servers import Breaker, Standing
from newsletters.delivery.servers_books import ServerState
from newsletters.delivery.shaping import Limits, Rules
from newsletters.delivery.shaping_file import Rulebook
from newsletters.delivery.singles_count import SinglesCount
from newsletters.delivery.throttle import Rate, moment
from newsletters.delivery.throttle_books import LineAsk, Toll, provider_key, server_key
from newsletters.kernel.db import Database
from newsletters.mail.gatekeeper import End, Later, Leave
from newsletters.mail.server import SmtpServer

AHEAD: Final = 2 * SLICE  # further than the letters of an issue look, so that these do not take every slot
NO_ISSUE: Final = 0  # the line of mails that belong to none; numbers of issues begin at 1
SOONEST: Final = timedelta(seconds=1)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Held:
    """What holds a mail at one server, and until when at least."""

    why: Obstacle
    until: datetime
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Ways:
    """What is known at one moment of the servers and of one reader's provider."""

    rules: Rules
    group: str
    states: dict[str, ServerState]
    rests: dict[tuple[str, str], Breaker]
    now: datetime

    def state(self, server: SmtpServer) -> ServerState:
        return self.states.get(server.name, ServerState())

    def limits(self, server: SmtpServer) -> Limits:
        return self.rules.of(server.name, self.group)

    def closed(self, server: SmtpServer) -> Held | None:
        """Why nothing at all may go to the provider over a server now."""
        if self.limits(server).needs_tls and not is_protected(server):
            return Held(Obstacle.TLS, self.now + WITHOUT_TLS)
        breakers = [self.state(server).breaker, self.rests.get((server.name, self.group))]
        ends = [
            breaker.until
            for breaker in breakers
            if breaker is not None and breaker.standing(self.now) is Standing.RESTING
        ]
        until = max((end for end in ends if end is not None), default=None)
        return None if until is None else Held(Obstacle.REST, until)

    def tolls(self, server: SmtpServer) -> list[Toll]:
        """What a mail has to take of the server and of the provider there."""
        state, own, limits = self.state(server), self.rules.of_server(server.name).limits, self.limits(server)
        configured = own.rate or (Rate.per_second(server.rate) if server.rate is not None else None)
        first, today = state.first_used_on, self.now.date()
        tolls = (
            Toll(
                server_key(server.name),
                state.pace.rate(configured, now=self.now),
                day_most(own, first, today=today),
            ),
            Toll(provider_key(server.name, self.group), limits.rate, day_most(limits, first, today=today)),
        )
        return [toll for toll in tolls if toll.rate is not None or toll.day_most is not None]


class Singles:
    """Keeps single mails to the rates. ``waits`` says whether they wait for them. Safe between threads."""

    def __init__(
        self,
        *,
        db: Database,
        servers: Sequence[SmtpServer],
        rulebook: Rulebook,
        waits: bool,
        chance: Random | None = None,
    ) -> None:
        self._db = db
        self._servers = servers
        self._rulebook = rulebook
        self._waits = waits
        self._count = SinglesCount(db)
        self._chance = chance or Random()  # noqa: S311  (spreads load; guards nothing)

    def ask(self, recipient: str, *, now: datetime) -> Leave | Later:
        """See Gatekeeper. What waits takes its slots here. Raises DBAPIError."""
        if self._waits:
            with self._db.transaction(durable=False) as session:
                return self._wait(session, self._ways(session, recipient, now))
        if len(self._servers) == 1:
            return Leave(now)
        with self._db.reading() as session:
            states = servers_books.server_states(session)
        resting = {name for name, state in states.items() if state.breaker.standing(now) is Standing.RESTING}
        names = [server.name for server in self._servers]
        return Leave(now, sorted(names, key=lambda name: name in resting))

    def left(self, recipient: str, leave: Leave, *, server: str) -> None:
        """See Gatekeeper. Counts what has taken no slot of this server."""
        has_slot = self._waits and leave.servers[:1] == (server,)
        if has_slot or not self._has_limits():
            return
        try:
            with self._db.transaction(durable=False) as session:
                ways = self._ways(session, recipient, leave.at)
                tolls = [toll for one in self._servers if one.name == server for toll in ways.tolls(one)]
                throttle_books.pay(session, tolls, now=leave.at)
        except DBAPIError:  # the mail has left: nothing may keep its outcome from the books
            log.exception("a single mail could not be counted against the rates")

    def ended(self, recipient: str, end: End, *, server: str, now: datetime) -> None:
        """See Gatekeeper. The desk shows single mails among the letters that a server took."""
        self._count.add(recipient, end, server=server)
        self._count.write_sometimes(self._rulebook.rules, now=now)

    def rest(self, *, now: datetime) -> None:
        """See Gatekeeper."""
        self._count.write(self._rulebook.rules, now=now)

    def _ways(self, session: Session, recipient: str, now: datetime) -> Ways:
        rules, domain = self._rulebook.rules, recipient.rpartition("@")[2].lower()
        group = provider_of(session, domain, rules, now=now)
        return Ways(rules, group, servers_books.server_states(session), servers_books.rests(session), now)

    def _wait(self, session: Session, ways: Ways) -> Leave | Later:
        held: list[Held] = []
        for place, server in enumerate(self._servers):
            found = ways.closed(server) or self._pass(session, ways, server)
            if isinstance(found, Held):
                held.append(found)
                continue
            others = (one.name for one in self._servers[place + 1 :] if ways.closed(one) is None)
            return Leave(found, (server.name, *others), ways.group, ways.limits(server).messages)
        return self._later(session, ways, held)

    def _pass(self, session: Session, ways: Ways, server: SmtpServer) -> datetime | Held:
        tolls = ways.tolls(server)
        at = throttle_books.take_together(session, tolls, now=ways.now, ahead=AHEAD)
        if isinstance(at, int):
            return max(ways.now, moment(at))
        if at is None:
            return Held(Obstacle.DAY, next_midnight(ways.now))
        return Held(Obstacle.RATE, ways.now, at)

    def _later(self, session: Session, ways: Ways, held: Sequence[Held]) -> Later:
        """When to come again: behind a rate at the turn in line, else when the first obstacle is over."""
        rates = [one.rate for one in held if one.rate is not None]
        if not rates:
            first = min(held, key=lambda one: one.until)
            return Later(first.until + SPREAD[first.why] * self._chance.random(), first.why.value)
        rate = rates[0] if len(rates) == 1 else Rate.per_second(sum(rate.speed for rate in rates))
        ask = LineAsk(ways.group, NO_ISSUE, rate, letters=1)
        line = throttle_books.join_lines(session, [ask], now=ways.now, soonest=SOONEST)[ask.key]
        return Later(moment(line.start), Obstacle.RATE.value)

    def _has_limits(self) -> bool:
        return any(server.rate is not None for server in self._servers) or any(
            limits.rate is not None or limits.warm_up is not None
            for limits in _all_limits(self._rulebook.rules)
        )


def _all_limits(rules: Rules) -> Iterator[Limits]:
    yield rules.default
    yield from (provider.limits for provider in rules.providers.values())
    for server in rules.servers.values():
        yield server.limits
        yield from server.providers.values()

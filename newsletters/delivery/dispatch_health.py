"""What the ends of letters teach about our servers and about providers: who rests, who is slowed down."""

from datetime import datetime
from random import Random

from newsletters.delivery.dispatch_gate import Lane
from newsletters.delivery.dispatch_places import Place, Places
from newsletters.delivery.servers import (
    BUSY_PATIENCE,
    POLICY_PATIENCE,
    SERVER_PATIENCE,
    THROTTLE_PATIENCE,
    Breaker,
    Standing,
)
from newsletters.delivery.servers_blame import Blame
from newsletters.delivery.throttle import nanoseconds


class Health:
    """What answers teach about servers and providers."""

    def __init__(self, places: Places, chance: Random) -> None:
        self._places = places
        self._chance = chance

    def went_well(self, place: Place, lane: Lane, group: str, *, now: datetime) -> None:
        """A letter was accepted."""
        breaker = place.state.breaker
        if breaker.failures or breaker.until is not None:
            self._recovered(place, now)
        if lane.breaker.failures or lane.breaker.until is not None:
            self._provider(place, group, lane.breaker.succeeded(now))

    def went_wrong(self, place: Place, group: str, whose: Blame, *, why: str, now: datetime) -> None:
        """A letter was not accepted; ``whose`` says what that is about."""
        if whose is Blame.NOBODY:
            return
        if whose is Blame.LOST and place.standing(now) is Standing.RESTING:
            return  # one more of the connections that went with the server
        if whose in (Blame.POLICY, Blame.BUSY, Blame.LOST):
            patience = POLICY_PATIENCE if whose is Blame.POLICY else BUSY_PATIENCE
            lane = self._places.lane(place, group, now)
            self._provider(place, group, lane.breaker.failed(patience, why=why, now=now, chance=self._chance))
        if whose in (Blame.AWAY, Blame.LOST):
            self._failed(place, why=why, now=now)
        if whose is Blame.THROTTLED:
            self._slow_down(place, why, now)
        if whose is Blame.CROWDED:
            self._crowded(place, why, now)

    def _failed(self, place: Place, *, why: str, now: datetime) -> None:
        was_open = place.state.breaker.until is None
        breaker = place.state.breaker.failed(SERVER_PATIENCE, why=why, now=now, chance=self._chance)
        place.set(place.state.with_breaker(breaker).with_error(why, now))
        if was_open and breaker.until is not None:
            self._acquit_providers(place)

    def _acquit_providers(self, place: Place) -> None:
        """The server itself is away: what was lost there just now says nothing of any provider."""
        for (name, group), lane in tuple(self._places.lanes.items()):
            is_fresh = lane.breaker.failures and lane.breaker.rest <= BUSY_PATIENCE.shortest
            if name == place.name and is_fresh:
                self._provider(place, group, Breaker())

    def _slow_down(self, place: Place, why: str, now: datetime) -> None:
        measured = place.speed.speed(nanoseconds(now)) * max(1, place.gate.workers)
        breaker = place.state.breaker.failed(THROTTLE_PATIENCE, why=why, now=now, chance=self._chance)
        slowed = place.state.with_pace(place.state.pace.slower(measured, now=now))
        place.set(slowed.with_breaker(breaker).with_error(why, now))
        self._places.follow(self._places.rules, now)

    def _crowded(self, place: Place, why: str, now: datetime) -> None:
        in_use = place.gate.under_way
        if not in_use:
            self._failed(place, why=why, now=now)
            return
        crowd = place.state.crowd.fewer(min(in_use, place.lines(now)), now=now)
        place.set(place.state.with_crowd(crowd).with_error(why, now))

    def _recovered(self, place: Place, now: datetime) -> None:
        before = place.state.breaker
        state = place.state.with_breaker(before.succeeded(now))
        if before.until is None:
            place.adopt(state)  # only failures in a row were forgotten: nobody need be told
        else:
            place.set(state)

    def _provider(self, place: Place, group: str, breaker: Breaker) -> None:
        lane = self._places.lanes[place.name, group]
        if breaker.until != lane.breaker.until:
            self._places.changed_rests.add((place.name, group))
        lane.breaker = breaker
        self._places.note(place.name, group, lane)

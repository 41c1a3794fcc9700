"""All gates of one process: its servers, and the providers it has letters for at each of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from ipaddress import ip_address

from newsletters.delivery.dispatch_gate import Gate, Lane, Obstacle, share_of
from newsletters.delivery.servers import Breaker, Standing
from newsletters.delivery.servers_books import ServerState, Share
from newsletters.delivery.shaping import Limits, Rules
from newsletters.delivery.throttle import SECOND, Rate
from newsletters.delivery.throttle_books import provider_key, server_key
from newsletters.mail.server import SmtpServer, Tls

SPEED_NS = 2 * SECOND
IDLE_NS = 5 * SECOND  # a server that ended nothing for so long holds nobody back
AHEAD = 8.0  # letters by which a server of weight 1 may be ahead of its share


@dataclass(slots=True)
class Speedometer:
    """Messages a second, measured over the last moments."""

    began: int = 0
    count: int = 0
    last: float = 0.0

    def note(self, now_ns: int) -> None:
        """One more message."""
        if now_ns - self.began >= SPEED_NS:
            self.last = self.count * SECOND / (now_ns - self.began) if self.began else 0.0
            self.count, self.began = 0, now_ns
        self.count += 1

    def speed(self, now_ns: int) -> float:
        passed = max(now_ns - self.began, SECOND // 5)
        return max(self.last, self.count * SECOND / passed) if self.began else 0.0


@dataclass(slots=True)
class Place:
    """One server of ours, its gate, and how it is."""

    name: str
    server: SmtpServer
    gate: Gate
    state: ServerState = field(default_factory=ServerState)
    weight: int = 1
    turn: float = 0.0
    speed: Speedometer = field(default_factory=Speedometer)
    ended_ns: int = 0
    is_changed: bool = False
    is_protected: bool = False  # whether letters travel to it under TLS, or not at all

    def lines(self, now: datetime) -> int:
        """How many connections this process may hold there."""
        most = self.server.connections if self.gate.share is None else self.gate.share
        return self.state.crowd.allowed(most, now=now)

    def standing(self, now: datetime) -> Standing:
        return self.state.breaker.standing(now)

    def set(self, state: ServerState) -> None:
        """Note what this process learnt; the others are told at the next refresh."""
        self.adopt(state)
        self.is_changed = True

    def hear(self, state: ServerState) -> None:
        """Take over what others know; failures in a row are counted by each worker for itself."""
        mine = self.state.breaker
        is_quiet = state.breaker.until is None and mine.until is None
        self.adopt(state.with_breaker(mine) if is_quiet else state)

    def adopt(self, state: ServerState) -> None:
        self.state = state
        self.gate.breaker = state.breaker

    def keeps_up(self, now: datetime, now_ns: int, *, has_room: bool) -> bool:
        """Whether it does what it can, so that its share is worth waiting for."""
        if self.gate.obstacle(now, now_ns) not in (Obstacle.NONE, Obstacle.PLACES):
            return False
        return has_room or now_ns - self.ended_ns < IDLE_NS

    def rate(self, configured: Rate | None, now: datetime) -> Rate | None:
        return self.state.pace.rate(configured, now=now)


class Places:
    """The servers in the order of the settings, and lanes made as they are needed."""

    def __init__(self, servers: Sequence[SmtpServer], rules: Rules, *, worker: str) -> None:
        self.worker = worker
        self.rules = rules
        self.all = [
            Place(server.name, server, Gate(server_key(server.name)), is_protected=is_protected(server))
            for server in servers
        ]
        self.by_name = {place.name: place for place in self.all}
        self.lanes: dict[tuple[str, str], Lane] = {}
        self.limited: dict[tuple[str, str], Lane] = {}  # those of them with a rate or a rest
        self.has_weights = False
        self.workers: Mapping[str, Sequence[Share]] = {}
        self.is_joining = False  # the others may not have heard of this worker: their parts are the whole
        self.changed_rests: set[tuple[str, str]] = set()

    def follow(self, rules: Rules, now: datetime) -> None:
        """Put the rules, the paces and the shares of this moment in force."""
        self.rules = rules
        for place in self.all:
            self._follow(place, now)
        for (name, group), lane in self.lanes.items():
            self._set(lane, rules.of(name, group), self.by_name[name], now)
            self.note(name, group, lane)
        self.has_weights = len({place.weight for place in self.all}) > 1

    def _follow(self, place: Place, now: datetime) -> None:
        own = self.rules.of_server(place.name)
        limits = own.limits
        configured = limits.rate
        if configured is None and place.server.rate is not None:
            configured = Rate.per_second(place.server.rate)
        place.weight = own.weight or place.server.weight
        workers = self.workers.get(place.name, ())
        gate = place.gate
        gate.workers = max(1, len(workers))
        gate.share = self._left_of(limits.connections, workers)
        gate.set_rate(place.rate(configured, now))
        gate.day_most = day_most(limits, place.state.first_used_on, today=now.date())

    def _set(self, lane: Lane, limits: Limits, place: Place, now: datetime) -> None:
        workers = self.workers.get(place.name, ())
        lane.workers = max(1, len(workers))
        lane.share = self._part_of(limits.connections, workers)
        lane.set_rate(limits.rate)
        lane.messages, lane.needs_tls = limits.messages, limits.needs_tls
        lane.day_most = day_most(limits, place.state.first_used_on, today=now.date())

    def _part_of(self, cap: int | None, shares: Sequence[Share]) -> int | None:
        """This worker's part of what is capped: none before the others have made theirs smaller."""
        if cap is not None and self.is_joining:
            return 0
        return share_of(cap, self.worker, shares)

    def _left_of(self, cap: int | None, shares: Sequence[Share]) -> int | None:
        """This worker's part of a server, as far as the others' letters have left it."""
        part = self._part_of(cap, shares)
        if cap is None or part is None:
            return None
        others = sum(share.under_way for share in shares if share.worker != self.worker)
        return min(part, max(0, cap - others))

    def lane(self, place: Place, group: str, now: datetime) -> Lane:
        """The gate of a provider at a server."""
        lane = self.lanes.get((place.name, group))
        if lane is None:
            lane = self.lanes[place.name, group] = Lane(provider_key(place.name, group))
            self._set(lane, self.rules.of(place.name, group), place, now)
            self.note(place.name, group, lane)
        return lane

    def note(self, name: str, group: str, lane: Lane) -> None:
        """Know which lanes have to be looked at when time passes."""
        if lane.rate is not None or lane.breaker.until is not None:
            self.limited[name, group] = lane
        else:
            self.limited.pop((name, group), None)

    def is_limited(self) -> bool:
        """Whether anything may open by itself when time passes."""
        return bool(self.limited) or any(
            place.gate.rate is not None or place.gate.breaker.until is not None for place in self.all
        )

    def forget_unused(self, is_used: Callable[[str], bool]) -> None:
        """Let go of every lane that holds nothing worth knowing and that no letter waits for."""
        for key, lane in tuple(self.lanes.items()):
            if lane.is_blank() and not is_used(key[1]):
                del self.lanes[key]

    def obstacle(
        self, place: Place, lane: Lane, has_others: Callable[[], bool], *, now: datetime, now_ns: int
    ) -> Obstacle:
        """What keeps a letter to this provider from this server, whatever the server itself says."""
        if lane.needs_tls and not place.is_protected:
            return Obstacle.TLS
        most = lane.window
        if lane.is_slow(now_ns):
            most = lane.allowed(place.lines(now), is_alone=not has_others(), now_ns=now_ns)
        return Obstacle.PLACES if lane.under_way >= most else lane.obstacle(now, now_ns)

    def took_turn(self, place: Place, now: datetime) -> None:
        """A letter went to a server: the more weight it has, the sooner is its next turn.

        One that rested, or was held by its rate, does not catch up on more than a few.
        """
        place.turn += 1 / place.weight
        if len(self.all) > 1:
            least = place.turn - 2 * AHEAD
            for other in self.all:
                other.turn = max(other.turn, least)
        if not place.state.first_used_at:
            place.set(replace(place.state, first_used_at=now))

    def in_turn(self, room: Mapping[str, int], now: datetime, now_ns: int) -> list[Place]:
        """The open servers with room, less those that went too far ahead of one that is as able to work.

        Among equals whoever is quicker takes more; where the settings give weights, they are kept.
        """
        among = self.open(now)
        with_room = [place for place in among if room.get(place.name, 0) > 0]
        if not self.has_weights:
            return with_room
        able = [p for p in among if p.keeps_up(now, now_ns, has_room=room.get(p.name, 0) > 0)]
        least = min((place.turn for place in able), default=0.0)
        return [place for place in with_room if place.turn <= least + AHEAD]

    def open(self, now: datetime) -> list[Place]:
        """The servers that take mail or may be tried."""
        return [place for place in self.all if place.standing(now) is not Standing.RESTING]

    def adopt_rests(self, rests: Mapping[tuple[str, str], Breaker], now: datetime) -> None:
        """Take over what others know, but for what this process has just learnt itself."""
        for (name, group), breaker in rests.items():
            if name in self.by_name and (name, group) not in self.changed_rests:
                lane = self.lane(self.by_name[name], group, now)
                lane.breaker = breaker
                self.note(name, group, lane)
        for key, lane in self.lanes.items():
            if lane.breaker.until is not None and key not in rests and key not in self.changed_rests:
                lane.breaker = Breaker()
                self.note(*key, lane)


def day_most(limits: Limits, first_used_on: date | None, *, today: date) -> int | None:
    """How many messages today may have; None where no warm-up says so."""
    return None if limits.warm_up is None else limits.warm_up.most(first_used_on, today=today)


def is_protected(server: SmtpServer) -> bool:
    """Whether mail travels to the server under TLS, or not at all."""
    return server.tls is not Tls.NONE or _is_this_machine(server.host)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

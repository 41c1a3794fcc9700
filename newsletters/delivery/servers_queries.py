"""What people want to know of the flow: how each server and provider fares now, and what it took lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.delivery.dispatch_gate import next_midnight
from newsletters.delivery.servers import Breaker, Standing
from newsletters.delivery.servers_books import ALIVE_FOR, ServerState, rests, server_states
from newsletters.delivery.shaping import Limits, Rules
from newsletters.delivery.shaping_models import Bucket, FlowMinute, ServerShare
from newsletters.delivery.throttle_books import server_key
from newsletters.mail.server import SmtpServer

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
NOW_MINUTES: Final = 5  # what is called "now" is measured over so many whole minutes


@dataclass(frozen=True, slots=True)
class WarmUpDay:
    """How far a server's warm-up is."""

    day: int
    days: int
    used: int
    most: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class ServerView:
    """One server as it is now."""

    server: SmtpServer
    limits: Limits
    weight: int
    is_relay: bool
    state: ServerState
    standing: Standing
    speed: float | None
    under_way: int
    workers: int
    sent: Sequence[tuple[datetime, int]]
    warm_up: WarmUpDay | None

    @property
    def sent_in_all(self) -> int:
        return sum(letters for _, letters in self.sent)


@dataclass(frozen=True, slots=True)
class Rest:
    """A provider that takes nothing from one server for a while."""

    server: str
    breaker: Breaker
    standing: Standing


@dataclass(frozen=True, slots=True)
class ProviderView:
    """One provider, or a domain of its own that rests. An empty key stands for all other domains."""

    key: str
    name: str
    accepted: int
    put_off: int
    refused: int
    a_minute: float
    limits: Limits
    rests: Sequence[Rest]


def servers_now(
    session: Session, servers: Sequence[SmtpServer], rules: Rules, *, now: datetime
) -> list[ServerView]:
    """Every server of the settings, in their order."""
    states = server_states(session)
    shares = _shares(session, now)
    sent = _sent_by_minute(session, now)
    return [
        ServerView(
            server=server,
            limits=(own := rules.of_server(server.name)).limits,
            weight=own.weight or server.weight,
            is_relay=own.is_relay,
            state=(state := states.get(server.name, ServerState())),
            standing=state.breaker.standing(now),
            speed=state.pace.speed(now),
            under_way=shares.get(server.name, (0, 0))[0],
            workers=shares.get(server.name, (0, 0))[1],
            sent=[(minute, sent.get((server.name, minute), 0)) for minute in _minutes(now)],
            warm_up=_warm_up(session, server.name, own.limits, state, now),
        )
        for server in servers
    ]


def providers_now(session: Session, rules: Rules, *, now: datetime) -> list[ProviderView]:
    """Who got mail within the last hour or rests now, the busiest first."""
    resting: dict[str, list[Rest]] = {}
    for (server, group), breaker in sorted(rests(session).items()):
        resting.setdefault(group, []).append(Rest(server, breaker, breaker.standing(now)))
    counted = _counts(session, since=now - HOUR)
    lately = _counts(session, since=_whole(now) - NOW_MINUTES * MINUTE, before=_whole(now))
    views = [
        ProviderView(
            key=key,
            name=rules.name_of(key),
            accepted=counted.get(key, _NONE)[0],
            put_off=counted.get(key, _NONE)[1],
            refused=counted.get(key, _NONE)[2],
            a_minute=lately.get(key, _NONE)[0] / NOW_MINUTES,
            limits=rules.of("", key),
            rests=resting.get(key, ()),
        )
        for key in counted.keys() | resting.keys()
    ]
    return sorted(views, key=lambda view: (not view.key, -view.accepted, view.name))


_NONE: Final = (0, 0, 0)


def _counts(
    session: Session, *, since: datetime, before: datetime | None = None
) -> Mapping[str, tuple[int, int, int]]:
    sums = [func.sum(column) for column in (FlowMinute.accepted, FlowMinute.put_off, FlowMinute.refused)]
    counted = select(FlowMinute.provider, *sums).where(FlowMinute.minute >= since)
    if before is not None:
        counted = counted.where(FlowMinute.minute < before)
    rows = session.execute(counted.group_by(FlowMinute.provider))
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in rows}


def _sent_by_minute(session: Session, now: datetime) -> Mapping[tuple[str, datetime], int]:
    counted = select(FlowMinute.server, FlowMinute.minute, func.sum(FlowMinute.accepted)).where(
        FlowMinute.minute >= _minutes(now)[0]
    )
    rows = session.execute(counted.group_by(FlowMinute.server, FlowMinute.minute))
    return {(server, minute): int(sent) for server, minute, sent in rows}


def _shares(session: Session, now: datetime) -> Mapping[str, tuple[int, int]]:
    told = select(ServerShare.server, func.sum(ServerShare.under_way), func.count()).where(
        ServerShare.seen_at > now - ALIVE_FOR
    )
    rows = session.execute(told.group_by(ServerShare.server))
    return {server: (int(under_way), int(workers)) for server, under_way, workers in rows}


def _warm_up(
    session: Session, name: str, limits: Limits, state: ServerState, now: datetime
) -> WarmUpDay | None:
    if limits.warm_up is None:
        return None
    today = now.date()
    most = limits.warm_up.most(state.first_used_on, today=today)
    if most is None:
        return None
    row = session.get(Bucket, server_key(name))
    used = row.used if row is not None and row.used_on == today else 0
    day = limits.warm_up.day(state.first_used_on, today=today)
    return WarmUpDay(day, len(limits.warm_up.days), used, most, next_midnight(now))


def _minutes(now: datetime) -> list[datetime]:
    """The whole minutes of the last hour, the earliest first."""
    return [_whole(now) - minutes * MINUTE for minutes in range(60, 0, -1)]


def _whole(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)

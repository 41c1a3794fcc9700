"""What workers tell each other of servers and providers, about once a second and in one transaction.

Whoever saw something happen writes it; everybody else takes it over at their next look. Nothing here is
exact to the letter, and nothing needs to be: rates are (throttle_books.py), and the rest learns by itself.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from newsletters.accounts.audit import clean
from newsletters.delivery.servers import Breaker, Crowd, Pace
from newsletters.delivery.shaping_models import FlowMinute, MailServer, ProviderRest, ServerShare
from newsletters.kernel.db import insert_into

ALIVE_FOR: Final = timedelta(seconds=8)  # a worker that tells nothing for so long has no share any more
RESTS_KEPT: Final = timedelta(days=1)
COUNTS_KEPT: Final = timedelta(days=2)
LONGEST_WHY: Final = 500
JOINING: Final = 0x6A6F696E  # "join"


@dataclass(frozen=True, slots=True)
class ServerState:
    """What is known of one server."""

    breaker: Breaker = field(default_factory=Breaker)
    pace: Pace = field(default_factory=Pace)
    crowd: Crowd = field(default_factory=Crowd)
    first_used_at: datetime | None = None
    error: str = ""
    error_at: datetime | None = None

    @property
    def first_used_on(self) -> date | None:
        return None if self.first_used_at is None else self.first_used_at.date()

    def with_breaker(self, breaker: Breaker) -> "ServerState":
        return replace(self, breaker=breaker)

    def with_error(self, error: str, at: datetime) -> "ServerState":
        return replace(self, error=error, error_at=at)

    def with_pace(self, pace: Pace) -> "ServerState":
        return replace(self, pace=pace)

    def with_crowd(self, crowd: Crowd) -> "ServerState":
        return replace(self, crowd=crowd)


@dataclass(frozen=True, slots=True)
class Share:
    """A worker at a server, as it told last: how many letters it had on their way there, and when."""

    worker: str
    under_way: int
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """Letters that ended, by how they ended."""

    accepted: int = 0
    put_off: int = 0
    refused: int = 0
    lost: int = 0


def server_states(session: Session) -> dict[str, ServerState]:
    """Every server that was ever used or in trouble."""
    return {row.name: _state(row) for row in session.scalars(select(MailServer))}


def write_state(session: Session, name: str, state: ServerState) -> None:
    """Tell the others how a server is; the day of its first use is never put off."""
    breaker = state.breaker
    values: dict[str, Any] = {
        "rests_since": breaker.since if breaker.until else None,
        "rests_until": breaker.until,
        "rest_seconds": breaker.rest.total_seconds(),
        "slowed_to": state.pace.slowed_to,
        "slowed_at": state.pace.slowed_at,
        "crowd_most": state.crowd.most,
        "crowd_at": state.crowd.at,
        "error": said(state.error),
        "error_at": state.error_at,
    }
    insert = insert_into(session, MailServer).values(name=name, first_used_at=state.first_used_at, **values)
    session.execute(insert.on_conflict_do_update(index_elements=["name"], set_=values))
    if state.first_used_at is not None:
        session.execute(
            update(MailServer)
            .where(MailServer.name == name, MailServer.first_used_at.is_(None))
            .values(first_used_at=state.first_used_at)
        )


def note_use(session: Session, names: Collection[str], *, now: datetime) -> None:
    """Note the day of a server's first use, from which its warm-up counts; later ones change nothing."""
    known = select(MailServer.name).where(MailServer.name.in_(names), MailServer.first_used_at.is_not(None))
    for name in sorted(set(names) - set(session.scalars(known))):
        insert = insert_into(session, MailServer).values(name=name, first_used_at=now)
        unused = MailServer.first_used_at.is_(None)
        session.execute(
            insert.on_conflict_do_update(index_elements=["name"], set_={"first_used_at": now}, where=unused)
        )


def rests(session: Session) -> dict[tuple[str, str], Breaker]:
    """Who rests where, or is to be tried after a rest: by server and provider."""
    return {(row.server, row.provider): _rest(row) for row in session.scalars(select(ProviderRest))}


def write_rest(session: Session, server: str, provider: str, breaker: Breaker) -> None:
    """Tell the others that a provider rests, or takes mail again."""
    if breaker.until is None or breaker.since is None:
        session.execute(
            delete(ProviderRest).where(ProviderRest.server == server, ProviderRest.provider == provider)
        )
        return
    values = {
        "since": breaker.since,
        "until": breaker.until,
        "rest_seconds": breaker.rest.total_seconds(),
        "why": said(breaker.why),
    }
    insert = insert_into(session, ProviderRest).values(server=server, provider=provider, **values)
    session.execute(insert.on_conflict_do_update(index_elements=["server", "provider"], set_=values))


def join(session: Session) -> None:
    """Until the commit nobody else joins: of two that do at one moment, the second hears of the first."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite's writers stand in line as it is
        session.execute(select(func.pg_advisory_xact_lock(JOINING)))


def announce(
    session: Session, worker: str, under_way: Mapping[str, int], *, now: datetime
) -> dict[str, list[Share]]:
    """Say that this worker works, and learn who else does: the workers at each server, in one order."""
    rows = [
        {"server": server, "worker": worker, "under_way": letters, "seen_at": now}
        for server, letters in sorted(under_way.items())
    ]
    insert = insert_into(session, ServerShare).values(rows)
    changed = {"under_way": insert.excluded.under_way, "seen_at": insert.excluded.seen_at}
    session.execute(insert.on_conflict_do_update(index_elements=["server", "worker"], set_=changed))
    session.execute(delete(ServerShare).where(ServerShare.seen_at <= now - ALIVE_FOR))
    alive: dict[str, list[Share]] = {server: [] for server in under_way}
    told = select(ServerShare.server, ServerShare.worker, ServerShare.under_way, ServerShare.seen_at)
    for server, name, letters, seen_at in session.execute(told):
        alive.setdefault(server, []).append(Share(name, letters, seen_at))
    return {server: sorted(shares, key=lambda share: share.worker) for server, shares in alive.items()}


def leave(session: Session, worker: str) -> None:
    """This worker ends: its share is free for the others at once."""
    session.execute(delete(ServerShare).where(ServerShare.worker == worker))


def add_counts(session: Session, counts: Mapping[tuple[str, str], Count], *, now: datetime) -> None:
    """Add what ended since the last time to this minute's row."""
    minute = now.replace(second=0, microsecond=0)
    for (server, provider), count in sorted(counts.items()):
        values = {
            "accepted": count.accepted,
            "put_off": count.put_off,
            "refused": count.refused,
            "lost": count.lost,
        }
        insert = insert_into(session, FlowMinute).values(
            server=server, provider=provider, minute=minute, **values
        )
        added = {name: getattr(FlowMinute, name) + value for name, value in values.items()}
        session.execute(
            insert.on_conflict_do_update(index_elements=["server", "provider", "minute"], set_=added)
        )


def forget_counts(session: Session, *, now: datetime) -> None:
    """Delete the counts nobody looks at any more."""
    session.execute(delete(FlowMinute).where(FlowMinute.minute < now - COUNTS_KEPT))


def try_server_now(session: Session, name: str, *, now: datetime) -> None:
    """End a server's rest: the next letter tries it."""
    session.execute(
        update(MailServer)
        .where(MailServer.name == name, MailServer.rests_until > now)
        .values(rests_until=now)
        .execution_options(synchronize_session=False)
    )


def try_provider_now(session: Session, provider: str, *, now: datetime) -> bool:
    """End a provider's rest at every server: the next letter tries it. Say whether it rested."""
    ended = session.execute(
        update(ProviderRest)
        .where(ProviderRest.provider == provider, ProviderRest.until > now)
        .values(until=now)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", ended).rowcount > 0


def forget_rests(session: Session, *, now: datetime) -> None:
    """Forget rests that ended long ago and that no letter has tried since."""
    session.execute(delete(ProviderRest).where(ProviderRest.until < now - RESTS_KEPT))


def said(words: str) -> str:
    """A server's words without addresses: they outlive the reader they may name."""
    return clean(words)[:LONGEST_WHY]


def _state(row: MailServer) -> ServerState:
    rest = timedelta(seconds=row.rest_seconds)
    return ServerState(
        breaker=Breaker(0, rest, row.rests_since, row.rests_until, row.error),
        pace=Pace(row.slowed_to, row.slowed_at),
        crowd=Crowd(row.crowd_most, row.crowd_at),
        first_used_at=row.first_used_at,
        error=row.error,
        error_at=row.error_at,
    )


def _rest(row: ProviderRest) -> Breaker:
    return Breaker(0, timedelta(seconds=row.rest_seconds), row.since, row.until, row.why)

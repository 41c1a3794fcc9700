"""The buckets in the database, where all workers take from the same ones.

The truth is where the letters are: while the database is away nothing is begun, and when the task engine is
lost no rate changes. Rows are locked in one order, so workers that want several buckets never wait in a ring.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from newsletters.delivery.shaping_models import Bucket
from newsletters.delivery.throttle import Queue, Rate, Reservation, join_queue, nanoseconds, paid, reserve
from newsletters.kernel.db import insert_into

LINE: Final = "line "
KEPT: Final = timedelta(days=3)  # longer than any bucket matters: the longest period is a day


@dataclass(frozen=True, slots=True)
class Ask:
    """How many slots of a rate somebody could use within a moment."""

    key: str
    rate: Rate
    wanted: int


@dataclass(frozen=True, slots=True)
class DayAsk:
    """How many messages of a day's allowance somebody could use."""

    key: str
    most: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Toll:
    """What one message takes at a gate: a slot of its rate, one of its day's allowance, or both."""

    key: str
    rate: Rate | None
    day_most: int | None


@dataclass(frozen=True, slots=True)
class LineAsk:
    """Letters of one issue that go to the end of the line behind a rate."""

    gate: str
    issue_id: int
    rate: Rate
    letters: int

    @property
    def key(self) -> str:
        return f"{LINE}{self.gate} {self.issue_id}"


def server_key(server: str) -> str:
    """The bucket of a mail server of ours."""
    return f"server {server}"


def provider_key(server: str, provider: str) -> str:
    """The bucket of a provider at a server of ours."""
    return f"provider {server} {provider}"


def take_slots(
    session: Session, asks: Collection[Ask], *, now: datetime, ahead: timedelta
) -> dict[str, Reservation]:
    """Take slots whose time comes within ``ahead``; what nobody wanted stays for the others."""
    moment = nanoseconds(now)
    ahead_by = round(ahead.total_seconds() * 1e9)
    rows = _locked(session, [ask.key for ask in asks], now)
    taken = {
        ask.key: reserve(rows[ask.key].full_at, ask.rate, wanted=ask.wanted, now=moment, ahead=ahead_by)
        for ask in asks
    }
    _write(session, [_full(key, got.full_at, now) for key, got in taken.items()])
    return taken


def take_allowance(session: Session, asks: Collection[DayAsk], *, now: datetime) -> dict[str, int]:
    """Take from the allowance of the day (UTC) that ``now`` lies in; a negative wish gives back."""
    rows = _locked(session, [ask.key for ask in asks], now)
    today = now.date()
    taken, values = {}, []
    for ask in asks:
        used = _used(rows[ask.key], now)
        taken[ask.key] = max(min(ask.wanted, ask.most - used), -used if ask.wanted < 0 else 0)
        values.append(
            {"of_key": ask.key, "to_used_on": today, "to_used": used + taken[ask.key], "to_now": now}
        )
    if values:
        session.connection().execute(_USE, values)
    return taken


def take_together(
    session: Session, tolls: Collection[Toll], *, now: datetime, ahead: timedelta
) -> int | Rate | None:
    """Take one message's toll at all gates, or nothing at any: the moment in nanoseconds at which it may go.

    Otherwise the rate that has no slot ``ahead``, or None where a day's allowance is used up.
    """
    at = nanoseconds(now)
    ahead_by = round(ahead.total_seconds() * 1e9)
    rows = _locked(session, [toll.key for toll in tolls], now) if tolls else {}
    if any(toll.day_most is not None and _used(rows[toll.key], now) >= toll.day_most for toll in tolls):
        return None
    filled = []
    for toll in tolls:
        if toll.rate is None:
            continue
        got = reserve(rows[toll.key].full_at, toll.rate, wanted=1, now=nanoseconds(now), ahead=ahead_by)
        if not got.slots.count:
            return toll.rate
        at = max(at, got.slots.at(0))
        filled.append(_full(toll.key, got.full_at, now))
    _write(session, filled)
    _use(session, [(toll, _used(rows[toll.key], now) + 1) for toll in tolls], now)
    return at


def pay(session: Session, tolls: Collection[Toll], *, now: datetime) -> None:
    """Count one message that left without asking."""
    rows = _locked(session, [toll.key for toll in tolls], now) if tolls else {}
    moment = nanoseconds(now)
    _write(
        session,
        [
            _full(toll.key, paid(rows[toll.key].full_at, toll.rate, now=moment), now)
            for toll in tolls
            if toll.rate is not None
        ],
    )
    _use(session, [(toll, _used(rows[toll.key], now) + 1) for toll in tolls], now)


def join_lines(
    session: Session, asks: Collection[LineAsk], *, now: datetime, soonest: timedelta
) -> dict[str, Queue]:
    """Put letters at the ends of their issues' lines.

    Issues share a rate evenly: each line moves at the rate's speed divided by the number of lines.
    """
    moment = nanoseconds(now)
    rows = _locked(session, [ask.key for ask in asks], now)
    ends = lines(session, now=now)
    joined: dict[str, Queue] = {}
    for ask in asks:
        others = sum(key.startswith(f"{LINE}{ask.gate} ") and key != ask.key for key in ends)
        joined[ask.key] = join_queue(
            rows[ask.key].full_at,
            ask.rate.interval * (1 + others),
            letters=ask.letters,
            now=moment,
            soonest=round(soonest.total_seconds() * 1e9),
        )
    _write(session, [_full(key, queue.end, now) for key, queue in joined.items()])
    return joined


def lines(session: Session, *, now: datetime) -> Mapping[str, int]:
    """The ends of the lines in which somebody still waits."""
    waiting = select(Bucket.key, Bucket.full_at).where(
        Bucket.key.startswith(LINE), Bucket.full_at > nanoseconds(now)
    )
    return dict(session.execute(waiting).all())


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete the buckets that nobody has touched for days and whose time is past."""
    session.execute(delete(Bucket).where(Bucket.touched_at < now - KEPT, Bucket.full_at < nanoseconds(now)))


def _locked(session: Session, keys: Sequence[str], now: datetime) -> dict[str, Any]:
    """The rows, made where they are missing, held until the commit."""
    wanted = (
        select(Bucket.key, Bucket.full_at, Bucket.used, Bucket.used_on)
        .where(Bucket.key.in_(sorted(keys)))
        .order_by(Bucket.key)
        .with_for_update()
    )
    rows = {row.key: row for row in session.execute(wanted)}
    if missing := [key for key in sorted(keys) if key not in rows]:
        new = [{"key": key, "full_at": 0, "used": 0, "touched_at": now} for key in missing]
        session.execute(insert_into(session, Bucket).values(new).on_conflict_do_nothing())
        rows = {row.key: row for row in session.execute(wanted)}
    return rows


def _used(row: Any, now: datetime) -> int:
    """How much of today's allowance is used."""
    return row.used if row.used_on == now.date() else 0


def _use(session: Session, used: Collection[tuple[Toll, int]], now: datetime) -> None:
    values = [
        {"of_key": toll.key, "to_used_on": now.date(), "to_used": count, "to_now": now}
        for toll, count in used
        if toll.day_most is not None
    ]
    if values:
        session.connection().execute(_USE, values)


def _full(key: str, full_at: int, now: datetime) -> dict[str, Any]:
    return {"of_key": key, "to_full_at": full_at, "to_now": now}


def _write(session: Session, values: list[dict[str, Any]]) -> None:
    if values:
        session.connection().execute(_FILL, values)


_FILL: Final = (
    update(Bucket.__table__)  # type: ignore[arg-type]
    .where(Bucket.key == bindparam("of_key"))
    .values(full_at=bindparam("to_full_at"), touched_at=bindparam("to_now"))
)
_USE: Final = (
    update(Bucket.__table__)  # type: ignore[arg-type]
    .where(Bucket.key == bindparam("of_key"))
    .values(used_on=bindparam("to_used_on"), used=bindparam("to_used"), touched_at=bindparam("to_now"))
)

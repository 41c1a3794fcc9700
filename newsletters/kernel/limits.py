"""Rate limits in the database, so that every process shares them and a restart forgives nobody.

A limit counts hits of a key in fixed windows, which is cheap and lets twice as many through where two
windows meet; an exact limit looks back from each moment, for promises such as "one mail in 24 hours".
The hit is written in the caller's transaction by one upsert, which also settles races. Keys are digests:
no address and no client is kept in the clear.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Final

from sqlalchemy import Index, String, TextClause, bindparam, delete, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from newsletters.kernel.columns import Base, UtcDateTime


class RateWindow(Base):
    """Hits of one key in one window."""

    __tablename__ = "rate_windows"
    __table_args__ = (Index(None, "ends_at"),)

    key: Mapped[str] = mapped_column(String(120), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime)
    hits: Mapped[int]


_GATE = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE: Final = select(func.coalesce(func.sum(RateWindow.hits), 0)).where(
    RateWindow.key == bindparam("key"), RateWindow.starts_at > bindparam("since")
)


@dataclass(frozen=True, slots=True)
class _Hit:
    """One hit to be written."""

    key: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``most`` hits in each window of length ``per``."""

    name: str
    most: int
    per: timedelta

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        seconds = self.per.total_seconds()
        start = datetime.fromtimestamp(now.timestamp() // seconds * seconds, now.tzinfo)
        return start, start + self.per


@dataclass(frozen=True, slots=True)
class ExactLimit:
    """At most ``most`` admitted hits in any stretch of time ``per``, for each of the ``allowances``."""

    name: str
    allowances: tuple[tuple[int, timedelta], ...]

    @property
    def memory(self) -> timedelta:
        """How long a hit counts."""
        return max(per for _, per in self.allowances)


def hit(session: Session, limit: Limit, key: str, *, now: datetime) -> bool:
    """Count one hit of ``key`` and say whether it is still within the limit."""
    return count(session, [(limit, key)], now=now)[0] <= limit.most


def count(session: Session, counted: Sequence[tuple[Limit, str]], *, now: datetime) -> list[int]:
    """Count one hit of each key in one statement, and return how many each window has now."""
    names = [f"{limit.name}:{key}" for limit, key in counted]
    rows = [_Hit(name, *limit.window(now)) for name, (limit, _) in zip(names, counted, strict=True)]
    hits = _count(session, rows)
    return [hits[name] for name in names]


def admit(session: Session, limit: ExactLimit, key: str, *, now: datetime) -> bool:
    """Count one hit of ``key`` if every allowance has room for it, and say so. A refusal costs nothing."""
    name = f"{limit.name}:{key}"
    _count(session, [_Hit(f"{name}:gate", _GATE, now + limit.memory)])  # two at once wait for each other
    for most, per in limit.allowances:
        if session.connection().execute(_SINCE, {"key": name, "since": now - per}).scalar_one() >= most:
            return False
    _count(session, [_Hit(name, now, now + limit.memory)])
    return True


def forgive(session: Session, limit: ExactLimit, key: str) -> None:
    """Forget the admitted hits of ``key``."""
    session.execute(delete(RateWindow).where(RateWindow.key == f"{limit.name}:{key}"))


def forget(session: Session, limits: Iterable[Limit | ExactLimit], key: str) -> None:
    """Forget that ``key`` was ever counted."""
    names = [f"{limit.name}:{key}" for limit in limits]
    gates = [f"{name}:gate" for name in names]
    session.execute(delete(RateWindow).where(RateWindow.key.in_(names + gates)))


def forget_past_windows(session: Session, *, now: datetime) -> None:
    """Delete windows that have ended."""
    session.execute(delete(RateWindow).where(RateWindow.ends_at < now))


def _count(session: Session, hits: Sequence[_Hit]) -> dict[str, int]:
    """Write one hit each and return how many each window has now. Rows are locked in one order everywhere."""
    values: dict[str, object] = {}
    for place, one in enumerate(sorted(hits, key=attrgetter("key"))):
        values |= {f"key{place}": one.key, f"starts{place}": one.starts_at, f"ends{place}": one.ends_at}
    written = session.connection().execute(_upsert(len(hits)), values)
    return {key: int(counted) for key, counted in written}


@cache
def _upsert(rows: int) -> TextClause:
    """Both databases read this as it stands, so a hit needs no knowledge of which one it is."""
    places = ", ".join(f"(:key{place}, :starts{place}, :ends{place}, 1)" for place in range(rows))
    times = [
        bindparam(f"{name}{place}", type_=UtcDateTime) for name in ("starts", "ends") for place in range(rows)
    ]
    return text(
        f"INSERT INTO rate_windows (key, starts_at, ends_at, hits) VALUES {places} "  # noqa: S608  (no value in it)
        "ON CONFLICT (key, starts_at) DO UPDATE SET hits = rate_windows.hits + 1, ends_at = excluded.ends_at "
        "RETURNING key, hits"
    ).bindparams(*times)

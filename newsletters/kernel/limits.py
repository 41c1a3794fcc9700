"""Rate limits in the database, so that every process shares them and a restart forgives nobody.

A limit counts hits of a key in fixed windows. The hit is written in the caller's transaction by one
upsert, which also settles races. Keys are digests: no address and no client is kept in the clear.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Index, String, delete
from sqlalchemy.dialects import postgresql, sqlite
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


def hit(session: Session, limit: Limit, key: str, *, now: datetime) -> bool:
    """Count one hit of ``key`` and say whether it is still within the limit."""
    start, end = limit.window(now)
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = (
        insert(RateWindow)
        .values(key=f"{limit.name}:{key}", starts_at=start, ends_at=end, hits=1)
        .on_conflict_do_update(index_elements=["key", "starts_at"], set_={"hits": RateWindow.hits + 1})
        .returning(RateWindow.hits)
    )
    return session.execute(statement).scalar_one() <= limit.most


def spent(session: Session, limit: Limit, key: str, *, now: datetime) -> bool:
    """Say whether ``key`` has used up its window, without counting a hit."""
    start, _ = limit.window(now)
    row = session.get(RateWindow, (f"{limit.name}:{key}", start))
    return row is not None and row.hits >= limit.most


def forget_past_windows(session: Session, *, now: datetime) -> None:
    """Delete windows that have ended."""
    session.execute(delete(RateWindow).where(RateWindow.ends_at < now))

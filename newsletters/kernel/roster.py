"""Who works here: every process of the newsroom says again and again that it is there.

For people to look at. Nothing is decided by it: leases decide who may do what.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from newsletters.kernel.columns import Base, UtcDateTime, choice
from newsletters.kernel.db import insert_into

ANNOUNCED_EVERY: Final = timedelta(seconds=10)
SILENT_AFTER: Final = timedelta(seconds=30)  # a machine that is busy may miss one announcement
FORGOTTEN_AFTER: Final = timedelta(minutes=10)


class Kind(StrEnum):
    """What a process does here."""

    WORKER = "worker"
    WEB = "web"
    INBOUND = "inbound"


class Worker(Base):
    """A process that is or was there. ``name`` is unlike any other process's, now or later."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    version: Mapped[str] = mapped_column(String(60))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[Kind] = mapped_column(choice(Kind, "kind"), default=Kind.WORKER)
    lacks_room: Mapped[bool] = mapped_column(default=False)  # it could not write for want of disk space

    def is_silent(self, now: datetime) -> bool:
        """Whether it has not been heard of for longer than a busy machine explains."""
        return now - self.seen_at > SILENT_AFTER


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a process says of itself."""

    name: str
    host: str
    version: str
    lacks_room: bool = False
    kind: Kind = Kind.WORKER


def announce(session: Session, said: Announcement, *, now: datetime) -> None:
    """Write down that a process is there, and forget those that have long been silent."""
    statement = insert_into(session, Worker).values(
        name=said.name,
        host=said.host[:255],
        version=said.version[:60],
        started_at=now,
        seen_at=now,
        lacks_room=said.lacks_room,
        kind=said.kind,
    )
    news = {"seen_at": now, "lacks_room": said.lacks_room}
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=news))
    session.execute(delete(Worker).where(Worker.seen_at < now - FORGOTTEN_AFTER))


def leave(session: Session, name: str) -> None:
    """Forget a process that ends."""
    session.execute(delete(Worker).where(Worker.name == name))


def present(session: Session, *, kind: Kind | None = None, now: datetime) -> Sequence[Worker]:
    """The processes heard of lately, of one kind or all, by machine; the silent ones among them as well."""
    heard = select(Worker).where(Worker.seen_at >= now - FORGOTTEN_AFTER)
    if kind is not None:
        heard = heard.where(Worker.kind == kind)
    return session.scalars(heard.order_by(Worker.host, Worker.started_at, Worker.name)).all()


def lacks_room(session: Session, *, now: datetime) -> bool:
    """Whether a process that is there cannot write for want of disk space."""
    return any(worker.lacks_room and not worker.is_silent(now) for worker in present(session, now=now))

"""Whose turn it is: work that any process may do, and one at a time does, once in an interval.

Each kind of work has a row. Whoever takes the turn moves the row's due time on and holds the row until the
end of a lease, so nobody else begins meanwhile; a holder that dies or freezes is waited for no longer than
that. Every turn has a number of its own, the fence: only who still has it may say how the turn ended.
``now`` is the database's time, as each process knows it and when it asked for it: those differ a little. A
time further ahead than that explains is a clock's leap, and counts as past.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import String, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from newsletters.kernel.columns import Base, UtcDateTime
from newsletters.kernel.db import insert_into

LEASE: Final = timedelta(minutes=10)
CLOCKS_DIFFER: Final = timedelta(minutes=1)  # at most; also what somebody waited for the row's lock


class Turn(Base):
    """One kind of work. ``fence`` counts how often it was begun."""

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str] = mapped_column(String(80), default="")
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    began_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def due(session: Session, intervals: Mapping[str, timedelta], *, now: datetime) -> list[str]:
    """Of the kinds of work with their intervals, those that nobody does and whose time has come."""
    known = {turn.name: turn for turn in session.scalars(select(Turn).where(Turn.name.in_(intervals)))}
    return [
        name
        for name, every in intervals.items()
        if name not in known or _is_free(known[name], every=every, now=now)
    ]


def take(session: Session, name: str, *, every: timedelta, worker: str, now: datetime) -> int | None:
    """Take the turn if it is due and return its fence; None where somebody else was faster."""
    _make_known(session, name, now=now)
    latest = now + CLOCKS_DIFFER
    return session.scalar(
        update(Turn)
        .where(
            Turn.name == name,
            or_(Turn.due_at <= now, Turn.due_at > latest + every),
            or_(Turn.leased_until.is_(None), Turn.leased_until <= now, Turn.leased_until > latest + LEASE),
        )
        .values(
            due_at=now + every,
            fence=Turn.fence + 1,
            worker=worker,
            leased_until=now + LEASE,
            began_at=now,
            ended_at=None,
        )
        .returning(Turn.fence)
        .execution_options(synchronize_session=False)
    )


def end(session: Session, name: str, fence: int, *, now: datetime) -> None:
    """End the turn; does nothing where another one has begun since."""
    session.execute(
        update(Turn)
        .where(Turn.name == name, Turn.fence == fence)
        .values(leased_until=None, ended_at=now)
        .execution_options(synchronize_session=False)
    )


def _is_free(turn: Turn, *, every: timedelta, now: datetime) -> bool:
    latest = now + CLOCKS_DIFFER
    is_due = turn.due_at <= now or turn.due_at > latest + every
    held_until = turn.leased_until
    return is_due and (held_until is None or held_until <= now or held_until > latest + LEASE)


def _make_known(session: Session, name: str, *, now: datetime) -> None:
    statement = insert_into(session, Turn).values(name=name, due_at=now, fence=0, worker="")
    session.execute(statement.on_conflict_do_nothing())

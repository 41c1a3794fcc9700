"""The suppression list as the desk reads it. It knows no addresses: only a reader who is still with us has
one, and anybody else is found by typing the address, whose keyed hash is then looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Row, Select, extract, func, select
from sqlalchemy.orm import Session

from newsletters.kernel.paging import PAGE_SIZE, Page, cut, decode_cursor
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression import EVERYTHING
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason

MOST_ACTORS: Final = 50


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One entry, and whose it is where that is still known."""

    entry: Suppression
    subscriber_id: int | None
    email: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which entries are wanted; what is not said does not matter."""

    reason: SuppressionReason | None = None
    scope: str = ""
    actor: str = ""
    is_lifted: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        lifted = Suppression.lifted_at
        found: list[ColumnElement[bool]] = [lifted.is_not(None) if self.is_lifted else lifted.is_(None)]
        if self.reason is not None:
            found.append(Suppression.reason == self.reason)
        if self.scope:
            found.append(Suppression.scope == self.scope)
        if self.actor:
            found.append(Suppression.actor == self.actor)
        return found


IN_FORCE: Final = Chosen()


def suppression_page(
    session: Session, *, chosen: Chosen = IN_FORCE, after: str | None = None, size: int = PAGE_SIZE
) -> Page[Suppressed]:
    """The chosen entries, newest first."""
    wanted = _entries().where(*chosen.conditions()).limit(size + 1)
    key = decode_cursor(after)
    if key is not None and isinstance(key[0], int):
        wanted = wanted.where(Suppression.id < key[0])
    rows = [_suppressed(row) for row in session.execute(wanted)]
    return cut(rows, size, lambda row: (row.entry.id,))


def suppressions_of(session: Session, address_hash: str) -> Sequence[Suppressed]:
    """Every entry about one address, lifted ones too."""
    chosen = _entries().where(Suppression.address_hash == address_hash)
    return [_suppressed(row) for row in session.execute(chosen)]


def suppression(session: Session, entry_id: int) -> Suppressed | None:
    """One entry."""
    row = session.execute(_entries().where(Suppression.id == entry_id)).first()
    return _suppressed(row) if row is not None else None


def is_in_force(session: Session, address_hash: str, *, scope: str = EVERYTHING) -> bool:
    """Whether an address is on the list for exactly this scope."""
    return (
        session.scalar(
            select(Suppression.id).where(
                Suppression.address_hash == address_hash,
                Suppression.scope == scope,
                Suppression.lifted_at.is_(None),
            )
        )
        is not None
    )


def entry_id_of(session: Session, address_hash: str, *, scope: str = EVERYTHING) -> int | None:
    """The number of the entry about one address in one scope."""
    return session.scalar(
        select(Suppression.id).where(Suppression.address_hash == address_hash, Suppression.scope == scope)
    )


def counts_by_reason(session: Session) -> dict[SuppressionReason, int]:
    """How many entries are in force, for each reason."""
    rows = session.execute(
        select(Suppression.reason, func.count())
        .where(Suppression.lifted_at.is_(None))
        .group_by(Suppression.reason)
    )
    return dict(rows.all())


def oldest_at(session: Session) -> datetime | None:
    """Since when the oldest entry in force stands."""
    return session.scalar(select(func.min(Suppression.created_at)).where(Suppression.lifted_at.is_(None)))


def counts_by_month(session: Session, *, since: datetime) -> dict[tuple[int, int, SuppressionReason], int]:
    """How many entries in force came in each (year, month) in UTC, by reason."""
    year, month = extract("year", Suppression.created_at), extract("month", Suppression.created_at)
    rows = session.execute(
        select(year, month, Suppression.reason, func.count())
        .where(Suppression.lifted_at.is_(None), Suppression.created_at >= since)
        .group_by(year, month, Suppression.reason)
    )
    return {(int(row[0]), int(row[1]), row[2]): row[3] for row in rows}


def actors(session: Session) -> Sequence[str]:
    """Who put entries on the list."""
    return session.scalars(
        select(Suppression.actor).distinct().order_by(Suppression.actor).limit(MOST_ACTORS)
    ).all()


def _entries() -> Select[Suppression, int, str]:
    return (
        select(Suppression, Subscriber.id, Subscriber.email)
        .outerjoin(Subscriber, Subscriber.address_hash == Suppression.address_hash)
        .order_by(Suppression.id.desc())
    )


def _suppressed(row: Row[Suppression, int, str]) -> Suppressed:
    entry, subscriber_id, email = row
    return Suppressed(entry, subscriber_id, email)

"""The suppression list as the desk reads it. It knows no addresses: only a reader who is still with us has
one, and anybody else is found by typing the address, whose keyed hash is then looked up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from newsletters.kernel.paging import PAGE_SIZE, Page, cut, decode_cursor
from newsletters.subscribers.models import Subscriber, Suppression


@dataclass(frozen=True, slots=True)
class Suppressed:
    """One entry, and whose it is where that is still known."""

    entry: Suppression
    subscriber_id: int | None
    email: str | None


def suppression_page(
    session: Session, *, after: str | None = None, size: int = PAGE_SIZE
) -> Page[Suppressed]:
    """The entries in force, newest first."""
    chosen = _entries().where(Suppression.lifted_at.is_(None)).limit(size + 1)
    key = decode_cursor(after)
    if key is not None and isinstance(key[0], int):
        chosen = chosen.where(Suppression.id < key[0])
    rows = [_suppressed(row) for row in session.execute(chosen)]
    return cut(rows, size, lambda row: (row.entry.id,))


def suppressions_of(session: Session, address_hash: str) -> Sequence[Suppressed]:
    """Every entry about one address, lifted ones too."""
    chosen = _entries().where(Suppression.address_hash == address_hash)
    return [_suppressed(row) for row in session.execute(chosen)]


def _entries() -> Select[Suppression, int, str]:
    return (
        select(Suppression, Subscriber.id, Subscriber.email)
        .outerjoin(Subscriber, Subscriber.address_hash == Suppression.address_hash)
        .order_by(Suppression.id.desc())
    )


def _suppressed(row: Row[Suppression, int, str]) -> Suppressed:
    entry, subscriber_id, email = row
    return Suppressed(entry, subscriber_id, email)

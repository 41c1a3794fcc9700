"""The list of readers, fast with a million of them: no page counts, sorts or skips rows.

Without a search the newest come first, by number; with one, the addresses that begin with it in order,
then the names that do. Each way walks an index from where the page before ended.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, exists, not_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.kernel.paging import PAGE_SIZE, Key, Page, cut, decode_cursor
from newsletters.kernel.row_numbers import LARGEST
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState

LAST_CHARACTER: Final = "\U0010ffff"
BY_ADDRESS, BY_NAME = "address", "name"


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """One line of the list; ``standings`` are (newsletter, state) pairs in the order they began."""

    id: int
    email: str
    name: str
    created_at: datetime
    standings: tuple[tuple[int, SubscriptionState], ...]


@dataclass(frozen=True, slots=True)
class _Filter:
    newsletter_id: int | None
    state: SubscriptionState | None

    @property
    def is_empty(self) -> bool:
        return self.newsletter_id is None and self.state is None

    def on_subscription(self) -> list[ColumnElement[bool]]:
        conditions = []
        if self.newsletter_id is not None:
            conditions.append(Subscription.newsletter_id == self.newsletter_id)
        if self.state is not None:
            conditions.append(Subscription.state == self.state)
        return conditions

    def on_subscriber(self) -> list[ColumnElement[bool]]:
        if self.is_empty:
            return []
        return [exists().where(Subscription.subscriber_id == Subscriber.id, *self.on_subscription())]


def readers(
    session: Session,
    *,
    search: str = "",
    newsletter_id: int | None = None,
    state: SubscriptionState | None = None,
    cursor: str | None = None,
    size: int = PAGE_SIZE,
) -> Page[ReaderRow]:
    """One page of readers. ``search`` is the beginning of an address or of a name."""
    wanted, after = _Filter(newsletter_id, state), decode_cursor(cursor)
    typed = search.strip()
    if not typed:
        newest = cut(_newest(session, wanted, after=after, size=size), size, lambda reader: (reader.id,))
        return Page(_with_standings(session, newest.rows), newest.after)
    found = cut(_found(session, typed, wanted, after=after, size=size), size, lambda hit: hit[1])
    return Page(_with_standings(session, [reader for reader, _ in found.rows]), found.after)


def _newest(session: Session, wanted: _Filter, *, after: Key | None, size: int) -> Sequence[Subscriber]:
    number = after[0] if after else None
    if not isinstance(number, int) or not 0 < number <= LARGEST:
        number = None
    if wanted.is_empty:
        query = select(Subscriber)
        if number is not None:
            query = query.where(Subscriber.id < number)
        return session.scalars(query.order_by(Subscriber.id.desc()).limit(size + 1)).all()
    ids = select(Subscription.subscriber_id).where(*wanted.on_subscription())
    if number is not None:
        ids = ids.where(Subscription.subscriber_id < number)
    if wanted.newsletter_id is None:  # several newsletters of one reader may be in the same state
        ids = ids.distinct()
    ids = ids.order_by(Subscription.subscriber_id.desc()).limit(size + 1)
    chosen = session.scalars(ids).all()
    return session.scalars(
        select(Subscriber).where(Subscriber.id.in_(chosen)).order_by(Subscriber.id.desc())
    ).all()


_Hit = tuple[Subscriber, Key]


def _found(session: Session, typed: str, wanted: _Filter, *, after: Key | None, size: int) -> list[_Hit]:
    """Up to ``size + 1`` readers: those whose address begins so, then those whose name does."""
    address = _address_beginning(typed)
    addressed = _beginning(Subscriber.email_key, address, wanted).order_by(Subscriber.email_key)
    named = _beginning(Subscriber.name_key, typed.casefold(), wanted)
    named = named.where(not_(_begins_with(Subscriber.email_key, address)))
    named = named.order_by(Subscriber.name_key, Subscriber.id)
    match after:
        case (source, str(name), int(number)) if source == BY_NAME and 0 < number <= LARGEST:
            named = named.where(tuple_(Subscriber.name_key, Subscriber.id) > tuple_(name, number))
            return _by_name(session, named.limit(size + 1))
        case (source, str(key)) if source == BY_ADDRESS:
            addressed = addressed.where(Subscriber.email_key > key)
    hits = _by_address(session, addressed.limit(size + 1))
    if len(hits) > size:
        return hits
    return [*hits, *_by_name(session, named.limit(size + 1 - len(hits)))]


def _by_address(session: Session, query: Select[Subscriber]) -> list[_Hit]:
    return [(reader, (BY_ADDRESS, reader.email_key)) for reader in session.scalars(query)]


def _by_name(session: Session, query: Select[Subscriber]) -> list[_Hit]:
    return [(reader, (BY_NAME, reader.name_key, reader.id)) for reader in session.scalars(query)]


def _address_beginning(typed: str) -> str:
    try:
        return parse_address(typed).key
    except InvalidAddress:
        return unicodedata.normalize("NFC", typed).casefold()


def _beginning(column: InstrumentedAttribute[str], beginning: str, wanted: _Filter) -> Select[Subscriber]:
    return select(Subscriber).where(_begins_with(column, beginning), *wanted.on_subscriber())


def _begins_with(column: InstrumentedAttribute[str], beginning: str) -> ColumnElement[bool]:
    """A range rather than LIKE: it uses the index on both databases, and nothing in it is a wildcard."""
    return and_(column >= beginning, column < beginning + LAST_CHARACTER)


def _with_standings(session: Session, found: Collection[Subscriber]) -> list[ReaderRow]:
    standings = _standings(session, (reader.id for reader in found))
    return [
        ReaderRow(reader.id, reader.email, reader.name, reader.created_at, tuple(standings[reader.id]))
        for reader in found
    ]


def _standings(session: Session, ids: Iterable[int]) -> dict[int, list[tuple[int, SubscriptionState]]]:
    rows = session.execute(
        select(
            Subscription.id, Subscription.subscriber_id, Subscription.newsletter_id, Subscription.state
        ).where(Subscription.subscriber_id.in_(list(ids)))
    )
    standings: dict[int, list[tuple[int, SubscriptionState]]] = defaultdict(list)
    for _, subscriber_id, newsletter_id, state in sorted(rows, key=lambda row: row[0]):
        standings[subscriber_id].append((newsletter_id, state))
    return standings

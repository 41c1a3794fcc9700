"""A newsroom with very many readers, written past the use cases: a million in some seconds.

Every reader has a number, and the number says their address and both their rows' ids. Columns that are
not named here get their models' own defaults, so a column more is no business of this module.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import Connection, Dialect, Engine, Table, text

from newsletters.kernel.columns import Base
from newsletters.kernel.db import Database
from newsletters.kernel.digests import Digester
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from tests.factories import make_newsletter

HASH_KEY: Final = "h" * 40
SLUG: Final = "explaining-ukraine"
CACHE_KILOBYTES: Final = 400_000


@dataclass(frozen=True, slots=True)
class Readers:
    """``count`` readers, spread evenly over ``domains``."""

    count: int
    domains: tuple[str, ...] = ("readers.example",)

    def address(self, number: int) -> str:
        return f"reader{number}@{self.domains[number % len(self.domains)]}"

    def addresses(self) -> Iterator[str]:
        return (self.address(number) for number in range(self.count))


def furnish(db: Database, readers: Readers, *, now: datetime) -> int:
    """Write a newsletter and its readers into an empty, migrated database; return the newsletter's id."""
    with db.transaction() as session:
        newsletter_id = make_newsletter(session, slug=SLUG).id
    digester = Digester(HASH_KEY.encode())
    people = (
        (number + 1, address, address, digester.address(address))
        for number, address in enumerate(readers.addresses())
    )
    subscriptions = ((number + 1, number + 1) for number in range(readers.count))
    with db.engine.begin() as connection:
        _write(
            connection, Subscriber, ("id", "email", "email_key", "address_hash"), people, {"created_at": now}
        )
        constant = {
            "newsletter_id": newsletter_id,
            "state": SubscriptionState.ACTIVE,
            "requested_at": now,
            "confirmed_at": now,
        }
        _write(connection, Subscription, ("id", "subscriber_id"), subscriptions, constant)
    _settle(db.engine)
    return newsletter_id


def _write(
    connection: Connection,
    model: type[Base],
    names: tuple[str, ...],
    rows: Iterable[tuple[Any, ...]],
    given: dict[str, Any],
) -> None:
    """Rows that vary in ``names`` and are alike in everything else."""
    table = cast(Table, model.__table__)
    for index in table.indexes:  # sorted once they are whole, and not grown row by row
        index.drop(connection)
    alike = _alike(table, names, given, connection.dialect)
    columns = ", ".join((*names, *alike))
    tail = tuple(alike.values())
    whole = (row + tail for row in rows)
    raw = cast(Any, connection.connection.driver_connection)
    if connection.dialect.name == "postgresql":
        with raw.cursor().copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
            for row in whole:
                copy.write_row(row)
    else:
        marks = ", ".join("?" * (len(names) + len(tail)))
        raw.execute(f"PRAGMA cache_size=-{CACHE_KILOBYTES}")
        statement = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"  # noqa: S608  (our own names)
        raw.executemany(statement, whole)
    for index in table.indexes:
        index.create(connection)


def _alike(table: Table, names: tuple[str, ...], given: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """What all rows share, as the driver takes it."""
    values = {}
    for column in table.columns:
        if column.name in names:
            continue
        if column.name in given:
            value = given[column.name]
        elif column.default is not None and column.default.is_scalar:
            value = cast(Any, column.default).arg
        else:
            continue
        process = column.type.dialect_impl(dialect).bind_processor(dialect)
        values[column.name] = process(value) if process else value
    return values


def _settle(engine: Engine) -> None:
    """Let the database number the next rows rightly, and plan well."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            for name in ("subscribers", "subscriptions"):
                connection.execute(
                    text(
                        f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), "  # noqa: S608  (our own names)
                        f"(SELECT coalesce(max(id), 1) FROM {name}))"
                    )
                )
        connection.execute(text("ANALYZE"))

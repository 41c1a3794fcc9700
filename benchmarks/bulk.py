"""Rows by the million: written past the ORM, with the defaults that the ORM would have given them."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, inspect, text
from sqlalchemy.engine import Dialect

from newsletters.kernel.columns import Base
from newsletters.kernel.db import Database

CHUNK = 10_000
Row = Sequence[Any]


def insert(db: Database, model: type[Base], columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Write ``rows`` of values for ``columns``, as the database's driver takes them."""
    table = _table(model)
    constants = _constants(table, columns, db.engine.dialect)
    names = [*columns, *constants]
    rest = tuple(constants.values())
    write = _by_executemany if db.is_sqlite else _by_copy
    with without_indexes(db, table):
        write(db, table.name, names, (tuple(row) + rest for row in rows))


def settle(db: Database, *models: type[Base]) -> None:
    """Let PostgreSQL number on behind the last row, and know what it holds. SQLite does so by itself."""
    if db.is_sqlite:
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for model in models:
            table = _table(model)
            if "id" in table.columns:
                last = f"(SELECT max(id) FROM {table.name})"
                connection.execute(
                    text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last})")
                )
            connection.execute(text(f"VACUUM ANALYZE {table.name}"))


def stored(db: Database, model: type[Base], column: str, value: Any) -> Any:
    """``value`` as the driver takes it for ``column``."""
    return _bound(_table(model), column, value, db.engine.dialect)


@contextmanager
def without_indexes(db: Database, table: Table) -> Iterator[None]:
    """Drop the table's indices while rows are written, and make them anew in one go."""
    indexes = [index for index in table.indexes if index.name]
    with db.engine.begin() as connection:
        known = _known_indexes(connection, table)
        for index in indexes:
            if index.name in known:
                index.drop(connection)
    yield
    with db.engine.begin() as connection:
        for index in indexes:
            index.create(connection, checkfirst=True)


def _known_indexes(connection: Connection, table: Table) -> set[str]:
    return {str(index["name"]) for index in inspect(connection).get_indexes(table.name)}


def _by_executemany(db: Database, table: str, names: Sequence[str], rows: Iterable[Row]) -> None:
    marks = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
    with closing(db.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=OFF")
        cursor.execute("BEGIN")
        rows = iter(rows)
        while chunk := list(islice(rows, CHUNK)):
            cursor.executemany(statement, chunk)
        cursor.execute("COMMIT")
        cursor.execute("PRAGMA synchronous=FULL")


def _by_copy(db: Database, table: str, names: Sequence[str], rows: Iterable[Row]) -> None:
    with closing(db.engine.raw_connection()) as connection:
        cursor: Any = connection.cursor()
        with cursor.copy(f"COPY {table} ({', '.join(names)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        connection.commit()


def _constants(table: Table, given: Sequence[str], dialect: Dialect) -> dict[str, Any]:
    """The columns nobody gave a value for, with their defaults."""
    found = {}
    for column in table.columns:
        default = column.default
        if column.name not in given and default is not None and default.is_scalar:
            found[column.name] = _bound(table, column.name, getattr(default, "arg", None), dialect)
    return found


def _bound(table: Table, column: str, value: Any, dialect: Dialect) -> Any:
    kind = table.columns[column].type.dialect_impl(dialect)
    bind = kind.bind_processor(dialect)
    return value if bind is None else bind(value)


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table

"""A connection of its own for statements so many that the session's way would cost more than they do.

The statements are the driver's own and its caller's business; what begins, commits, rolls back and
reconnects is here. Like the session's transactions that are not durable, on SQLite these may lose the last
moments of a power cut, never of a crash. On PostgreSQL a block holds one statement, which is a transaction
by itself: that saves two round trips.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError

from newsletters.kernel.db import Database


class BareConnection:
    """For one thread. Opens when it is first needed, and anew after whatever went wrong."""

    def __init__(self, db: Database, *, prepare: Callable[[Any], None] | None = None) -> None:
        """``prepare`` is given a cursor of every new connection."""
        self._db = db
        self._prepare = prepare
        self._connection: Any = None

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """A cursor whose statements are committed together, or not at all. Raises DBAPIError."""
        with self._db.space.watched():
            yield from self._transaction()

    def _transaction(self) -> Iterator[Any]:
        try:
            cursor = self._opened().cursor()
            if self._db.is_sqlite:
                cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            if self._db.is_sqlite:
                cursor.execute("COMMIT")
            cursor.close()
        except BaseException as error:
            self.close()  # which rolls back
            if isinstance(error, self._db.engine.dialect.loaded_dbapi.Error):
                raise DBAPIError("a bare transaction", None, error, hide_parameters=True) from error
            raise

    def close(self) -> None:
        """Give the connection up; the next transaction opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self) -> Any:
        if self._connection is None:
            pooled = self._db.engine.raw_connection()
            connection: Any = pooled.driver_connection
            pooled.detach()
            self._connection = connection
            with closing(connection.cursor()) as cursor:
                if self._db.is_sqlite:
                    cursor.execute("PRAGMA synchronous=NORMAL")
                else:
                    connection.autocommit = True
                if self._prepare is not None:
                    self._prepare(cursor)
        return self._connection

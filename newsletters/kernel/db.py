"""The database: the only place that begins, commits or rolls back.

A writing transaction on SQLite begins with ``BEGIN IMMEDIATE``, in the order of a queue: a deferred one
that upgrades half-way fails at once, whatever the busy timeout says. ``durable`` transactions are on disk
when they return (``synchronous=FULL``); the others may lose the last moments of a power cut, which is
allowed for delivery outcomes, and for who was about to send what.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, sessionmaker

from newsletters.kernel.columns import Base
from newsletters.kernel.group_commit import GroupCommit
from newsletters.kernel.space import Space
from newsletters.kernel.write_queue import WriteQueue, is_busy, until

BUSY_TIMEOUT_SECONDS = 30
QUEUE_SECONDS = 45  # when a lock is free again, those who stand in the queue for it still need their turns
CONNECT_SECONDS = 10  # a host that answers nothing at all would else hold a request for two minutes
IMMEDIATE: Final = "IMMEDIATE"
KEEP_LOG: Final = "PRAGMA journal_mode=WAL"
SYNCHRONOUS: Final = "synchronous"  # what a connection was told last

T = TypeVar("T")


class Database:
    """One database, reached through transactions. Safe to share between threads."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._queue = _queue_of(self.url)
        self.engine = self._open(pool_size)
        self.space = Space(self.url.database if self.is_sqlite else None)
        self._durable = _sessions(self.engine, mode=IMMEDIATE, synchronous="FULL")
        self._relaxed = _sessions(self.engine, mode=IMMEDIATE, synchronous="NORMAL")
        self._reading = _sessions(self.engine, mode="DEFERRED", synchronous="FULL")
        self._group = GroupCommit(self.transaction)

    def _open(self, pool_size: int) -> Engine:
        if not self.is_sqlite:
            return create_engine(
                self.url,
                pool_size=pool_size,
                max_overflow=10,
                pool_pre_ping=True,
                hide_parameters=True,
                connect_args={"connect_timeout": self.url.query.get("connect_timeout", CONNECT_SECONDS)},
            )
        engine = create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=10,
            hide_parameters=True,  # an error's text must carry no address into a log
            connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", self._begin_sqlite)
        return engine

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Session]:
        """Commit what the block wrote, or nothing of it if the block raises."""
        with self.space.watched(), (self._durable if durable else self._relaxed).begin() as session:
            yield session

    def together(self, act: Callable[[Session], T]) -> T:
        """Do ``act`` in a durable transaction that it may share with what other threads write at this moment.

        It may run in one of those threads, so it must know all it needs. PostgreSQL commits side by side, and
        there nothing is shared.
        """
        if self._queue is not None:
            return self._group.run(act)
        with self.transaction() as session:
            return act(session)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session whose writes, if any, are thrown away; what it loaded stays readable afterwards."""
        with self._reading() as session:
            yield session
            session.expunge_all()
            session.rollback()

    def ping(self) -> None:
        """Raise SQLAlchemyError unless the database answers."""
        with self.reading() as session:
            session.execute(text("SELECT 1"))

    def end_idle_transactions(self, *, after_seconds: float) -> None:
        """Let PostgreSQL end what a frozen process has begun, so that it holds up nobody. Call it first.

        SQLite's locks are files': they last until the process wakes up or dies.
        """
        self._set_in_postgresql("idle_in_transaction_session_timeout", after_seconds)

    def wait_at_most(self, seconds: float = BUSY_TIMEOUT_SECONDS) -> None:
        """Let a statement wait no longer for a lock on PostgreSQL than any does on SQLite. Call it first."""
        self._set_in_postgresql("lock_timeout", seconds)

    def _set_in_postgresql(self, name: str, seconds: float) -> None:
        if self.is_sqlite:
            return

        def limit(connection: Any, _record: Any) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config(%s, %s, false)", [name, str(int(seconds * 1000))])
            connection.commit()

        self.engine.dispose()
        event.listen(self.engine, "connect", limit)

    def forget_deleted(self) -> None:
        """Let what was deleted be gone from SQLite's files: its log keeps pages as they were before.

        PostgreSQL gives such space back by itself; there is nothing to ask of it here.
        """
        if not self.is_sqlite:
            return
        with closing(self.engine.raw_connection()) as connection:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.engine.dispose()
        if self._queue is not None:
            self._queue.close()

    def _begin_sqlite(self, connection: Connection) -> None:
        options = connection.get_execution_options()
        synchronous = options.get("sqlite_synchronous", "FULL")
        if connection.info.get(SYNCHRONOUS) != synchronous:  # it holds for as long as the connection is open
            connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
            connection.info[SYNCHRONOUS] = synchronous
        begin = f"BEGIN {options.get('sqlite_mode', IMMEDIATE)}"
        if self._queue is None or not begin.endswith(IMMEDIATE):
            connection.exec_driver_sql(begin)
            return
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        self._queue.begin(driver, lambda: connection.exec_driver_sql(begin))


def insert_into(session: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ``on_conflict_…``, as this session's database spells it."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def _sessions(engine: Engine, *, mode: str, synchronous: str) -> sessionmaker[Session]:
    bound = engine.execution_options(sqlite_mode=mode, sqlite_synchronous=synchronous)
    return sessionmaker(bound, expire_on_commit=False)


def _prepare_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # this module begins transactions itself
    if not until(lambda: _keeps_log(connection), time.monotonic() + BUSY_TIMEOUT_SECONDS):
        connection.execute(KEEP_LOG)  # and SQLite says itself what is wrong
    for pragma in ("foreign_keys=ON", "temp_store=MEMORY", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _keeps_log(connection: sqlite3.Connection) -> bool:
    """Set write-ahead logging. SQLite does not wait for another process that is just setting it too."""
    try:
        connection.execute(KEEP_LOG).close()
    except sqlite3.OperationalError as error:
        if is_busy(error):
            return False
        raise
    return True


def _queue_of(url: URL) -> WriteQueue | None:
    """The queue of a SQLite file's writers. A database in memory has none: it is one connection's own."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return WriteQueue(str(url.database), patience=QUEUE_SECONDS)

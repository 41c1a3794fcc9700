"""From ENGINE_URL to huey: SQLite, memory, PostgreSQL, Redis or Valkey behind one storage that never fails.

Messages are signed with a key of ours: huey pickles them, and whoever could write into the engine could
otherwise run code in a worker. Waiting for an engine is bounded everywhere, by seconds.
"""

import hashlib
import hmac
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from huey.api import Huey
from huey.serializer import SignedSerializer
from huey.storage import BaseStorage, PostgresStorage, PriorityRedisStorage, SqliteStorage
from psycopg.conninfo import conninfo_to_dict
from redis import BlockingConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisAway
from redis.retry import Retry
from sqlalchemy import make_url

from config import BadSetting
from newsletters.runtime.nudges import Nudges, reason

NAME = "newsletters"
CONNECT_SECONDS = 2  # libpq knows no shorter one
READ_SECONDS = 1  # how long a thread waits at the engine for a nudge before it looks elsewhere
ANSWER_SECONDS = 2  # longer than READ_SECONDS: an answer that takes longer does not come
MOST_CONNECTIONS = 50  # of one process to Redis
SCHEMES = {"valkey": "redis", "valkeys": "rediss"}
TABLES_LOCK = 0x656E67696E65  # "engine"; CREATE TABLE IF NOT EXISTS by two at once fails one of them


def open_huey(url: str, *, secret: str) -> Huey:
    """An engine for ``ENGINE_URL``. Connects when it is first used, not here. Raises BadSetting."""
    key = hmac.digest(secret.encode(), b"newsletters engine", hashlib.sha256)
    try:
        nudges = _nudges(url)
    except (ValueError, TypeError, psycopg.Error) as error:
        raise BadSetting(f"ENGINE_URL: {reason(error)}") from error
    return Huey(
        NAME,
        results=False,
        serializer=SignedSerializer(secret=key, salt=b"newsletters"),
        storage_class=lambda _name: nudges,
    )


def _nudges(url: str) -> Nudges:
    scheme, _, rest = url.partition("://")
    scheme = scheme.partition("+")[0]
    if scheme == "memory":
        return Nudges(None)
    if scheme == "sqlite":
        return Nudges(partial(_sqlite, Path(make_url(url).database or "engine.sqlite3")))
    if scheme == "postgresql":
        dsn = f"{scheme}://{rest}"
        conninfo_to_dict(dsn)  # raises for what libpq could not read
        return Nudges(partial(_postgres, dsn), blocking=True)
    return Nudges(partial(_redis, _pool(f"{SCHEMES.get(scheme, scheme)}://{rest}")), blocking=True)


def _sqlite(path: Path) -> BaseStorage:
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    return Sqlite(NAME, filename=str(path))


class Sqlite(SqliteStorage):  # type: ignore[misc]  # huey is not typed
    """Huey's file, without a wait for the disk at each nudge: a power cut may take the last ones."""

    def _create_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = super()._create_connection()
        connection.execute("PRAGMA synchronous=NORMAL")
        return connection


class Postgres(PostgresStorage):  # type: ignore[misc]  # huey is not typed
    """Huey's tables, made by whoever comes first."""

    def initialize_schema(self) -> None:
        with self.db(commit=True, close=True) as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (TABLES_LOCK,))
            for statement in self.ddl:
                cursor.execute(statement)


def _postgres(dsn: str) -> BaseStorage:
    return Postgres(
        NAME,
        dsn=dsn,
        table_prefix="engine",
        read_timeout=READ_SECONDS,
        application_name="newsletters engine",
        connect_timeout=CONNECT_SECONDS,
        tcp_user_timeout=ANSWER_SECONDS * 1000,
        options=f"-c statement_timeout={ANSWER_SECONDS}s -c idle_in_transaction_session_timeout=10s",
    )


def _redis(pool: BlockingConnectionPool) -> BaseStorage:
    return PriorityRedisStorage(NAME, connection_pool=pool, read_timeout=READ_SECONDS)


def _pool(url: str) -> BlockingConnectionPool:
    """Connections to Redis, none of them open yet. Raises ValueError or TypeError for what it cannot read."""
    pool: Any = BlockingConnectionPool.from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=ANSWER_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        # One new connection in place of one that broke meanwhile; a server that is slow is not asked twice.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisAway,)),
    )
    pool.connection_class(**pool.connection_kwargs)  # raises for options that a connection does not know
    return pool  # type: ignore[no-any-return]

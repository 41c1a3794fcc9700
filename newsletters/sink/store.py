"""Where the sink keeps messages: one small SQLite file of its own, byte for byte as received.

A commit per message and no fsync: killing the process loses nothing that was answered 250, pulling the plug
may. The oldest messages fall out beyond a bound; who received what stays counted much longer, so that a drill
of a million recipients still adds up. One process writes; every thread opens its own connection.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from newsletters.sink.header import Identity

RECEIPTS_PER_MESSAGE = 100  # receipts are some 100 bytes each: 2,000,000 at the default bound
TRIMS_PER_BOUND = 100
LOCK_SECONDS = 60.0
CACHE_KIB = 32_768

TABLES = ("messages", "sources", "receipts")
SCHEMA_VERSION = 2
SCHEMA = """
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT NOT NULL, connection INTEGER NOT NULL,
    helo TEXT NOT NULL, mail_from TEXT NOT NULL, mail_options TEXT NOT NULL, sender TEXT NOT NULL,
    subject TEXT NOT NULL, message_id TEXT NOT NULL, size INTEGER NOT NULL, senders_key TEXT NOT NULL,
    subject_key TEXT NOT NULL);
CREATE TABLE sources (seq INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, address TEXT NOT NULL, address_key TEXT NOT NULL,
    message_id TEXT NOT NULL);
CREATE INDEX receipts_by_message ON receipts (seq);
CREATE INDEX receipts_by_address ON receipts (address_key, message_id, seq);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as the conversation handed it over; ``identity`` is what its header says."""

    received_at: datetime
    connection: int
    helo: str
    mail_from: str
    mail_options: tuple[str, ...]
    recipients: tuple[str, ...]
    identity: Identity
    raw: bytes


class Store:
    """The sink's file. ``keep`` belongs to one thread; deleting may come from any."""

    def __init__(self, path: Path, *, max_messages: int) -> None:
        self._path = path
        self._max_messages = max_messages
        self._trim_every = max(1, max_messages // TRIMS_PER_BOUND)
        self._room = 0
        self._writer = self.connect()
        _prepare(self._writer)
        self._trim(max_messages)

    def connect(self) -> sqlite3.Connection:
        """A connection for the calling thread, which closes it."""
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=LOCK_SECONDS)
        for pragma in ("journal_mode = WAL", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def close(self) -> None:
        self._writer.close()

    def keep(self, received: Received) -> int:
        """Keep a message for good and return its sequence number."""
        if self._room == 0:  # before and not after, so that an error here is never taken for a message lost
            self._trim(self._max_messages - self._trim_every)
            self._room = self._trim_every
        with _transaction(self._writer) as writer:
            seq = _insert(writer, received)
        self._room -= 1
        return seq

    def _trim(self, kept: int) -> None:
        """Let the oldest fall out until so many are left."""
        with _transaction(self._writer) as writer:
            found = writer.execute(
                "SELECT seq FROM messages ORDER BY seq DESC LIMIT 1 OFFSET ?", (kept,)
            ).fetchone()
            if found is not None:
                _forget_up_to(writer, found[0])
            most_receipts = self._max_messages * RECEIPTS_PER_MESSAGE
            writer.execute(
                "DELETE FROM receipts WHERE id <= (SELECT max(id) FROM receipts) - ?", (most_receipts,)
            )


def _prepare(writer: sqlite3.Connection) -> None:
    """Make the tables; what an older sink kept is thrown away, for it was only test mail."""
    found = writer.execute("PRAGMA user_version").fetchone()[0]
    if found != SCHEMA_VERSION:
        for table in TABLES:
            writer.execute(f"DROP TABLE IF EXISTS {table}")
        writer.executescript(SCHEMA)
        writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _insert(writer: sqlite3.Connection, received: Received) -> int:
    identity = received.identity
    row = (
        received.received_at.astimezone(UTC).isoformat(timespec="milliseconds"),
        received.connection,
        received.helo,
        received.mail_from,
        json.dumps(received.mail_options),
        identity.sender,
        identity.subject,
        identity.message_id,
        len(received.raw),
        f"{identity.sender} {received.mail_from}".casefold(),
        identity.subject.casefold(),
    )
    cursor = writer.execute(
        "INSERT INTO messages (received_at, connection, helo, mail_from, mail_options, sender, subject,"
        " message_id, size, senders_key, subject_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    seq = cast(int, cursor.lastrowid)
    writer.execute("INSERT INTO sources VALUES (?, ?)", (seq, received.raw))
    message_id = identity.message_id or f"none of {seq}"  # without one, no copy is known to be a duplicate
    writer.executemany(
        "INSERT INTO receipts (seq, address, address_key, message_id) VALUES (?, ?, ?, ?)",
        [(seq, address, address.casefold(), message_id) for address in received.recipients],
    )
    return seq


def delete_message(connection: sqlite3.Connection, seq: int) -> bool:
    """Delete one message; its receipts stay counted. Whether there was one."""
    with _transaction(connection):
        connection.execute("DELETE FROM sources WHERE seq = ?", (seq,))
        return connection.execute("DELETE FROM messages WHERE seq = ?", (seq,)).rowcount > 0


def delete_everything(connection: sqlite3.Connection) -> int:
    """Delete every message and every count; how many messages there were."""
    with _transaction(connection):
        found = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  (our own three names)
    return int(found)


def _forget_up_to(connection: sqlite3.Connection, seq: int) -> None:
    connection.execute("DELETE FROM sources WHERE seq <= ?", (seq,))
    connection.execute("DELETE FROM messages WHERE seq <= ?", (seq,))


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")

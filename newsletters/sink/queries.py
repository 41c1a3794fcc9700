"""What is read from the sink's store: a page of the list, one message, and the counts of a drill."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

LONGEST_PAGE = 500
_COLUMNS = (
    "seq",
    "received_at",
    "connection",
    "helo",
    "mail_from",
    "mail_options",
    "sender",
    "subject",
    "message_id",
    "size",
)
_SELECTED = ", ".join(_COLUMNS)
_ANYWHERE = (
    "(instr(subject_key, ?) OR instr(senders_key, ?)"
    " OR EXISTS (SELECT 1 FROM receipts AS r WHERE r.seq = m.seq AND instr(r.address_key, ?)))"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept message without its bytes."""

    seq: int
    received_at: str
    connection: int
    helo: str
    mail_from: str
    mail_options: tuple[str, ...]
    sender: str
    subject: str
    message_id: str
    size: int
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which messages a list asks for. ``to`` is one whole address; ``subject`` and ``anywhere`` are parts."""

    to: str = ""
    subject: str = ""
    anywhere: str = ""
    before: int | None = None
    limit: int = field(default=50)


@dataclass(frozen=True, slots=True)
class Page:
    """Messages, newest first, and where the next page begins."""

    messages: list[Kept]
    next_before: int | None


def find_messages(connection: sqlite3.Connection, wanted: Wanted) -> Page:
    """One page of the messages that meet every condition."""
    conditions, values = _conditions(wanted)
    rows = connection.execute(
        f"SELECT {_SELECTED} FROM messages AS m"  # noqa: S608  (our own words; what is asked for is bound)
        f" WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?",
        (*values, wanted.limit + 1),
    ).fetchall()
    shown = rows[: wanted.limit]
    recipients = _recipients(connection, [row[0] for row in shown])
    next_before = shown[-1][0] if len(rows) > wanted.limit else None
    return Page([_kept(row, recipients.get(row[0], ())) for row in shown], next_before)


def _conditions(wanted: Wanted) -> tuple[list[str], list[Any]]:
    conditions, values = ["1"], list[Any]()
    if wanted.to:
        conditions.append("seq IN (SELECT seq FROM receipts WHERE address_key = ?)")
        values.append(wanted.to.casefold())
    if wanted.subject:
        conditions.append("instr(subject_key, ?)")
        values.append(wanted.subject.casefold())
    if wanted.anywhere:
        conditions.append(_ANYWHERE)
        values += [wanted.anywhere.casefold()] * 3
    if wanted.before is not None:
        conditions.append("seq < ?")
        values.append(wanted.before)
    return conditions, values


def get_message(connection: sqlite3.Connection, seq: int) -> tuple[Kept, bytes] | None:
    """A message and its bytes, or None when it fell out or never was."""
    row = connection.execute(
        f"SELECT {_SELECTED}, raw FROM messages JOIN sources USING (seq) WHERE seq = ?",  # noqa: S608
        (seq,),
    ).fetchone()
    if row is None:
        return None
    return _kept(row[:-1], _recipients(connection, [seq]).get(seq, ())), row[-1]


def find_neighbours(connection: sqlite3.Connection, seq: int) -> tuple[int | None, int | None]:
    """The message after and the message before this one."""
    return connection.execute(  # type: ignore[no-any-return]
        "SELECT (SELECT min(seq) FROM messages WHERE seq > ?), (SELECT max(seq) FROM messages WHERE seq < ?)",
        (seq, seq),
    ).fetchone()


def _recipients(connection: sqlite3.Connection, sequences: Sequence[int]) -> dict[int, tuple[str, ...]]:
    marks = ", ".join("?" * len(sequences))
    found: dict[int, list[str]] = {}
    rows = connection.execute(
        f"SELECT seq, address FROM receipts WHERE seq IN ({marks}) ORDER BY id",  # noqa: S608
        tuple(sequences),
    )
    for seq, address in rows:
        found.setdefault(seq, []).append(address)
    return {seq: tuple(addresses) for seq, addresses in found.items()}


def _kept(row: Sequence[Any], recipients: tuple[str, ...]) -> Kept:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["mail_options"] = tuple(json.loads(values["mail_options"]))
    return Kept(**values, recipients=recipients)


def count_messages(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM messages").fetchone()[0])


def count_everything(connection: sqlite3.Connection) -> dict[str, Any]:
    """The counts since everything was last deleted, also of messages that have fallen out since."""
    kept, bytes_kept = connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM messages").fetchone()
    received, recipients, distinct = connection.execute(
        "SELECT count(DISTINCT seq), count(*), count(DISTINCT address_key) FROM receipts"
    ).fetchone()
    pairs = connection.execute("SELECT count(*) FROM (SELECT DISTINCT address_key, message_id FROM receipts)")
    return {
        "messages": received,
        "recipients": recipients,
        "distinct_recipients": distinct,
        "duplicates": recipients - pairs.fetchone()[0],
        "kept": kept,
        "kept_bytes": bytes_kept,
    }

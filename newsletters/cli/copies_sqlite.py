"""Copies of a SQLite database: made while it is in use, checked, and put into its place.

A copy is one file, readable by its owner alone, and it is there whole or not at all. The database that a copy
replaces is kept beside it.
"""

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from newsletters.kernel import restorations, write_queue
from newsletters.kernel.db import Database
from newsletters.migrations import is_behind

BUSY: Final = ("database is locked", "database table is locked")
BESIDE: Final = ("-wal", "-shm", "-journal", write_queue.ENDING)


class CopyFailed(Exception):
    """Why there is no copy, or why it was not put into place; the message is one line."""


def copy_to(source: Path, target: Path, *, copied_at: datetime | None) -> None:
    """Copy a database that may be in use to ``target``, whole, checked and marked. Raises CopyFailed."""
    part = target.with_name(f".{target.name}.part")
    try:
        _start_anew(part)
        _copy(source, part)
        if copied_at is not None:
            _mark(part, copied_at)
        check(part)
        _make_sure(part)
        part.replace(target)
        _make_sure(target.parent)
    except (sqlite3.Error, OSError) as error:
        raise CopyFailed(f"{target}: {error}") from error
    finally:
        remove(part)


def check(path: Path) -> None:
    """Raises CopyFailed unless every page, index and reference of a file is in order."""
    try:
        with closing(_open(path)) as copy:
            verdict = [row[0] for row in copy.execute("PRAGMA integrity_check")]
            loose = copy.execute("PRAGMA foreign_key_check").fetchone()
            versions = copy.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error as error:
        raise CopyFailed(f"{path} is not a database of ours: {error}") from error
    if verdict != ["ok"]:
        raise CopyFailed(f"{path} is damaged: {verdict[0]}")
    if loose is not None:
        raise CopyFailed(f"{path} is damaged: rows of {loose[0]} refer to nothing")
    if len(versions) != 1:
        raise CopyFailed(f"{path} is not a database of ours: it has no version")


def require_unused(path: Path) -> bool:
    """Raises CopyFailed while anybody has the database open; False where it cannot be read at all.

    SQLite leaves its log mode only when it is alone, and takes the log into the file as it does.
    """
    if not path.exists():
        return False
    try:
        with closing(_open(path)) as present:
            present.execute("PRAGMA journal_mode=DELETE")
            present.execute("BEGIN EXCLUSIVE")
            present.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if str(error) in BUSY:
            raise CopyFailed(f"{path} is in use; stop web, worker and inbound first") from error
        return False
    except sqlite3.DatabaseError:
        return False
    return True


def put_into_place(new: Path, place: Path, *, now: datetime) -> Path | None:
    """Set a prepared database in its place and return where the one before it is kept, if there was one."""
    kept = place.with_name(f"{place.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    try:
        _make_sure(new)
        there_was_one = place.exists()
        if there_was_one:
            place.rename(kept)
            for ending in BESIDE:
                beside = place.with_name(place.name + ending)
                if beside.exists():
                    beside.rename(kept.with_name(kept.name + ending))
        new.rename(place)
        _make_sure(place.parent)
    except OSError as error:
        raise CopyFailed(f"{place}: {error}") from error
    return kept if there_was_one else None


def remove(path: Path) -> None:
    """Delete a database that was only being made, with what SQLite keeps beside it."""
    for ending in ("", *BESIDE):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _start_anew(path: Path) -> None:
    remove(path)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _copy(source: Path, target: Path) -> None:
    with closing(_open(source)) as there, closing(_open(target)) as copy:
        there.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")


def _mark(path: Path, copied_at: datetime) -> None:
    """Let the copy be known for one. A database of an older version has no place for it yet."""
    db = Database(f"sqlite:///{path}")
    try:
        if not is_behind(db.engine):
            with db.transaction() as session:
                restorations.mark(session, copied_at=copied_at)
    finally:
        db.close()
    with closing(_open(path)) as copy:
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, not two or three


def _open(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there; never to one that SQLite would make."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None, timeout=1)


def _make_sure(path: Path) -> None:
    """Have a file or a folder on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

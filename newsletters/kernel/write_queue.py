"""The queue of those who want to write to a SQLite file: one waits for the lock, the others for that place.

Left to itself, SQLite lets whoever waits look at the lock ever more rarely, at last every tenth of a second,
and serves whoever happens to look in the right moment: a worker that writes all day passes a reader's sign-up
dozens of times. Here nobody passes who waits, and whoever waits looks every half millisecond.

The queue is a courtesy between threads and between processes; what keeps writers apart is SQLite's own lock.
So whatever becomes of the queue's file, nothing is lost but the order; a process that dies leaves its place.
"""

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ENDING: Final = "-queue"  # of the file's name
LOOK_SECONDS: Final = 0.0005


class WriteQueue:
    """Of one database file. Safe to share between threads; opened by each process for itself."""

    def __init__(self, database: str, *, patience: float) -> None:
        """``patience`` is for how many seconds anybody waits in all."""
        self._database = database
        self._path = f"{database}{ENDING}"
        self._patience = patience
        self._threads = threading.Lock()
        self._file: int | None = None
        self._opened_by = 0

    def begin(self, connection: sqlite3.Connection, insist: Callable[[], object]) -> None:
        """Begin a writing transaction when it is this thread's turn; where it never is, ``insist`` says so.

        The connection waits for nothing by itself meanwhile.
        """
        ends_at = time.monotonic() + self._patience
        if not self._threads.acquire(timeout=self._patience):
            insist()
            return
        try:
            with self._place(ends_at), _impatient(connection, self._patience):
                if not until(lambda: _has_begun(connection), ends_at):
                    insist()
        except sqlite3.Error:  # other than that the lock is taken: it is insisted on, and tells everybody
            insist()
        finally:
            self._threads.release()

    def close(self) -> None:
        """Give the file back; the next transaction opens it again."""
        with self._threads:
            self._forget()

    @contextmanager
    def _place(self, ends_at: float) -> Iterator[None]:
        """Be the only process that waits for SQLite's lock, or, where that cannot be, one of them."""
        file = self._opened()
        if file is None or not until(lambda: _has_locked(file), ends_at):
            yield
            return
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _opened(self) -> int | None:
        if self._opened_by != os.getpid():  # a lock that is shared with a parent keeps nobody apart
            self._forget()
        if self._file is None:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, self._mode())
            except OSError:
                return None  # a full disk has no room for a new name; SQLite itself will say what is wrong
            self._opened_by = os.getpid()
        return self._file

    def _mode(self) -> int:
        """Who may open the database may wait for it."""
        return Path(self._database).stat().st_mode & 0o666

    def _forget(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def until(is_done: Callable[[], bool], ends_at: float) -> bool:
    """Look every half millisecond, up to the ``ends_at`` of the monotonic clock; whether it came to be."""
    while not is_done():
        if time.monotonic() >= ends_at:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _has_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _has_begun(connection: sqlite3.Connection) -> bool:
    """Raises what SQLite says, unless it is that somebody else is writing."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if is_busy(error):
            return False
        raise
    return True


def is_busy(error: sqlite3.Error) -> bool:
    """Whether it says only that somebody else has the lock."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


@contextmanager
def _impatient(connection: sqlite3.Connection, patience: float) -> Iterator[None]:
    connection.execute("PRAGMA busy_timeout=0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout={int(patience * 1000)}")

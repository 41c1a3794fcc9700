"""Whether the database's disk has room: by what could not be written, and by what the disk itself says.

SQLite's disk is this machine's and can be asked. PostgreSQL's is a server's: a full one is known by what
could not be written there. Small things may find room where others do not, so that passes only with time.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from newsletters.kernel.outage import is_full

LEAST_FREE_BYTES: Final = 32 * 1024 * 1024  # SQLite's log alone may need some of it
REMEMBERED_SECONDS: Final = 60.0  # a sender insists every few seconds


class Space:
    """Of one database. Safe to share between threads."""

    def __init__(self, sqlite_file: str | None) -> None:
        self._file = sqlite_file
        self._full_at: float | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Learn from a transaction: whether there was room for what it wrote."""
        try:
            yield
        except Exception as error:
            if is_full(error):
                self._full_at = time.monotonic()
            raise

    def is_full(self) -> bool:
        """Whether nothing can be written, or soon nothing more."""
        at = self._full_at
        if at is not None and time.monotonic() - at < REMEMBERED_SECONDS:
            return True
        return self._file is not None and _free_bytes(self._file) < LEAST_FREE_BYTES


def _free_bytes(file: str) -> float:
    try:
        disk = os.statvfs(os.path.dirname(os.path.abspath(file)))  # noqa: PTH100, PTH120  (a name may be ":memory:")
    except OSError:
        return float("inf")  # whoever asks the database is told that it is away
    return disk.f_bavail * disk.f_frsize

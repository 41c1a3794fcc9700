"""Whether an error says that the database is away, locked or full, and not that we asked something wrong.

What is away comes back: whoever waits for an answer is asked to come again. A mistake of ours does not go
away by itself and must be heard of. Codes: PostgreSQL's Appendix A, SQLite's "Result and Error Codes".
"""

import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

RETRY_AFTER_SECONDS: Final = 30  # what whoever asked is told to wait
_AWAY_IN_SQLITE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
    }
)
# Connections, rolled back by others, resources (a full disk too), locks, an operator, the system.
_AWAY_IN_POSTGRESQL: Final = ("08", "40", "53", "55P03", "57", "58", "25006", "25P03")
_DISK_FULL: Final = "53100"
_BEATEN: Final = ("40001", "40P01")  # a serialization failure, a deadlock
_PRIMARY_CODE: Final = 0xFF  # the rest of an extended code tells how it came to it


def is_full(error: BaseException) -> bool:
    """Whether there was no room to write."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE == sqlite3.SQLITE_FULL
    return str(getattr(cause, "sqlstate", "")) == _DISK_FULL


def is_beaten(error: BaseException) -> bool:
    """Whether somebody else wrote first to what we meant to write: nothing of ours was done."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _BEATEN


def is_outage(error: BaseException) -> bool:
    """Whether the same may well succeed a little later, without anybody's doing at our end."""
    if isinstance(error, PoolTimeout):  # every connection is held by somebody who waits
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & _PRIMARY_CODE in _AWAY_IN_SQLITE
    code = getattr(cause, "sqlstate", None)
    if code is None:  # no server said it: there was none
        return type(cause).__name__ in ("OperationalError", "ConnectionTimeout")
    return str(code).startswith(_AWAY_IN_POSTGRESQL)

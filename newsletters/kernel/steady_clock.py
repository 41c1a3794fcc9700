"""Our clock: the database's time, carried forward by a counter that no one can set.

Leases, schedules, limits and links of several machines are compared in the database, so its time counts, not
each machine's. Small differences are followed. A jump is not: a clock that leaps a day ahead would end every
lease and start tomorrow's issue. Only when the database insists for a quarter of an hour is it believed,
for then it was we who were asleep.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

from sqlalchemy import DateTime, func, select
from sqlalchemy.exc import SQLAlchemyError

from newsletters.kernel.db import Database

FOLLOWED = timedelta(minutes=1)
FOLLOW_SECONDS = 60.0
ASK_AGAIN_SECONDS = 5.0  # after the database gave no answer
BELIEVED_AFTER_SECONDS = 900.0

log = logging.getLogger(__name__)


def elapsed_seconds() -> float:
    """A counter that also runs while the machine sleeps, where the system has one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def database_time(db: Database) -> datetime:
    """The database's own clock; a SQLite database has its machine's."""
    if db.is_sqlite:
        return datetime.now(UTC)
    with db.reading() as session:
        return (
            session.scalars(select(func.clock_timestamp(type_=DateTime(timezone=True)))).one().astimezone(UTC)
        )


class SteadyClock:
    """A clock for one process. Safe to share between threads."""

    def __init__(
        self, source: Callable[[], datetime], *, elapsed: Callable[[], float] = elapsed_seconds
    ) -> None:
        self._source = source
        self._elapsed = elapsed
        self._doubted_since: float | None = None
        self._anchor = (source(), elapsed())

    def now(self) -> datetime:
        at, counter = self._anchor
        return at + timedelta(seconds=self._elapsed() - counter)

    def follow(self) -> None:
        """Compare with the source and go along with it, unless it jumped."""
        at, counter = self._source(), self._elapsed()
        jump = at - self.now()
        if abs(jump) <= FOLLOWED or self._is_believed(counter):
            self._anchor, self._doubted_since = (at, counter), None
            return
        log.error("the clock jumped by %.0f seconds; it is not followed yet", jump.total_seconds())

    def _is_believed(self, counter: float) -> bool:
        if self._doubted_since is None:
            self._doubted_since = counter
        return counter - self._doubted_since >= BELIEVED_AFTER_SECONDS


class FollowingClock:
    """A steady clock for a process without a thread for it: it follows when it is read, once a minute.

    Asks nothing before it is first read. Until the source has answered once, the machine's own time counts:
    what is asked of us meanwhile cannot be kept anyway. Safe to share between threads.
    """

    def __init__(
        self, source: Callable[[], datetime], *, elapsed: Callable[[], float] = elapsed_seconds
    ) -> None:
        self._source = source
        self._elapsed = elapsed
        self._asking = Lock()
        self._ask_at = 0.0
        self._steady: SteadyClock | None = None

    def now(self) -> datetime:
        if self._elapsed() >= self._ask_at and self._asking.acquire(blocking=self._steady is None):
            try:
                self._ask()
            finally:
                self._asking.release()
        return datetime.now(UTC) if self._steady is None else self._steady.now()

    def _ask(self) -> None:
        if self._elapsed() < self._ask_at:  # somebody else has asked while we waited
            return
        self._ask_at = self._elapsed() + ASK_AGAIN_SECONDS
        try:
            if self._steady is None:
                self._steady = SteadyClock(self._source, elapsed=self._elapsed)
            else:
                self._steady.follow()
        except SQLAlchemyError:
            log.warning("the database's time could not be asked")
            return
        self._ask_at = self._elapsed() + FOLLOW_SECONDS

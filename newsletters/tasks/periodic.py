"""The periodic table: housekeeping that nobody asks for, each at its own interval.

Every entry is idempotent. It runs when the worker starts and then again whenever its interval has passed,
measured by a monotonic clock, so a jump of the wall clock neither skips nor repeats one.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from newsletters.bounces import processing as bounces
from newsletters.delivery import erasure as deliveries
from newsletters.mail import outbox
from newsletters.runtime import Runtime
from newsletters.subscribers.erasure import finish_erasure, unfinished_erasures
from newsletters.subscribers.purge import purge

OUTBOX_KEPT = timedelta(days=30)  # long enough to answer "did you ever mail me?"


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece of housekeeping."""

    every_seconds: float
    run: Callable[[Runtime], None]


def purge_subscribers(runtime: Runtime) -> None:
    """Unconfirmed sign-ups, old requests, rate windows, and pauses that have ended."""
    with runtime.db.transaction() as session:
        purge(session, now=runtime.clock.now())


def forget_settled_mail(runtime: Runtime) -> None:
    """Single mails that were settled long ago."""
    with runtime.db.transaction() as session:
        outbox.forget_settled(session, before=runtime.clock.now() - OUTBOX_KEPT)


def finish_erasures(runtime: Runtime) -> None:
    """What other slices still hold of readers who were erased."""
    with runtime.db.transaction() as session:
        now = runtime.clock.now()
        erased = unfinished_erasures(session)
        for subscriber_id in erased:
            deliveries.forget_reader(session, subscriber_id, now=now)
            bounces.forget_reader(session, subscriber_id)
            finish_erasure(session, subscriber_id)
    if erased:
        runtime.db.forget_deleted()


TABLE: tuple[Entry, ...] = (
    Entry(60, finish_erasures),
    Entry(300, purge_subscribers),
    Entry(3600, forget_settled_mail),
)


class Timetable:
    """When each entry ran last in this process."""

    def __init__(
        self,
        runtime: Runtime,
        table: tuple[Entry, ...] = TABLE,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._monotonic = monotonic
        self._due = dict.fromkeys(table, 0.0)

    def run_due(self) -> None:
        """Run every entry whose interval has passed. One that fails is tried again after its interval."""
        started = self._monotonic()
        for entry in [entry for entry, due in self._due.items() if due <= started]:
            self._due[entry] = started + entry.every_seconds
            entry.run(self._runtime)

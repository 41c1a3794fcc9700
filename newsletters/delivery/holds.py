"""The holds of one process, kept alive while it lives: a frozen or killed process keeps nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from newsletters.delivery import batches
from newsletters.delivery.batches import Hold
from newsletters.kernel.clock import Clock
from newsletters.kernel.db import Database

RENEW_SECONDS = 4.0  # three renewals may fail before the lease ends


class Holds:
    """Which batches this process works on."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: set[Hold] = set()

    @contextmanager
    def keeping(self, hold: Hold) -> Iterator[None]:
        """Keep ``hold`` alive for as long as the block runs."""
        with self._lock:
            self._held.add(hold)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(hold)

    def count(self) -> int:
        with self._lock:
            return len(self._held)

    def renew(self, db: Database, clock: Clock) -> None:
        """Put off the end of every lease; called every RENEW_SECONDS."""
        with self._lock:
            held = sorted(self._held, key=lambda hold: hold.batch_id)
        if not held:
            return
        with db.transaction(durable=False) as session:
            batches.keep(session, held, now=clock.now())

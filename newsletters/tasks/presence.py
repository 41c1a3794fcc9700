"""A worker's entry in the roster: written when it starts, renewed while it lives, struck out when it ends.

A worker that was killed strikes nothing out; others of its machine, who know that it is dead, do it.
"""

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from newsletters.kernel import roster
from newsletters.kernel.roster import Announcement
from newsletters.kernel.version import code_mark
from newsletters.runtime import Runtime
from newsletters.tasks.identity import is_known_dead, worker_name

log = logging.getLogger(__name__)


class Presence:
    """This process in the roster."""

    def __init__(self, runtime: Runtime, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._runtime = runtime
        self._monotonic = monotonic
        self._said = Announcement(name=worker_name(), host=socket.gethostname(), version=code_mark())
        self._next_at = 0.0

    def announce(self) -> None:
        """Say that this worker is there, if that was not said just now."""
        if self._monotonic() < self._next_at:
            return
        self._next_at = self._monotonic() + roster.ANNOUNCED_EVERY.total_seconds()
        said = replace(self._said, lacks_room=self._runtime.db.space.is_full())
        with self._runtime.db.transaction(durable=False) as session:
            now = self._runtime.clock.now()
            roster.announce(session, said, now=now)
            for worker in roster.present(session, now=now):
                if is_known_dead(worker.name):
                    roster.leave(session, worker.name)

    def leave(self) -> None:
        """Say that this worker ends."""
        try:
            with self._runtime.db.transaction(durable=False) as session:
                roster.leave(session, self._said.name)
        except SQLAlchemyError:
            log.warning("the database is away; the roster forgets this worker by itself")

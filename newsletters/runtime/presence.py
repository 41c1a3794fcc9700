"""A process's entry in the roster: written when it starts, renewed while it lives, struck out when it ends.

A process that was killed strikes nothing out; others of its machine, who know that it is dead, do it.
"""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from newsletters.kernel import roster
from newsletters.kernel.identity import is_known_dead, worker_name
from newsletters.kernel.roster import Announcement, Kind
from newsletters.kernel.version import code_mark
from newsletters.runtime import Runtime

LOOK_SECONDS: Final = 1.0

log = logging.getLogger(__name__)


class Presence:
    """This process in the roster."""

    def __init__(
        self,
        runtime: Runtime,
        kind: Kind = Kind.WORKER,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runtime = runtime
        self._monotonic = monotonic
        self._said = Announcement(worker_name(), socket.gethostname(), code_mark(), kind=kind)
        self._next_at = 0.0

    def announce(self) -> None:
        """Say that this process is there, if that was not said just now."""
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
        """Say that this process ends."""
        try:
            with self._runtime.db.transaction(durable=False) as session:
                roster.leave(session, self._said.name)
        except SQLAlchemyError:
            log.warning("the database is away; the roster forgets this process by itself")


class Heartbeat:
    """Keeps a process in the roster that has no loop of its own to do it in."""

    def __init__(self, runtime: Runtime, kind: Kind) -> None:
        self._presence = Presence(runtime, kind)
        self._ended = Event()
        self._thread = Thread(target=self._beat, name="presence", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Strike the process out."""
        self._ended.set()
        self._thread.join()
        self._presence.leave()

    def _beat(self) -> None:
        has_failed = False
        while True:
            try:
                self._presence.announce()
                has_failed = False
            except SQLAlchemyError:
                if not has_failed:
                    log.warning("the roster cannot be written to; this process is not seen there")
                has_failed = True
            if self._ended.wait(LOOK_SECONDS):
                return


@contextmanager
def present(runtime: Runtime, kind: Kind) -> Iterator[None]:
    """Be in the roster until the block ends."""
    heartbeat = Heartbeat(runtime, kind)
    heartbeat.start()
    try:
        yield
    finally:
        heartbeat.stop()

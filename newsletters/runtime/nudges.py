"""Where nudges wait: with the shared engine, and in this process for as long as that one is away.

A request must not fail, and hardly wait, because the engine does: an engine that failed is left alone for
some seconds, and whatever is nudged meanwhile goes to a short queue of this process. In a worker the same
process takes it from there; elsewhere it is dropped, and the pulse of a worker finds the rows. No task
has a result, an appointment or a lock here: the database has them.
"""

import logging
import sqlite3
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, TypeVar

import psycopg
import redis
from huey.storage import BaseStorage, MemoryStorage

REST_SECONDS = 5.0  # how long an engine that failed is not asked again
POLL_SECONDS = 0.1  # how often a thread looks into this process's queue while the engine is away
MOST_KEPT = 100  # nudges in this process; more would only say the same again
TROUBLE: Final = (sqlite3.Error, psycopg.Error, redis.RedisError, OSError)

log = logging.getLogger(__name__)
T = TypeVar("T")


class EngineAway(Exception):
    """The engine does not answer; the message says why, without its password."""


class Nudges(MemoryStorage):  # type: ignore[misc]  # huey is not typed
    """A storage for huey that never fails. ``open_shared`` opens the engine's own; None is none but this."""

    priority = True

    def __init__(
        self,
        open_shared: Callable[[], BaseStorage] | None,
        *,
        blocking: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.blocking = blocking
        self._open_shared = open_shared
        self._monotonic = monotonic
        self._opening = Lock()
        self._shared: BaseStorage | None = None
        self._rests_until: float | None = None

    def enqueue(self, data: bytes, priority: float | None = None) -> None:
        """Hand a nudge to the engine, or keep it here."""
        if self._is_apart() or not self._try(lambda shared: (shared.enqueue(data, priority), True)[1]):
            self._keep(data, priority)

    def dequeue(self) -> bytes | None:
        """The next nudge: this process's own first. Where the engine waits for one, so does this."""
        own: bytes | None = super().dequeue()
        if own is not None:
            return own
        if not self._is_apart():
            return self._try(lambda shared: shared.dequeue())
        if self.blocking:
            time.sleep(POLL_SECONDS)
        return None

    def queue_size(self) -> int:
        """How many nudges wait."""
        own = int(super().queue_size())
        return own if self._is_apart() else own + (self._try(lambda shared: int(shared.queue_size())) or 0)

    def flush_queue(self) -> None:
        super().flush_queue()
        if not self._is_apart():
            self._try(lambda shared: shared.flush_queue())

    def ping(self) -> None:
        """Raise EngineAway unless the engine answers, whatever it did a moment ago."""
        if self._open_shared is None:
            return
        try:
            self._opened().queue_size()
        except TROUBLE as error:
            raise EngineAway(reason(error)) from error
        self._come_back()

    def close(self) -> None:
        """Let go of the engine's connections; they open again when they are needed."""
        with self._opening:
            shared, self._shared = self._shared, None
        if shared is not None:
            shared.close()

    def _keep(self, data: bytes, priority: float | None) -> None:
        if super().queue_size() < MOST_KEPT:
            super().enqueue(data, priority)

    def _is_apart(self) -> bool:
        """Whether this process stands alone at this moment."""
        if self._open_shared is None:
            return True
        return self._rests_until is not None and self._monotonic() < self._rests_until

    def _try(self, ask: Callable[[Any], T]) -> T | None:
        try:
            answer = ask(self._opened())
        except TROUBLE as error:
            self._leave_alone(error)
            return None
        self._come_back()
        return answer

    def _opened(self) -> BaseStorage:
        with self._opening:
            if self._shared is None:
                assert self._open_shared is not None  # noqa: S101  (whoever stands alone does not ask)
                self._shared = self._open_shared()
            return self._shared

    def _leave_alone(self, error: Exception) -> None:
        if self._rests_until is None:
            log.warning("the task engine is away (%s); workers look at the database instead", reason(error))
        self._rests_until = self._monotonic() + REST_SECONDS

    def _come_back(self) -> None:
        if self._rests_until is not None:
            self._rests_until = None
            log.info("the task engine is back")


def reason(error: Exception) -> str:
    """An error of the engine's in one line."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__

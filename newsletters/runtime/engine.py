"""The task engine as the doors see it: a way to say that there is work.

The engine only nudges. Rows say what is to be done, so a nudge may be lost or come twice, and an engine that
is away costs nothing but the second until a worker's pulse looks at the rows.
"""

from typing import Any

from huey.api import Huey

from newsletters.runtime.nudges import EngineAway, Nudges

__all__ = ["Engine", "EngineAway"]


class Engine:
    """One process's hold of the engine. Safe to share between threads."""

    def __init__(self, huey: Huey) -> None:
        self.huey = huey
        self.tasks: dict[str, Any] = {}

    def nudge(self, task: str, *args: int, priority: int | None = None) -> None:
        """Ask a worker to run ``task`` soon, with its own priority or another one. Never fails.

        Call it after the commit, never before.
        """
        self.huey.enqueue(self.tasks[task].s(*args, priority=priority))

    def waiting(self) -> int:
        """How many nudges wait: with the engine, or in this process while the engine is away."""
        return int(self.huey.pending_count())

    def ping(self) -> None:
        """Raise EngineAway unless the engine answers."""
        self._nudges.ping()

    def close(self) -> None:
        self._nudges.close()

    @property
    def _nudges(self) -> Nudges:
        storage: Nudges = self.huey.storage
        return storage

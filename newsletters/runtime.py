"""The composition root: builds what the doors work with out of the settings, and nothing else does.

The engine only nudges. Rows say what is to be done, so a nudge may be lost or come twice.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huey import MemoryHuey, SqliteHuey
from huey.api import Huey
from sqlalchemy import make_url

from config import Config
from newsletters.kernel.clock import Clock, SystemClock
from newsletters.kernel.db import Database
from newsletters.kernel.digests import Digester
from newsletters.kernel.tokens import Signer
from newsletters.kernel.urls import Urls


class Engine:
    """The task engine as the doors see it: a way to say that there is work."""

    def __init__(self, huey: Huey) -> None:
        self.huey = huey
        self.tasks: dict[str, Any] = {}

    def nudge(self, task: str, *args: int, priority: int | None = None, delay_seconds: float = 0) -> None:
        """Ask a worker to run ``task`` soon, with its own priority or another one.

        Call it after the commit, never before.
        """
        delay = delay_seconds or None
        self.huey.enqueue(self.tasks[task].s(*args, priority=priority, delay=delay))

    def ping(self) -> int:
        """The number of waiting nudges; raises whatever the engine's storage raises when it is away."""
        return int(self.huey.pending_count())


@dataclass(frozen=True, slots=True)
class Runtime:
    """What every door holds."""

    config: Config
    db: Database
    clock: Clock
    signer: Signer
    digester: Digester
    engine: Engine
    urls: Urls


def build(config: Config, *, clock: Clock | None = None) -> Runtime:
    """Wire one process. Opens nothing yet but the engine's own storage."""
    keys = [config.secret_key.encode(), *(key.encode() for key in config.old_secret_keys)]
    return Runtime(
        config=config,
        db=Database(config.database_url),
        clock=clock or SystemClock(),
        signer=Signer(keys),
        digester=Digester(config.address_hash_key.encode()),
        engine=Engine(_huey(config.engine_url)),
        urls=Urls(config.public_url),
    )


def _huey(url: str) -> Huey:
    parsed = make_url(url)
    if parsed.get_backend_name() == "memory":
        return MemoryHuey(results=False)
    path = Path(parsed.database or "engine.sqlite3")
    path.parent.mkdir(parents=True, exist_ok=True)
    return SqliteHuey(filename=str(path), results=False)

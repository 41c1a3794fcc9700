"""The task engine forgets everything, dies and comes back, in the middle of a send with a rate limit."""

import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from tests.drills.drill import Verdict
from tests.drills.fastsink.books import Entry
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.sending import is_perfect
from tests.drills.stage import Stage
from tests.redis import PrivateRedis

WINDOW_SECONDS = 5.0
TOLERANCE = 1.1


@dataclass(frozen=True, kw_only=True)
class EngineLost:
    """``times`` losses while ``workers`` workers share a limit of ``rate`` messages a second.

    On SQLite the engine is a file that is emptied; on PostgreSQL it is Redis, flushed, killed and started.
    """

    readers: int = 30_000
    times: int = 40
    workers: int = 3
    rate: int = 200

    def __call__(self, ground: Ground) -> Verdict:
        if ground.kind == "sqlite":
            with ground.stage(Readers(self.readers)) as stage:
                return self._run(stage, ground, lambda: empty(stage))
        redis = PrivateRedis()
        redis.start()
        try:
            with ground.stage(Readers(self.readers), ENGINE_URL=redis.url) as stage:
                return self._run(stage, ground, lambda: hurt(redis))
        finally:
            redis.remove()

    def _run(self, stage: Stage, ground: Ground, lose: Callable[[], None]) -> Verdict:
        stage.workers(self.workers, SMTP_URL=f"{stage.sink.smtp_url}?rate={self.rate}")
        issue_id = stage.schedule()
        stage.wait_for_messages(1)
        for number in range(self.times):
            stage.wait_for_messages(self.readers * (number + 1) // (self.times + 1))
            lose()
            if number % 10 == 9:
                ground.say(f"{number + 1} losses, {stage.sink.count():,} messages")
        stage.wait_for_end(issue_id)
        balance, entries = stage.balance(issue_id), stage.sink.books().entries
        fastest = most_within(entries, WINDOW_SECONDS) / WINDOW_SECONDS
        return Verdict(
            passed=is_perfect(balance, self.readers) and fastest <= self.rate * TOLERANCE,
            figure=(
                f"{self.times} losses of the engine: {balance.lost} lost, {balance.repeats} repeated; "
                f"at most {fastest:,.0f} messages a second over {WINDOW_SECONDS:.0f} s, "
                f"where {self.rate} are allowed"
            ),
            limit=f"0 lost, 0 repeated, at most {self.rate} a second and a tenth",
        )


def empty(stage: Stage) -> None:
    """Forget every task."""
    path = str(stage.folder / "engine.sqlite3")
    with closing(sqlite3.connect(path, timeout=60)) as connection, connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            connection.execute(f'DELETE FROM "{table}"')  # noqa: S608  (its own names)


def hurt(redis: PrivateRedis) -> None:
    """Flush it, or kill it and bring it back after a while."""
    if random.random() < 0.5:
        redis.flush()
        return
    redis.stop()
    time.sleep(random.uniform(0.1, 2.0))
    redis.start()


def most_within(entries: Sequence[Entry], seconds: float) -> int:
    """The most messages in any stretch of so many seconds."""
    times = sorted(entry.at for entry in entries)
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most

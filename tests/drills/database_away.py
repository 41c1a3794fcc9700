"""The database is locked for half a minute, or restarted again and again, while readers sign up."""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from newsletters.delivery.models import DeliveryState
from tests.drills.drill import Verdict
from tests.drills.fastsink.books import address_digest
from tests.drills.fastsink.faults import Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import wait_until
from tests.drills.stage import Balance, Stage
from tests.drills.visitors import Newcomers, Visit

RECOVERED_SECONDS = 10.0
PACE = Fault(phase="taken", kind="slow", seconds=0.05)
TABLES = "subscribers, subscriptions, posted_forms, batches, deliveries, outbox"


@dataclass(frozen=True, slots=True)
class Outage:
    """From when to when the database was away."""

    began: float
    ended: float


@dataclass(frozen=True, kw_only=True)
class LockedDatabase:
    """Somebody holds the lock that every writer needs, for ``seconds``."""

    readers: int = 20_000
    seconds: float = 30.0
    times: int = 3

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers)) as stage:
            return through_outages(stage, ground, times=self.times, outage=self._lock, most_repeats=0)

    def _lock(self, stage: Stage, _number: int) -> Outage:
        began = time.monotonic()
        with locked(stage):
            time.sleep(self.seconds)
        return Outage(began, time.monotonic())


@dataclass(frozen=True, kw_only=True)
class RestartedDatabase:
    """PostgreSQL is restarted ``times`` times: every other time it crashes."""

    readers: int = 20_000
    times: int = 20

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage_with_server(Readers(self.readers)) as stage:
            return through_outages(stage, ground, times=self.times, outage=self._restart, most_repeats=None)

    def _restart(self, stage: Stage, number: int) -> Outage:
        assert stage.server is not None
        began = time.monotonic()
        stage.server.halt(mode="immediate" if number % 2 else "fast")
        stage.server.start()
        return Outage(began, time.monotonic())


def through_outages(
    stage: Stage,
    ground: Ground,
    *,
    times: int,
    outage: Callable[[Stage, int], Outage],
    most_repeats: int | None,
) -> Verdict:
    """Send and sign up through ``times`` outages, and judge. ``most_repeats``: None is one a connection."""
    stage.sink.faults(PACE)
    url = stage.serve()
    worker, *_ = stage.workers(1)
    issue_id = stage.schedule()
    stage.wait_for_messages(1)
    connections = stage.sink.status()["open"]
    outages, back_in = [], 0.0
    with Newcomers(url) as newcomers:
        wait_until(newcomers.taken, seconds=60, what="the first sign-up")
        for number in range(times):
            time.sleep(random.uniform(0.2, 1.0))
            outages.append(outage(stage, number))
            back_in = max(back_in, recovery(stage, newcomers, outages[-1]))
            ground.say(f"outage {number + 1}: back in {back_in:.1f} s at most")
        stage.sink.faults()
        stage.wait_for_end(issue_id)
    taken = newcomers.taken()
    wait_until(lambda: not stage.sink.books().missing(taken), seconds=120, what="every newcomer's mail")
    balance = stage.balance(issue_id)
    assert worker.is_running
    return judge(balance, stage, newcomers.visits, outages, back_in, most_repeats, connections)


def judge(
    balance: Balance,
    stage: Stage,
    visits: list[Visit],
    outages: list[Outage],
    back_in: float,
    most_repeats: int | None,
    connections: int,
) -> Verdict:
    broke = [visit for visit in visits if not visit.was_taken]
    beyond = sum(not any(within(visit, outage) for outage in outages) for visit in broke)
    repeats = repeats_of_readers(stage)
    allowed = connections * len(outages) if most_repeats is None else most_repeats
    taken = sum(visit.was_taken for visit in visits)
    return Verdict(
        passed=(
            balance.lost == 0
            and balance.is_even
            and balance.states == {DeliveryState.ACCEPTED: stage.readers.count}
            and repeats <= allowed
            and beyond == 0
            and back_in <= RECOVERED_SECONDS
        ),
        figure=(
            f"{len(outages)} outages: {balance.lost} lost, {repeats} repeated; "
            f"{taken:,} sign-ups taken and all mailed, "
            f"{len(broke) - beyond} refused during an outage and {beyond} beyond{statuses(broke)}; "
            f"back in {back_in:.1f} s at most"
        ),
        limit=(
            f"0 lost, at most {allowed} repeated, 0 sign-ups refused beyond the outages, "
            f"back within {RECOVERED_SECONDS:.0f} s"
        ),
    )


def recovery(stage: Stage, newcomers: Newcomers, outage: Outage) -> float:
    """How long after the outage mail flows and sign-ups are taken again."""
    counted = stage.sink.count()
    stage.wait_for_messages(counted + 1, seconds=120)
    mail_at = time.monotonic()
    wait_until(
        lambda: any(visit.was_taken and visit.ended > outage.ended for visit in list(newcomers.visits)),
        seconds=120,
        what="a sign-up after the outage",
    )
    ends = (visit.ended for visit in list(newcomers.visits) if visit.was_taken)
    sign_up_at = min(ended for ended in ends if ended > outage.ended)
    return max(mail_at, sign_up_at) - outage.ended


def statuses(broke: list[Visit]) -> str:
    """With which answers visitors were refused; 0 is none."""
    counted = sorted(Counter(visit.status for visit in broke).items())
    return f" ({', '.join(f'{count} times {status}' for status, count in counted)})" if counted else ""


def within(visit: Visit, outage: Outage) -> bool:
    """Whether a visit met the outage at all."""
    return visit.began <= outage.ended and visit.ended >= outage.began


def repeats_of_readers(stage: Stage) -> int:
    """How often a reader of the issue got it again; newcomers' mails are not counted."""
    theirs = {address_digest(address) for address in stage.readers.addresses()}
    return stage.sink.books().to(theirs).repeats.total


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Hold the lock of every writer."""
    if stage.is_sqlite:
        with closing(sqlite3.connect(stage.runtime.db.url.database or "", timeout=60)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.rollback()
        return
    with stage.runtime.db.engine.connect() as connection:
        while not has_locked(connection):
            connection.rollback()
        yield
        connection.rollback()


def has_locked(connection: Connection) -> bool:
    """Lock every table; False where others hold one and want another, so that somebody must give way."""
    try:
        connection.execute(text(f"LOCK TABLE {TABLES} IN ACCESS EXCLUSIVE MODE"))
    except OperationalError:
        return False
    return True

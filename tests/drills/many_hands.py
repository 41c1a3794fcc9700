"""Several schedulers at once, and workers that are frozen past their leases and wake up again."""

import random
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import update

from newsletters.delivery.batches import LEASE
from newsletters.delivery.models import Batch, DeliveryState
from newsletters.publishing.models import IssueState
from tests.drills.drill import Verdict
from tests.drills.fastsink.faults import Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import Program, connections_to, wait_until
from tests.drills.stage import LONGEST_SEND_SECONDS, Stage, now


@dataclass(frozen=True, kw_only=True)
class ManySchedulers:
    """``issues`` issues fall due at one moment, and every worker is a scheduler."""

    issues: int = 200
    readers: int = 100
    workers: int = 4

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers)) as stage:
            issues = [stage.schedule(subject=f"Issue {number}") for number in range(self.issues)]
            stage.workers(self.workers)
            wait_until(
                lambda: all(stage.state(issue) is IssueState.SENT for issue in issues),
                seconds=LONGEST_SEND_SECONDS,
                what="all issues to be sent",
            )
            balances = [stage.balance(issue) for issue in issues]
            entries = stage.sink.books().entries
        different = len({(entry.recipient, entry.message_id) for entry in entries})
        wanted = self.issues * self.readers
        return Verdict(
            passed=len(entries) == different == wanted
            and all(balance.is_even and balance.prepared == self.readers for balance in balances),
            figure=(
                f"{self.issues} issues due at once, {self.workers} schedulers: "
                f"{wanted - different} messages lost, {len(entries) - different} repeated, "
                f"{sum(balance.prepared for balance in balances):,} prepared"
            ),
            limit="0 lost, 0 repeated, every issue prepared once",
        )


@dataclass(frozen=True, kw_only=True)
class FrozenWorker:
    """One of ``workers`` workers is frozen past its lease, others take over, it wakes up: ``times`` times.

    ``waits`` is for leases to end by themselves; otherwise their time is let come in the database.
    """

    readers: int = 40_000
    times: int = 10
    workers: int = 3
    waits: bool = True

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers)) as stage:
            stage.sink.faults(Fault(phase="taken", kind="slow", seconds=0.02))
            workers = stage.workers(self.workers)
            issue_id = stage.schedule()
            allowed = 0
            for number in range(self.times):
                stage.wait_for_messages(self.readers * (number + 1) // (self.times + 2))
                allowed += self._freeze_once(stage, workers)
                ground.say(f"{number + 1} frozen, {stage.sink.count():,} messages")
            stage.sink.faults()
            stage.wait_for_end(issue_id)
            balance = stage.balance(issue_id)
            refused = sum("taken over by another worker" in worker.words() for worker in workers)
        return Verdict(
            passed=(
                balance.lost == balance.other_id == 0
                and balance.states == {DeliveryState.ACCEPTED: self.readers}
                and balance.is_even
                and balance.same_id <= allowed
            ),
            figure=(
                f"{self.times} workers frozen past their lease: {balance.lost} lost, "
                f"{balance.same_id} repeated under the same Message-ID, {balance.other_id} under another; "
                f"{refused} were refused when they woke"
            ),
            limit=f"0 lost, at most {allowed} repeated (one a connection)",
        )

    def _freeze_once(self, stage: Stage, workers: list[Program]) -> int:
        """Freeze one that sends, let the others take over, thaw; how many connections it had."""
        port = stage.sink.port
        sending: list[Program] = []

        def is_any_sending() -> bool:
            sending[:] = [worker for worker in workers if connections_to(worker.pid, port)]
            return bool(sending)

        wait_until(is_any_sending, seconds=120, what="a worker that sends")
        worker = random.choice(sending)
        freeze(stage, worker)
        connections = connections_to(worker.pid, port)
        if self.waits:
            time.sleep(LEASE.total_seconds() + 3)
        else:
            end_leases(stage)
        counted = stage.sink.count()
        stage.wait_for_messages(min(counted + 100, stage.readers.count), seconds=120)
        worker.send(signal.SIGCONT)
        return connections


def freeze(stage: Stage, worker: Program) -> None:
    """Freeze it; not while it holds SQLite's write lock, for then nobody else could write."""
    worker.send(signal.SIGSTOP)
    while stage.is_sqlite and is_locked(stage):
        worker.send(signal.SIGCONT)
        time.sleep(random.uniform(0, 0.01))
        worker.send(signal.SIGSTOP)


def is_locked(stage: Stage) -> bool:
    with closing(sqlite3.connect(stage.runtime.db.url.database or "", timeout=0.5)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def end_leases(stage: Stage) -> None:
    """Let every lease be over now; whoever lives takes its batches again or finds them taken."""
    with stage.runtime.db.transaction() as session:
        session.execute(
            update(Batch)
            .where(Batch.leased_until > now())
            .values(leased_until=now())
            .execution_options(synchronize_session=False)
        )

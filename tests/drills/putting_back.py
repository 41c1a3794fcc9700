"""A copy made in the middle of a send is put back after its end: nobody gets anything twice."""

import time
from dataclasses import dataclass

from sqlalchemy import select

from newsletters.cli.copies import back_up
from newsletters.cli.restoring import Restored, restore
from newsletters.delivery import restoring
from newsletters.publishing.models import IssueState, Newsletter
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.models import Subscription
from newsletters.subscribers.unsubscribe import end_subscription
from tests.drills.drill import Verdict
from tests.drills.ground import Ground
from tests.drills.leaving import is_quiet
from tests.drills.newsroom import Readers
from tests.drills.programs import wait_until
from tests.drills.stage import Stage, now
from tests.mailbox import Reader

LONGEST_COPY_SECONDS = 5 * 60.0  # so much may be lost
LONGEST_RESTORE_SECONDS = 30 * 60.0


@dataclass(frozen=True, kw_only=True)
class CopyPutBack:
    """An issue to ``readers`` readers, of whom ``leavers`` leave after the copy was made."""

    readers: int = 1_000_000
    leavers: int = 1_000

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers)) as stage:
            copying = self._send_and_copy(stage)
            done, restoring_seconds = self._put_back(stage)
            ground.say(f"restored in {restoring_seconds:.1f} s, {done.issues_held} issue held")
            sent = stage.sink.count()
            is_served = self._go_on(stage)
            balance = stage.balance(1)
            is_held = stage.state(1) is IssueState.PAUSED and done.issues_held == 1
            gone = done.replayed.departures if done.replayed is not None else 0
        repeated = balance.messages - sent - is_served
        return Verdict(
            passed=is_served
            and is_held
            and repeated == balance.repeats == 0
            and gone == self.leavers
            and copying <= LONGEST_COPY_SECONDS
            and restoring_seconds <= LONGEST_RESTORE_SECONDS,
            figure=(
                f"a database of {self.readers:,} readers copied in {copying:.1f} s while it sent, put back "
                f"and held in {restoring_seconds:.1f} s: {repeated} got the issue twice, {gone:,} of "
                f"{self.leavers:,} who had left since stayed gone, a new reader's confirmation "
                f"{'came' if is_served else 'did not come'}"
            ),
            limit="0 twice, all who left, copied in 5 min, put back in 30 min",
        )

    def _send_and_copy(self, stage: Stage) -> float:
        """How long it took to copy in the middle of a send, which then goes on to its end."""
        workers = stage.workers(2)
        issue_id = stage.schedule()
        stage.wait_for_messages(self.readers // 3)
        began = time.monotonic()
        back_up(stage.runtime, stage.folder / "copy.sqlite3")
        seconds = time.monotonic() - began
        stage.wait_for_end(issue_id)
        for worker in workers:
            worker.end()
        with stage.runtime.db.transaction() as session:
            leavers = select(Subscription).order_by(Subscription.id.desc()).limit(self.leavers)
            for row in session.scalars(leavers).all():
                end_subscription(session, row, Mechanism.ONE_CLICK, now=now())
        return seconds

    def _put_back(self, stage: Stage) -> tuple[Restored, float]:
        stage.runtime.close()
        began = time.monotonic()
        done = restore(stage.runtime, stage.folder / "copy.sqlite3", replay_from=None, now=now())
        return done, time.monotonic() - began

    def _go_on(self, stage: Stage) -> bool:
        """Whether a new reader is served while all else is held, and nothing leaves on the release either."""
        sent = stage.sink.count()
        workers = stage.workers(2)
        with stage.runtime.db.reading() as session:
            newsletter = session.scalars(select(Newsletter)).one()
        Reader(stage.runtime, "new@elsewhere.example").signs_up(newsletter)
        wait_until(lambda: stage.sink.count() > sent, seconds=60, what="the confirmation")
        with stage.runtime.db.transaction() as session:
            restoring.release(session, by="drill", now=now())
        wait_until(lambda: is_quiet(stage), seconds=60, what="quiet")
        for worker in workers:
            worker.end()
        return stage.sink.count() == sent + 1

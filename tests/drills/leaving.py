"""Readers leave, addresses are suppressed, an editor pauses: how soon a running send obeys."""

import random
import time
from dataclasses import dataclass

from newsletters.delivery.models import DeliveryState
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue
from newsletters.subscribers import suppression
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.drills.drill import Verdict
from tests.drills.fastsink.books import address_digest
from tests.drills.fastsink.faults import Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import wait_until
from tests.drills.stage import Stage, now
from tests.drills.visitors import leave

QUIET_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class LeavingMidway:
    """``leavers`` readers leave by one click, and as many are suppressed, while the issue is on its way."""

    readers: int = 50_000
    leavers: int = 1_000
    answer_seconds: float = 0.02
    most_seconds: float = 60.0

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers)) as stage:
            stage.sink.faults(Fault(phase="taken", kind="slow", seconds=self.answer_seconds))
            url = stage.serve()
            stage.workers(1)
            issue_id = stage.schedule()
            stage.wait_for_messages(1)
            gone = self._leave(stage, url, issue_id)
            stage.sink.faults()
            stage.wait_for_end(issue_id)
            balance = stage.balance(issue_id)
            mailed = {entry.recipient: entry.at for entry in stage.sink.books().entries}
        late = [mailed[digest] - at for digest, at in gone.items() if mailed.get(digest, at) > at]
        spared = sum(digest not in mailed for digest in gone)
        slowest = max(late, default=0.0)
        cancelled = balance.states.get(DeliveryState.CANCELLED, 0)
        left_out = self.readers - balance.prepared  # they left while the others were still being prepared
        return Verdict(
            passed=(
                len(gone) == 2 * self.leavers
                and spared > 0
                and slowest <= self.most_seconds
                and balance.repeats == 0
                and balance.is_even
                and cancelled + left_out == spared == balance.lost
            ),
            figure=(
                f"{len(gone):,} left or were suppressed midway: {spared:,} of them got nothing any more, "
                f"{len(late)} a message that was on its way, at most {slowest:.2f} s later; in the books "
                f"{cancelled:,} are cancelled, {left_out:,} were never prepared and {balance.lost:,} "
                f"had none; {balance.repeats} repeated"
            ),
            limit=f"no message later than {self.most_seconds:.0f} s, nobody else left out, 0 repeated",
        )

    def _leave(self, stage: Stage, url: str, issue_id: int) -> dict[int, float]:
        """Who left and when that was confirmed to them, by the digest of their address."""
        chosen = random.sample(range(self.readers), 2 * self.leavers)
        gone = {}
        for number, person in enumerate(chosen):
            address = stage.readers.address(person)
            if number % 2:
                status = leave(url, stage.runtime.signer, person + 1, issue_id)
                if status != 200:
                    raise RuntimeError(f"leaving was answered with {status}")
            else:
                with stage.runtime.db.transaction() as session:
                    suppression.suppress(
                        session,
                        address_hash=stage.runtime.digester.address(address),
                        reason=SuppressionReason.COMPLAINT,
                        now=now(),
                    )
            gone[address_digest(address)] = time.monotonic()
        return gone


@dataclass(frozen=True, kw_only=True)
class PausedAndResumed:
    """An editor pauses and resumes ``times`` times at random moments."""

    readers: int = 100_000
    times: int = 100
    most_seconds: float = 5.0

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers)) as stage:
            stage.workers(2)
            issue_id = stage.schedule()
            slowest = 0.0
            for number in range(self.times):
                stage.wait_for_messages(
                    random.randint(1, self.readers // (self.times + 1)) + stage.sink.count()
                )
                slowest = max(slowest, self._pause(stage, issue_id))
                if number % 10 == 9:
                    ground.say(f"{number + 1} pauses, {stage.sink.count():,} messages")
            stage.wait_for_end(issue_id)
            balance = stage.balance(issue_id)
        return Verdict(
            passed=slowest <= self.most_seconds
            and balance.repeats == balance.lost == 0
            and balance.is_even
            and balance.states == {DeliveryState.ACCEPTED: self.readers},
            figure=(
                f"{self.times} pauses: the last message at most {slowest:.2f} s after one; "
                f"{balance.lost} lost, {balance.repeats} repeated"
            ),
            limit=f"{self.most_seconds:.0f} s, 0 lost, 0 repeated",
        )

    def _pause(self, stage: Stage, issue_id: int) -> float:
        """Pause, wait until it is quiet, resume; how long after the pause the last message came."""
        with stage.runtime.db.transaction() as session:
            lifecycle.pause(session, session.get_one(Issue, issue_id), now=now())
        paused_at, paused_count = time.monotonic(), stage.sink.count()
        wait_until(lambda: is_quiet(stage), seconds=60, what="the pause to be in force")
        late = stage.sink.books(after=paused_count).entries
        with stage.runtime.db.transaction() as session:
            lifecycle.resume(session, session.get_one(Issue, issue_id), now=now())
        return max((entry.at - paused_at for entry in late), default=0.0)


def is_quiet(stage: Stage) -> bool:
    """Whether no message comes for a second."""
    before = stage.sink.count()
    time.sleep(QUIET_SECONDS)
    return stage.sink.count() == before

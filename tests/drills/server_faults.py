"""A mail server that does everything wrong in every phase, and one that takes nine minutes to answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, select

from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.publishing.models import IssueState
from tests.drills.drill import Verdict
from tests.drills.fastsink.faults import PHASES, Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.stage import Stage

KINDS = ("drop", "421 4.3.2 going down", "451 4.3.2 later", "garbage", "long", "drip")


@dataclass(frozen=True, kw_only=True)
class FaultsInEveryPhase:
    """Every kind of fault in every phase, each for a ``share`` of what passes there, then peace."""

    readers: int = 20_000
    share: float = 0.002
    wild_messages: int = 15_000

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers)) as stage:
            stage.sink.faults(*self._faults())
            worker = stage.worker().start().wait_for("worker ready")
            issue_id = stage.schedule()
            pushed = push_until(stage, issue_id, lambda: stage.sink.count() >= self.wild_messages)
            hits = stage.sink.hits()
            struck = sum(hits)
            stage.sink.faults()
            pushed += push_until(stage, issue_id, lambda: stage.state(issue_id) is IssueState.SENT)
            balance = stage.balance(issue_id)
            dearly = more_than_one_attempt(stage, issue_id)
            worker.end()
        kinds = sum(hit > 0 for hit in hits)
        return Verdict(
            passed=(
                balance.lost == balance.strangers == balance.other_id == balance.unprovoked == 0
                and balance.states == {DeliveryState.ACCEPTED: self.readers}
                and balance.is_even
                and dearly <= struck
            ),
            figure=(
                f"{struck:,} faults of {kinds} sorts struck {self.readers:,} readers: {balance.lost} lost, "
                f"{balance.unprovoked} repeated without cause, "
                f"{balance.same_id} after a lost answer under the same Message-ID, "
                f"{balance.other_id} under another; {dearly} needed more than one attempt"
            ),
            limit="0 lost, 0 repeated but after a lost answer, attempts only of those who were struck",
        )

    def _faults(self) -> list[Fault]:
        usual = [
            Fault(phase=phase, kind=kind, share=self.share, seconds=0.5)
            for phase in PHASES
            for kind in KINDS
            if phase not in ("starttls", "body", "taken")
        ]
        return [
            *usual,
            Fault(phase="body", kind="drop", share=self.share),
            Fault(phase="taken", kind="drop", share=self.share),
            Fault(phase="taken", kind="garbage", share=self.share),
        ]


@dataclass(frozen=True, kw_only=True)
class SlowAnswer:
    """An answer to the final dot that takes nine minutes is waited for (RFC 5321 section 4.5.3.2.6)."""

    seconds: float = 540.0

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(5)) as stage:
            stage.sink.faults(Fault(phase="taken", kind="slow", seconds=self.seconds, times=1))
            stage.workers(1)
            issue_id = stage.schedule()
            taken = stage.wait_for_end(issue_id, seconds=self.seconds + 60)
            balance = stage.balance(issue_id)
        return Verdict(
            passed=balance.messages == 5 and balance.lost == 0 and balance.is_even,
            figure=(
                f"an answer after {self.seconds:.0f} s: {balance.messages} messages to 5 readers, "
                f"all done in {taken:.0f} s"
            ),
            limit="one message each",
        )


def push_until(stage: Stage, issue_id: int, condition: Callable[[], bool], *, seconds: float = 900) -> int:
    """Wait for the condition, and cut short the minutes for which mail was put off; how often that was."""
    began, pushed = time.monotonic(), 0
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"issue {issue_id} is {stage.state(issue_id)} after {seconds:.0f} s")
        stage.bring_forward(issue_id)
        pushed += 1
        time.sleep(1.0)
    return pushed


def more_than_one_attempt(stage: Stage, issue_id: int) -> int:
    """How many readers were tried more than once, as far as that was counted against them."""
    with stage.runtime.db.reading() as session:
        counted = select(func.count()).where(Delivery.issue_id == issue_id, Delivery.attempts > 1)
        return session.scalar(counted) or 0

"""Workers killed as ``kill -9`` does, again and again, at random moments of a send.

The sink answers so slowly that there are readers left for every kill, half of the messages being taken before
the wait and half after it: a kill finds about half of what is on its way already delivered, which is as bad
as it can be. Some kills fall into the start of a worker, the freeze or a claim. Some take every worker at
once, and the time until mail flows again is measured.
"""

import random
import time
from dataclasses import dataclass, field

from newsletters.delivery.models import DeliveryState
from tests.drills.drill import Verdict
from tests.drills.fastsink.faults import Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import Nursery, connections_to, wait_until
from tests.drills.stage import Stage

RESUME_SECONDS = 30.0
EVERYBODY_SHARE = 0.03
ANY_MOMENT_SHARE = 0.1
LONGEST_PAUSE_SECONDS = 0.3
LONGEST_ANSWER_SECONDS = 0.75
LINES_A_WORKER = 10
SAID_EVERY = 50


@dataclass(frozen=True, kw_only=True)
class KilledWorkers:
    """``kills`` kills of one or all of ``workers`` workers while an issue goes to ``readers`` readers."""

    readers: int = 100_000
    kills: int = 1_000
    workers: int = 4
    batch_size: int = 200
    resumes_within: float = RESUME_SECONDS

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers), BATCH_SIZE=str(self.batch_size)) as stage:
            issue_id = stage.schedule()
            gang = Gang(stage, stage.nursery(), self.workers)
            while gang.kills < self.kills:
                self._kill_once(stage, gang)
                if gang.kills % SAID_EVERY == 0:
                    ground.say(f"{gang.kills:,} kills, {stage.sink.count():,} messages")
            stage.sink.faults()
            gang.refill()
            finished_in = stage.wait_for_end(issue_id)
            balance = stage.balance(issue_id)
        allowed = gang.connections_at_kills
        resumed = max(gang.resumed_in, default=0.0)
        return Verdict(
            passed=(
                balance.lost == balance.strangers == balance.other_id == 0
                and balance.states == {DeliveryState.ACCEPTED: self.readers}
                and balance.is_even
                and balance.same_id <= allowed
                and resumed <= self.resumes_within
            ),
            figure=(
                f"{gang.kills:,} kills, {self.readers:,} readers: {balance.lost} lost; "
                f"{balance.same_id:,} repeated under the same Message-ID, {balance.other_id} under another; "
                f"resumed in {resumed:.1f} s at most (all workers killed {len(gang.resumed_in)} times); "
                f"the rest sent {finished_in:.0f} s after the last kill"
            ),
            limit=(
                f"0 lost; at most {allowed:,} repeated (one a connection a kill), same Message-ID; "
                f"resumed within {self.resumes_within:.0f} s"
            ),
        )

    def _kill_once(self, stage: Stage, gang: "Gang") -> None:
        gang.refill()
        self._keep_pace(stage, gang)
        if random.random() < ANY_MOMENT_SHARE:
            time.sleep(random.uniform(0, 0.5))
            gang.kill(random.choice(gang.pids))
            return
        wait_until(gang.senders, seconds=120, what="workers that send")
        time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
        if random.random() < EVERYBODY_SHARE or not gang.resumed_in:
            gang.kill_everybody()
        else:
            gang.kill(random.choice(gang.senders() or gang.pids))

    def _keep_pace(self, stage: Stage, gang: "Gang") -> None:
        """Let answers take so long that readers and kills run out together."""
        spare = self.readers - stage.sink.count()
        seconds_left = (self.kills - gang.kills) * gang.seconds_a_kill()
        lines = self.workers * LINES_A_WORKER
        wait = min(LONGEST_ANSWER_SECONDS, lines * seconds_left / max(spare, 1))
        before = Fault(phase="dot", kind="slow", share=0.5, seconds=wait * 2)
        after = Fault(phase="taken", kind="slow", share=0.5, seconds=wait * 2)
        stage.sink.faults(before, after)


@dataclass
class Gang:
    """The workers of this drill, replaced as they are killed."""

    stage: Stage
    nursery: Nursery
    size: int
    pids: list[int] = field(default_factory=list)
    kills: int = 0
    connections_at_kills: int = 0
    resumed_in: list[float] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def refill(self) -> None:
        """Start as many as are missing, and wait for nothing."""
        while len(self.pids) < self.size:
            self.pids.append(self.nursery.spawn("worker.log"))

    def senders(self) -> list[int]:
        """Those with a connection to the sink."""
        port = self.stage.sink.port
        return [pid for pid in self.pids if connections_to(pid, port)]

    def seconds_a_kill(self) -> float:
        """How long a kill and what belongs to it has taken so far."""
        return (time.monotonic() - self.began) / self.kills if self.kills else 1.0

    def kill(self, pid: int) -> None:
        self.connections_at_kills += connections_to(pid, self.stage.sink.port)
        if not self.nursery.kill(pid):
            raise RuntimeError(f"a worker had ended by itself: {self.nursery.words('worker.log')[-2000:]}")
        self.pids.remove(pid)
        self.kills += 1

    def kill_everybody(self) -> None:
        """Kill all, start all, and measure until the next message is taken."""
        for pid in list(self.pids):
            self.kill(pid)
        counted = self.stage.sink.count()
        began = time.monotonic()
        self.refill()
        self.stage.wait_for_messages(counted + 1, seconds=300)
        self.resumed_in.append(time.monotonic() - began)

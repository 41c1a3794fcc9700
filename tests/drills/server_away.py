"""A mail server that goes away: the issue waits for it and says so, and no reader pays for it."""

import time
from dataclasses import dataclass

from sqlalchemy import func, select

from newsletters.delivery.batches import IN_DOUBT
from newsletters.delivery.models import Delivery
from newsletters.publishing.models import IssueState, PauseReason
from tests.certificates import found_authority
from tests.drills.drill import Verdict
from tests.drills.fastsink.faults import Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import wait_until
from tests.drills.server_faults import more_than_one_attempt, push_until
from tests.drills.stage import Stage


@dataclass(frozen=True, kw_only=True)
class ServerAway:
    """The mail server dies, asks for a rest, and loses its certificate: each ``seconds`` long."""

    readers: int = 5_000
    seconds: float = 60.0

    def __call__(self, ground: Ground) -> Verdict:
        figures = [self._wait_out(ground, outage) for outage in OUTAGES]
        lost = sum(figure[0] for figure in figures)
        paid = sum(figure[1] for figure in figures)
        doubted = sum(figure[4] for figure in figures)
        back_in = max(figure[2] for figure in figures)
        allowed = self.seconds + 15
        return Verdict(
            passed=lost == paid == 0 and all(figure[3] for figure in figures),
            figure=(
                f"3 outages of {self.seconds:.0f} s: the issue paused each time, said why, "
                f"and went on by itself within {back_in:.0f} s; "
                f"{lost} lost or repeated, {paid} readers' attempts spent "
                f"(and {doubted} of messages whose answer the server took with it)"
            ),
            limit=(
                f"paused with a reason, resumed by itself within {allowed:.0f} s, 0 lost, 0 attempts spent; "
                f"at most one message in doubt a connection and outage"
            ),
        )

    def _wait_out(self, ground: Ground, outage: "Outage") -> tuple[int, int, float, bool, int]:
        """Who was lost, who paid, how long the return took, if all went as promised, who was in doubt."""
        with ground.stage(Readers(self.readers)) as stage:
            outage.prepare(stage)
            stage.workers(1)
            stage.sink.allow(self.readers // 2)
            issue_id = stage.schedule()
            stage.wait_for_messages(self.readers // 2)
            connections = stage.sink.status()["open"]
            outage.begin(stage)
            wait_until(lambda: stage.state(issue_id) is IssueState.PAUSED, seconds=60, what="the pause")
            paused = stage.issue(issue_id)
            time.sleep(self.seconds)
            outage.end(stage)
            counted = stage.sink.count()
            back_in = wait_until(
                lambda: stage.sink.count() > counted, seconds=self.seconds + 30, what="mail after the outage"
            )
            push_until(stage, issue_id, lambda: stage.state(issue_id) is IssueState.SENT)
            balance = stage.balance(issue_id)
            doubted = in_doubt(stage, issue_id)
            paid = more_than_one_attempt(stage, issue_id) - doubted
        told = paused.pause_reason is PauseReason.SERVER and bool(paused.pause_detail)
        as_promised = told and back_in <= self.seconds + 15 and doubted <= connections
        return balance.lost + balance.repeats, paid, back_in, as_promised, doubted


@dataclass(frozen=True)
class Outage:
    """One way for a server to be away: it dies, or a fault in ``phase`` keeps everybody out."""

    phase: str = ""

    def prepare(self, stage: Stage) -> None:
        if self.phase == "starttls":
            authority = found_authority(stage.folder)
            stage.use_tls(authority.vouch("127.0.0.1"), authority.cafile)

    def begin(self, stage: Stage) -> None:
        if not self.phase:
            stage.sink.kill()
            return
        kind = "tls" if self.phase == "starttls" else "421 4.3.2 come back later"
        stage.sink.faults(Fault(phase=self.phase, kind=kind))  # type: ignore[arg-type]
        stage.sink.hang_up()

    def end(self, stage: Stage) -> None:
        if not self.phase:
            stage.sink.start()
        stage.sink.faults()
        stage.sink.allow_all()


def in_doubt(stage: Stage, issue_id: int) -> int:
    """How many messages had been handed over whole when the server went, and were sent a second time."""
    with stage.runtime.db.reading() as session:
        counted = select(func.count()).where(
            Delivery.issue_id == issue_id, Delivery.attempts == 2, Delivery.reason == IN_DOUBT
        )
        return session.scalar(counted) or 0


OUTAGES = (Outage(), Outage("greeting"), Outage("starttls"))

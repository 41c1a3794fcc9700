"""A send to very many readers with nothing wrong: every message once, and the books balance."""

import time
from dataclasses import dataclass

from newsletters.delivery.models import DeliveryState
from tests.drills.drill import Verdict
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import peak_memory_bytes
from tests.drills.stage import Balance, Stage

SAID_EVERY_SECONDS = 30.0
MEGABYTE = 1 << 20


def is_perfect(balance: Balance, readers: int) -> bool:
    """Whether every reader got the issue exactly once, and all books say so."""
    return (
        balance.is_even
        and balance.states == {DeliveryState.ACCEPTED: readers}
        and balance.messages == readers
        and balance.lost == balance.strangers == balance.repeats == 0
    )


@dataclass(frozen=True, kw_only=True)
class EverybodyOnce:
    """An issue to ``readers`` readers from ``workers`` workers at the same time."""

    readers: int = 1_000_000
    workers: int = 8

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(self.readers)) as stage:
            workers = stage.workers(self.workers)
            issue_id = stage.schedule()
            began = time.monotonic()
            stage.wait_for_messages(1)
            first_in = time.monotonic() - began
            self._report(stage, ground)
            stage.wait_for_end(issue_id)
            seconds = time.monotonic() - began
            memory = max(peak_memory_bytes(worker.pid) for worker in workers)
            balance = stage.balance(issue_id)
        return Verdict(
            passed=is_perfect(balance, self.readers),
            figure=(
                f"{self.readers:,} readers, {self.workers} workers: {balance.lost} lost, "
                f"{balance.repeats} twice, "
                f"{balance.accepted:,} accepted in our books and {balance.messages:,} in the server's; "
                f"first message after {first_in:.1f} s, {self.readers / seconds:,.0f} a second in all, "
                f"a worker's memory {memory / MEGABYTE:.0f} MB at most"
            ),
            limit="0 lost, 0 twice, books equal",
        )

    def _report(self, stage: Stage, ground: Ground) -> None:
        while (sent := stage.sink.count()) < self.readers:
            ground.say(f"{sent:,} of {self.readers:,} messages")
            try:
                stage.wait_for_messages(self.readers, seconds=SAID_EVERY_SECONDS)
            except TimeoutError:
                if stage.sink.count() == sent:
                    raise


@dataclass(frozen=True, kw_only=True)
class FlatMemory:
    """One worker's memory with ``readers`` waiting, beside its memory with a hundredth of them."""

    readers: int = 5_000_000
    messages: int = 20_000
    most_growth: float = 0.1

    def __call__(self, ground: Ground) -> Verdict:
        few, many = (self._peak(ground, readers) for readers in (self.readers // 100, self.readers))
        growth = many / few - 1
        return Verdict(
            passed=growth <= self.most_growth,
            figure=(
                f"{many / MEGABYTE:.0f} MB with {self.readers:,} readers waiting, "
                f"{few / MEGABYTE:.0f} MB with {self.readers // 100:,}: {growth:+.0%}"
            ),
            limit=f"+{self.most_growth:.0%}",
        )

    def _peak(self, ground: Ground, readers: int) -> int:
        with ground.stage(Readers(readers)) as stage:
            (worker,) = stage.workers(1)
            stage.schedule()
            stage.wait_for_messages(min(self.messages, readers))
            return peak_memory_bytes(worker.pid)

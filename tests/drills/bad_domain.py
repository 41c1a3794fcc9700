"""One domain's servers are slow or refuse: the readers of all others must hardly notice."""

import statistics
import time
from dataclasses import dataclass

from tests.drills.drill import Verdict
from tests.drills.fastsink.faults import Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import wait_until
from tests.drills.stage import Stage


@dataclass(frozen=True, kw_only=True)
class BadDomain:
    """One domain in ten is slow or refuses: how much later the other readers have the issue."""

    readers: int = 20_000
    rounds: int = 5
    answer_seconds: float = 0.05
    most_slowdown: float = 0.05

    def __call__(self, ground: Ground) -> Verdict:
        domains = ("bad.example", *(f"d{number}.example" for number in range(9)))
        readers = Readers(self.readers, domains)
        slowdowns = []
        for number in range(self.rounds):
            calm = self._seconds(ground, readers, Fault(phase="mail", kind="slow", domain="nobody.example"))
            slowdowns += [self._seconds(ground, readers, fault) / calm - 1 for fault in BAD]
            ground.say(f"round {number + 1}: {', '.join(f'{each:+.1%}' for each in slowdowns[-len(BAD) :])}")
        middles = [statistics.median(slowdowns[kind :: len(BAD)]) for kind in range(len(BAD))]
        worst = max(middles)
        return Verdict(
            passed=worst <= self.most_slowdown,
            figure=(
                f"the others were slowed by {worst:+.1%} "
                f"(median of {self.rounds} rounds, the worst of {len(BAD)} faults)"
            ),
            limit=f"+{self.most_slowdown:.0%}",
        )

    def _seconds(self, ground: Ground, readers: Readers, fault: Fault) -> float:
        """How long it takes until everybody outside the bad domain has the issue."""
        with ground.stage(readers) as stage:
            stage.sink.faults(fault, Fault(phase="taken", kind="slow", seconds=self.answer_seconds))
            stage.workers(1)
            stage.schedule()
            stage.wait_for_messages(1)
            began = time.monotonic()
            others = self.readers * 9 // 10
            wait_until(lambda: reached(stage) >= others, seconds=600, what="the other readers")
            return time.monotonic() - began


BAD = (
    Fault(phase="rcpt", kind="451 4.3.2 later", domain="bad.example"),
    Fault(phase="rcpt", kind="slow", seconds=2.0, domain="bad.example"),
    Fault(phase="dot", kind="drip", seconds=2.0, domain="bad.example"),
)


def reached(stage: Stage) -> int:
    """How many readers outside the bad domain have the issue."""
    books = stage.sink.books()
    return books.messages - sum(1 for _ in books.to_domain("bad.example"))

"""Who may write for a batch, and what happens when a worker dies or cannot write."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from config import Config
from newsletters.delivery import batches
from newsletters.delivery.batches import LEASE, Hold, LeaseLost
from newsletters.delivery.ledger import Ledger
from newsletters.delivery.models import DeliveryState
from newsletters.delivery.outcomes import Entered, Outcome, Page
from newsletters.delivery.queries import progress
from newsletters.kernel.clock import FixedClock
from newsletters.publishing import lifecycle
from newsletters.runtime import Runtime
from newsletters.tasks.periodic import doubt_abandoned
from newsletters.tasks.register import Tasks
from tests.delivering import (
    Watched,
    act_on,
    claim_batch,
    delivery_to,
    make_audience,
    outcomes,
    send_with,
    start_issue,
    work,
)
from tests.sink import SinkProcess

ACCEPTED, WAITING, UNKNOWN = DeliveryState.ACCEPTED, DeliveryState.WAITING, DeliveryState.UNKNOWN


@pytest.fixture
def config(config: Config, sink: SinkProcess) -> Config:
    return replace(config, smtp_url=f"{sink.smtp_url}?connections=1")


def test_a_stale_worker_is_refused_and_sends_nothing_more(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 3))

    def freeze_past_the_lease() -> None:
        clock.advance(LEASE + timedelta(seconds=1))
        assert claim_batch(runtime, "another") is not None

    send_with(tasks, after_first=freeze_past_the_lease)

    assert sink.stats()["messages"] == 1
    assert outcomes(runtime.db, issue_id) == {UNKNOWN: 1, WAITING: 2}


def test_after_a_crash_exactly_the_message_in_flight_is_in_doubt(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 4))

    with pytest.raises(KeyboardInterrupt):
        send_with(tasks, after_first=_die)
    clock.advance(LEASE + timedelta(seconds=1))
    work(runtime, tasks)

    rows = [delivery_to(runtime.db, issue_id, f"reader{n}@readers.example") for n in range(4)]
    assert [row.reason for row in rows] == ["in_doubt", "", "", ""]
    stats = sink.stats()
    assert (stats["messages"], stats["distinct_recipients"], stats["duplicates"]) == (5, 4, 1)


def test_a_paused_issue_says_what_its_dead_worker_had_begun(
    runtime: Runtime, tasks: Tasks, clock: FixedClock
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 3))
    with pytest.raises(KeyboardInterrupt):
        send_with(tasks, after_first=_die)
    act_on(runtime.db, issue_id, lifecycle.pause)
    doubt_abandoned(runtime)
    within_its_lease = outcomes(runtime.db, issue_id)

    clock.advance(LEASE + timedelta(seconds=1))
    doubt_abandoned(runtime)

    assert within_its_lease == {WAITING: 3}
    assert outcomes(runtime.db, issue_id) == {UNKNOWN: 1, WAITING: 2}
    with runtime.db.reading() as session:
        told = progress(session, issue_id, now=clock.now())
    assert (told.unknown, told.waiting) == (1, 2)


def test_two_workers_never_hold_one_batch(runtime: Runtime) -> None:
    start_issue(runtime, make_audience(runtime.db, 3))

    first, second = claim_batch(runtime, "first"), claim_batch(runtime, "second")

    assert first is not None
    assert second is None


def test_a_lease_that_was_lost_cannot_be_handed_back(runtime: Runtime, clock: FixedClock) -> None:
    start_issue(runtime, make_audience(runtime.db, 3))
    claim = claim_batch(runtime, "first")
    assert claim is not None
    clock.advance(LEASE)
    assert claim_batch(runtime, "second") is not None

    with pytest.raises(LeaseLost), runtime.db.transaction() as session:
        batches.hand_back(session, claim, now=clock.now())


def test_a_kept_lease_is_not_taken_over(runtime: Runtime, clock: FixedClock) -> None:
    start_issue(runtime, make_audience(runtime.db, 3))
    claim = claim_batch(runtime, "first")
    assert claim is not None
    clock.advance(LEASE - timedelta(seconds=1))
    with runtime.db.transaction() as session:
        batches.count(session, claim, now=clock.now())

    clock.advance(LEASE - timedelta(seconds=1))

    assert claim_batch(runtime, "second") is None


def test_while_nothing_can_be_committed_nothing_is_sent(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 3))
    loop = tasks.deliveries.loop
    broken = BreakableLedger(loop.stock.ledger, watch=lambda: sink.stats()["messages"])
    loop.stock.ledger = broken
    Watched(loop, after_first=lambda: broken.fail(times=3))

    loop.run_until_idle()

    assert broken.seen_at_failures == [1, 1, 1]
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 3}
    assert sink.stats()["duplicates"] == 0


class BreakableLedger(Ledger):
    """A ledger whose commits can be made to fail, as on a full disk."""

    def __init__(self, real: Ledger, *, watch: Callable[[], int]) -> None:
        self._real = real
        self._watch = watch
        self._failures = 0
        self.seen_at_failures: list[int] = []

    def fail(self, *, times: int) -> None:
        self._failures = times

    def write(self, pages: Sequence[Page], *, now: datetime) -> dict[Hold, Entered]:
        if self._failures:
            self._failures -= 1
            self.seen_at_failures.append(self._watch())
            raise OperationalError("COMMIT", {}, Exception("disk full"))
        return self._real.write(pages, now=now)

    def write_off(self, session: Session, hold: Hold, outcomes: Sequence[Outcome]) -> None:
        self._real.write_off(session, hold, outcomes)

    def close(self) -> None:
        self._real.close()


def _die() -> None:
    raise KeyboardInterrupt

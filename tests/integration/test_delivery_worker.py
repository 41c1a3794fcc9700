"""What a worker finds by itself: dead holders, missed schedules, erased readers, measured rates."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from config import Config
from newsletters.bounces.models import Bounce, BounceKind
from newsletters.delivery import batches, freeze, servers_books
from newsletters.delivery.batches import LEASE
from newsletters.delivery.models import Batch, Delivery, DeliveryState
from newsletters.delivery.queries import deliveries_to, progress, reasons
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.identity import is_known_dead, worker_name
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.runtime import Runtime
from newsletters.subscribers.erasure import erase, unfinished_erasures
from newsletters.subscribers.models import Subscriber
from newsletters.tasks.periodic import finish_erasures
from newsletters.tasks.register import Tasks
from tests.conftest import NOW
from tests.delivering import (
    claim_batch,
    delivery_to,
    make_audience,
    outcomes,
    schedule_issue,
    send_with,
    state_of,
    work,
)
from tests.sink import SinkProcess

WAITING, ACCEPTED, UNKNOWN = DeliveryState.WAITING, DeliveryState.ACCEPTED, DeliveryState.UNKNOWN
NAME_OF_A_PROCESS = "from newsletters.kernel.identity import worker_name; print(worker_name())"


@pytest.fixture
def config(config: Config, sink: SinkProcess) -> Config:
    return replace(config, smtp_url=f"{sink.smtp_url}?connections=1", batch_size=5)


def test_eight_workers_share_the_batches_and_none_is_held_twice(runtime: Runtime) -> None:
    _started(runtime, 400)

    def claim_all(worker: int) -> list[int]:
        held = []
        while (claim := claim_batch(runtime, f"worker {worker}")) is not None:
            held.append(claim.batch_id)
        return held

    with ThreadPoolExecutor(8) as pool:
        held = [batch for batches in pool.map(claim_all, range(8)) for batch in batches]

    assert len(held) == len(set(held)) == 80


def test_the_batch_of_a_process_that_died_here_is_free_at_once(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = _started(runtime, 3)
    assert claim_batch(runtime, _name_of_a_dead_process()) is not None

    work(runtime, tasks)

    assert state_of(runtime.db, issue_id) is IssueState.SENT
    assert sink.stats()["messages"] == 3


def test_the_batch_of_somebody_who_may_live_is_left_alone(runtime: Runtime, tasks: Tasks) -> None:
    issue_id = _started(runtime, 3)
    assert claim_batch(runtime, worker_name()) is not None

    work(runtime, tasks)

    assert outcomes(runtime.db, issue_id) == {WAITING: 3}


@pytest.mark.parametrize("name", ["", "worker-abc", "elsewhere/4026531836:1:1", "a:b:c"])
def test_nobody_of_another_place_is_taken_for_dead(name: str) -> None:
    assert not is_known_dead(name)


def test_a_later_process_with_the_same_number_is_not_the_dead_one() -> None:
    place, _, _started_at = worker_name().rpartition(":")

    assert is_known_dead(f"{place}:1")
    assert not is_known_dead(worker_name())


def test_what_a_dead_worker_of_this_machine_held_is_free_at_once(runtime: Runtime, tasks: Tasks) -> None:
    _started(runtime, 3)
    dead = f"{worker_name().rpartition(':')[0]}:1"
    claim_batch(runtime, dead)
    with runtime.db.transaction() as session:
        servers_books.announce(session, dead, {"mx.example:25": 3}, now=NOW)

    tasks.pulse.release_the_dead()

    with runtime.db.transaction() as session:
        alone = servers_books.announce(session, "heir", {"mx.example:25": 0}, now=NOW)
    assert [share.worker for share in alone["mx.example:25"]] == ["heir"]
    assert claim_batch(runtime, "heir") is not None


def test_a_cancelled_issue_leaves_in_doubt_what_a_dead_worker_had_begun(
    runtime: Runtime, tasks: Tasks, clock: FixedClock
) -> None:
    issue_id = _started(runtime, 3)
    claim = claim_batch(runtime, "dead")
    assert claim is not None
    _begin(runtime.db, claim, claim.first_id)
    with runtime.db.transaction() as session:
        lifecycle.cancel(session, session.get_one(Issue, issue_id), now=NOW)

    work(runtime, tasks)
    while_held = outcomes(runtime.db, issue_id)
    clock.advance(LEASE + timedelta(seconds=1))
    work(runtime, tasks)

    assert while_held == {WAITING: 3}
    assert outcomes(runtime.db, issue_id) == {UNKNOWN: 1, DeliveryState.CANCELLED: 2}


def test_a_schedule_missed_while_nothing_ran_asks_and_can_be_sent_then(
    runtime: Runtime, tasks: Tasks, clock: FixedClock
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 2), at=NOW)
    clock.advance(timedelta(hours=3))

    work(runtime, tasks)
    state_found = state_of(runtime.db, issue_id)
    with runtime.db.transaction() as session:
        issue = session.get_one(Issue, issue_id)
        lifecycle.send_now(session, issue, undo_seconds=0, editor_id=None, now=clock.now())
    work(runtime, tasks)

    assert state_found is IssueState.MISSED
    assert state_of(runtime.db, issue_id) is IssueState.SENT


def test_an_issue_that_cannot_start_holds_up_no_other(
    runtime: Runtime, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    broken = schedule_issue(runtime.db, make_audience(runtime.db, 1, first="one"), at=NOW)
    well = schedule_issue(runtime.db, make_audience(runtime.db, 1, first="two"), at=NOW)
    with runtime.db.transaction() as session:
        reader = session.scalars(select(Subscriber).where(Subscriber.email == "one0@readers.example")).one()
        session.add(Delivery(issue_id=broken, subscriber_id=reader.id))  # in the way of its own first row

    work(runtime, tasks)

    assert state_of(runtime.db, broken) is IssueState.SCHEDULED
    assert state_of(runtime.db, well) is IssueState.SENT
    assert f"issue {broken}: _start failed" in caplog.text


def test_the_rate_is_measured_and_so_is_the_time_left(
    runtime: Runtime, tasks: Tasks, clock: FixedClock
) -> None:
    issue_id = _started(runtime, 20)
    for _ in range(3):
        assert claim_batch(runtime, "somebody else") is not None
    work(runtime, tasks)

    clock.advance(timedelta(seconds=10))
    with runtime.db.reading() as session:
        now = progress(session, issue_id, now=clock.now())

    assert (now.accepted, now.waiting) == (5, 15)
    assert now.rate_per_second == pytest.approx(0.5)
    assert now.seconds_left == 30


def test_what_servers_put_off_has_a_next_try_and_no_time_left(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    sink.faults({"match": "reader0@*", "fault": "451-4.3.2"})
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 3), at=NOW)
    work(runtime, tasks)

    with runtime.db.reading() as session:
        now = progress(session, issue_id, now=NOW + timedelta(seconds=10))
        (put_off,) = session.scalars(select(Delivery).where(Delivery.next_attempt_at.is_not(None)))

    assert (now.accepted, now.waiting) == (2, 1)
    assert now.rate_per_second > 0
    assert (now.seconds_left, now.put_off_until) == (None, put_off.next_attempt_at)


def test_nothing_measured_promises_nothing(runtime: Runtime) -> None:
    issue_id = _started(runtime, 20)

    with runtime.db.reading() as session:
        now = progress(session, issue_id, now=NOW + timedelta(seconds=1))

    assert (now.rate_per_second, now.seconds_left) == (0.0, None)


def test_a_bug_while_sending_pauses_the_issue_and_leaves_its_message_in_doubt(
    runtime: Runtime, tasks: Tasks, caplog: pytest.LogCaptureFixture
) -> None:
    issue_id = _started(runtime, 3)

    send_with(tasks, after_first=_break)

    with runtime.db.reading() as session:
        issue = session.get_one(Issue, issue_id)
        assert (issue.state, issue.pause_reason) == (IssueState.PAUSED, PauseReason.CONTENT)
    assert outcomes(runtime.db, issue_id) == {UNKNOWN: 1, WAITING: 2}
    assert "a bug" in caplog.text
    assert "@readers.example" not in caplog.text


def test_an_erased_reader_leaves_no_trace_in_deliveries_and_bounces(runtime: Runtime, tasks: Tasks) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 1), at=NOW)
    work(runtime, tasks)
    with runtime.db.transaction() as session:
        reader = session.scalars(select(Subscriber)).one()
        quoted = f"250 2.0.0 <{reader.email}> accepted"
        session.execute(update(Delivery).values(reply=quoted))
        session.add(Bounce(subscriber_id=reader.id, kind=BounceKind.SOFT, reply=quoted, at=NOW))
        erase(session, reader, means=runtime, now=NOW)

    finish_erasures(runtime)

    with runtime.db.reading() as session:
        rows = deliveries_to(session, reader.id)
        assert [(row.issue_id, row.state, row.reply) for row in rows] == [(issue_id, ACCEPTED, "")]
        assert session.scalars(select(Bounce)).all() == []
        assert list(unfinished_erasures(session)) == []


def test_reasons_say_how_many_readers_share_one(runtime: Runtime, tasks: Tasks, sink: SinkProcess) -> None:
    sink.faults({"match": "reader0@*", "fault": "550-5.7.1"})
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 4), at=NOW)
    work(runtime, tasks)

    with runtime.db.reading() as session:
        counted = [(row.state, row.reason, row.readers) for row in reasons(session, issue_id)]

    assert counted == [(ACCEPTED, "", 3), (DeliveryState.FAILED, "policy", 1)]
    assert delivery_to(runtime.db, issue_id, "reader0@readers.example").reply.startswith("550 5.7.1")


def _break() -> None:
    """Something nobody thought of."""
    raise RuntimeError("a bug")


def _started(runtime: Runtime, readers: int) -> int:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, readers), at=NOW)
    with runtime.db.transaction() as session:
        freeze.start(session, issue_id, batch_size=runtime.config.batch_size, now=NOW)
    return issue_id


def _begin(db: Database, hold: batches.Hold, subscriber_id: int) -> None:
    with db.transaction() as session:
        session.get_one(Batch, hold.batch_id).in_flight = str(subscriber_id)


def _name_of_a_dead_process() -> str:
    ended = subprocess.run(
        [sys.executable, "-c", NAME_OF_A_PROCESS], capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()

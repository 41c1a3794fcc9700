"""Real worker processes, stopped, paused and left without a server in the middle of a send.

Killed and frozen ones are drills of their own (test_drills.py, test_machines.py).
"""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from config import Config
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.db import Database
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, PauseReason
from tests.delivering import WorkerProcess, make_audience, outcomes, schedule_issue, state_of
from tests.sink import SinkProcess, wait_until

READERS = 2500
CONNECTIONS = 4
PAUSES_AT = (150, 151, 900)  # messages: twice at once, and later; at random in the drills
SEND_SECONDS = 600.0  # a bound for a machine that is very busy; a free one needs some ten seconds
ACCEPTED, WAITING = DeliveryState.ACCEPTED, DeliveryState.WAITING


@pytest.fixture
def worker(config: Config, sink: SinkProcess, tmp_path: Path) -> Iterator[WorkerProcess]:
    made = WorkerProcess(config, sink, tmp_path / "worker", BATCH_SIZE="100", SMTP_URL=_few(sink))
    yield made
    made.end()


def test_a_worker_told_to_stop_drains_and_repeats_nothing(
    db: Database, sink: SinkProcess, worker: WorkerProcess
) -> None:
    issue_id = schedule_issue(db, make_audience(db, READERS), at=_now())

    statuses = []
    for moment, number in ((500, signal.SIGTERM), (1500, signal.SIGINT)):
        worker.start()
        _wait_for_messages(sink, moment)
        statuses.append(worker.end(number))
        assert outcomes(db, issue_id)[ACCEPTED] == sink.stats()["messages"]
    worker.start()
    _wait_for_end(db, issue_id)

    stats = sink.stats()
    assert statuses == [0, 0]
    assert outcomes(db, issue_id) == {ACCEPTED: READERS}
    assert (stats["messages"], stats["distinct_recipients"]) == (READERS, READERS)


def test_pausing_and_resuming_repeats_nothing_and_a_confirmation_overtakes(
    db: Database, sink: SinkProcess, worker: WorkerProcess
) -> None:
    issue_id = schedule_issue(db, make_audience(db, READERS), at=_now())
    worker.start()
    for moment in PAUSES_AT:
        _wait_for_messages(sink, moment)
        _act(db, issue_id, lifecycle.Action.PAUSE)
        if moment == PAUSES_AT[-1]:  # before it goes on: many are still there to be overtaken
            sink.faults({"match": "reader*@*", "fault": "slow-0.5"})
        _act(db, issue_id, lifecycle.Action.RESUME)

    with db.transaction() as session:
        params = {"subject": "Please confirm", "text": "Yes?", "html": "<p>Yes?</p>"}
        queue(session, QueuedMail("composed", "new@readers.example", "en", params), now=_now())
    sink.message(to="new@readers.example", timeout=SEND_SECONDS)
    left_when_overtaken = READERS - sink.stats()["messages"]
    sink.faults()
    _wait_for_end(db, issue_id)

    stats = sink.stats()
    assert left_when_overtaken > 0
    assert (stats["messages"], stats["distinct_recipients"]) == (READERS + 1, READERS + 1)


def test_a_server_that_goes_away_during_the_send_is_waited_for(
    db: Database, sink: SinkProcess, worker: WorkerProcess
) -> None:
    issue_id = schedule_issue(db, make_audience(db, READERS), at=_now())
    worker.start()
    _wait_for_messages(sink, 300)

    sink.kill()
    wait_until(lambda: state_of(db, issue_id) is IssueState.PAUSED, timeout=SEND_SECONDS, what="the pause")
    with db.reading() as session:
        reason = session.get_one(Issue, issue_id).pause_reason
    sink.start()
    wait_until(lambda: WAITING not in outcomes(db, issue_id), timeout=SEND_SECONDS, what="the rest")

    found = outcomes(db, issue_id)
    doubtful = found.pop(DeliveryState.UNKNOWN, 0)  # their dot was out when it died; retried in some minutes
    assert reason is PauseReason.SERVER
    assert found == {ACCEPTED: READERS - doubtful}
    assert doubtful <= CONNECTIONS
    assert sink.stats()["distinct_recipients"] >= READERS - doubtful
    assert sink.stats()["duplicates"] == 0
    with db.reading() as session:
        assert set(session.scalars(select(Delivery.attempts))) == {1}


def _few(sink: SinkProcess) -> str:
    return f"{sink.smtp_url}?connections={CONNECTIONS}"


def _now() -> datetime:
    return datetime.now(UTC)


def _act(db: Database, issue_id: int, action: lifecycle.Action) -> None:
    with db.transaction() as session:
        issue = session.get_one(Issue, issue_id)
        if action is lifecycle.Action.PAUSE:
            lifecycle.pause(session, issue, now=_now())
        else:
            lifecycle.resume(session, issue, now=_now())


def _wait_for_messages(sink: SinkProcess, count: int) -> None:
    wait_until(lambda: sink.stats()["messages"] >= count, timeout=SEND_SECONDS, what=f"{count} messages")


def _wait_for_end(db: Database, issue_id: int) -> None:
    wait_until(
        lambda: state_of(db, issue_id) is IssueState.SENT, timeout=SEND_SECONDS, what="the issue to be sent"
    )

"""What the server may answer for all: the issue stands still and nobody's attempts are spent."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from config import Config
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.clock import FixedClock
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.runtime import Runtime
from newsletters.tasks.register import Tasks
from tests.conftest import NOW
from tests.delivering import (
    act_on,
    make_audience,
    schedule_issue,
    state_of,
    work,
)
from tests.sink import SinkProcess

WAITING = DeliveryState.WAITING


@pytest.fixture
def config(config: Config, sink: SinkProcess) -> Config:
    return replace(config, smtp_url=sink.smtp_url)


def test_a_server_that_is_away_pauses_the_issue_and_costs_nobody_an_attempt(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 3), at=NOW)
    sink.stop()

    work(runtime, tasks)
    with runtime.db.reading() as session:
        paused = session.get_one(Issue, issue_id)
        attempts = set(session.scalars(select(Delivery.attempts)))
    sink.start()
    clock.advance(timedelta(seconds=6))
    work(runtime, tasks)
    work(runtime, tasks)

    assert (paused.state, paused.pause_reason) == (IssueState.PAUSED, PauseReason.SERVER)
    assert "connect" in paused.pause_detail
    assert attempts == {0}
    assert state_of(runtime.db, issue_id) is IssueState.SENT
    with runtime.db.reading() as session:
        assert set(session.scalars(select(Delivery.attempts))) == {1}


def test_an_absent_server_is_asked_ever_more_rarely(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 1), at=NOW)
    sink.stop()
    waits = []

    for _ in range(9):
        work(runtime, tasks)
        with runtime.db.reading() as session:
            resume_at = session.get_one(Issue, issue_id).resume_at
        assert resume_at is not None
        waits.append((resume_at - clock.now()).total_seconds())
        clock.advance(resume_at - clock.now())

    assert waits == [5, 5, 10, 20, 40, 80, 160, 300, 300]


def test_what_an_editor_paused_no_server_resumes(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 1), at=NOW)
    sink.stop()
    work(runtime, tasks)
    act_on(runtime.db, issue_id, lifecycle.pause)

    sink.start()
    clock.advance(timedelta(minutes=10))
    work(runtime, tasks)

    with runtime.db.reading() as session:
        issue = session.get_one(Issue, issue_id)
        assert (issue.state, issue.pause_reason) == (IssueState.PAUSED, PauseReason.EDITOR)


@pytest.mark.parametrize("fault", ["mail-451", "mail-550-5.7.1", "mail-550", "greet-554", "ehlo-421"])
def test_what_the_server_says_to_all_pauses_the_issue_and_spends_no_attempt(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, fault: str
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 5), at=NOW)
    sink.faults({"fault": fault, "match": "*"})

    work(runtime, tasks)

    with runtime.db.reading() as session:
        issue = session.get_one(Issue, issue_id)
        assert (issue.state, issue.pause_reason) == (IssueState.PAUSED, PauseReason.SERVER)
        assert set(session.scalars(select(Delivery.attempts))) == {0}
        assert set(session.scalars(select(Delivery.state))) == {WAITING}


def test_a_server_that_hangs_up_on_everyone_counts_as_away(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 20), at=NOW)
    sink.faults({"fault": "drop-before-data", "match": "*"})

    work(runtime, tasks)

    with runtime.db.reading() as session:
        assert session.get_one(Issue, issue_id).pause_reason is PauseReason.SERVER
        assert set(session.scalars(select(Delivery.attempts))) == {0}
    assert sink.fault_hits()[0] >= 3


def test_a_message_too_large_for_the_server_waits_for_an_editor(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 2), at=NOW)
    sink.faults({"fault": "size-200"})

    work(runtime, tasks)

    with runtime.db.reading() as session:
        issue = session.get_one(Issue, issue_id)
        assert (issue.state, issue.pause_reason) == (IssueState.PAUSED, PauseReason.CONTENT)
        assert "200 bytes" in issue.pause_detail
        assert set(session.scalars(select(Delivery.state))) == {WAITING}

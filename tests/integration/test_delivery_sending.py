"""One sender against the real sink: everybody is reached once, and what people do meanwhile is obeyed."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from config import Config
from newsletters.delivery.models import Batch, DeliveryState
from newsletters.delivery.queries import progress, recipients
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.mail.verp import IssueBounce
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber, SubscriptionState
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.tasks.register import Tasks
from tests.conftest import NOW
from tests.delivering import (
    act_on,
    delivery_to,
    make_audience,
    outcomes,
    schedule_issue,
    send_with,
    start_issue,
    state_of,
    subscription_of,
    work,
)
from tests.sink import SinkProcess

ACCEPTED, CANCELLED = DeliveryState.ACCEPTED, DeliveryState.CANCELLED


@pytest.fixture
def config(config: Config, sink: SinkProcess) -> Config:
    return replace(config, smtp_url=f"{sink.smtp_url}?connections=1")


def test_every_reader_gets_one_message_and_the_books_balance(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 450), at=NOW)

    work(runtime, tasks)

    assert state_of(runtime.db, issue_id) is IssueState.SENT
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 450}
    stats = sink.stats()
    assert (stats["messages"], stats["distinct_recipients"], stats["duplicates"]) == (450, 450, 0)
    with runtime.db.reading() as session:
        now = progress(session, issue_id, now=NOW)
        assert (now.prepared, now.accepted, now.waiting) == (450, 450, 0)
        assert session.get_one(Issue, issue_id).sent_at == NOW


def test_a_message_carries_its_readers_own_way_out_and_nobody_elses(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 2), at=NOW)

    work(runtime, tasks)

    message = sink.message(to="reader1@readers.example")
    with runtime.db.reading() as session:
        subscription = subscription_of(session, "reader1@readers.example")
    url = message.header("List-Unsubscribe").partition(">")[0].lstrip("<")
    claims = runtime.signer.read(url.rpartition("/")[2], Purpose.UNSUBSCRIBE, now=NOW)
    returned = tasks.deliveries.office.paths.read(message.mail_from, now=NOW)
    assert claims.ids == (subscription.id, issue_id)
    assert message.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    assert returned == IssueBounce(issue_id, subscription.subscriber_id)
    assert message.header("Message-ID").startswith(f"<issue.{issue_id}.{subscription.subscriber_id}@")
    assert url in message.html and url in message.text
    assert "reader0" not in message.raw.decode()


def test_an_unsubscribe_during_the_send_is_in_force_for_the_next_message(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 3))

    def unsubscribe() -> None:
        _set_state(runtime.db, "reader1", SubscriptionState.UNSUBSCRIBED)

    send_with(tasks, after_first=unsubscribe, stale_seconds=0)

    assert sink.messages(to="reader1@readers.example") == []
    row = delivery_to(runtime.db, issue_id, "reader1@readers.example")
    assert (row.state, row.reason) == (CANCELLED, "unsubscribed")
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 2, CANCELLED: 1}


def test_a_suppression_during_the_send_is_in_force_for_the_next_message(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 3))

    send_with(tasks, after_first=lambda: _suppress(runtime.db, "reader1@readers.example"), stale_seconds=0)

    assert sink.messages(to="reader1@readers.example") == []
    assert delivery_to(runtime.db, issue_id, "reader1@readers.example").reason == "suppressed"


def test_a_reader_erased_during_the_send_gets_nothing(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 2))

    send_with(tasks, after_first=lambda: _erase(runtime.db, "reader1@readers.example"), stale_seconds=0)

    assert sink.stats()["messages"] == 1
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 1, CANCELLED: 1}


def test_a_pause_stops_after_the_message_in_flight_and_resuming_sends_the_rest_once(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 5))

    send_with(tasks, after_first=lambda: act_on(runtime.db, issue_id, lifecycle.pause))
    work(runtime, tasks)
    sent_when_paused = sink.stats()["messages"]
    act_on(runtime.db, issue_id, lifecycle.resume)
    work(runtime, tasks)

    assert sent_when_paused == 1
    assert state_of(runtime.db, issue_id) is IssueState.SENT
    stats = sink.stats()
    assert (stats["messages"], stats["distinct_recipients"]) == (5, 5)


def test_a_cancelled_issue_ends_and_says_who_did_not_get_it(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 5))

    send_with(tasks, after_first=lambda: act_on(runtime.db, issue_id, lifecycle.cancel))
    work(runtime, tasks)

    assert state_of(runtime.db, issue_id) is IssueState.CANCELLED
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 1, CANCELLED: 4}
    assert sink.stats()["messages"] == 1
    with runtime.db.reading() as session:
        assert set(session.scalars(select(Batch.state))) == {"done"}


def test_content_that_changed_after_the_start_is_not_sent_until_an_editor_agrees(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 2))
    with runtime.db.transaction() as session:
        session.get_one(Issue, issue_id).subject = "Something else"

    work(runtime, tasks)
    with runtime.db.reading() as session:
        stopped = session.get_one(Issue, issue_id)
    sent_meanwhile = sink.stats()["messages"]
    act_on(runtime.db, issue_id, lifecycle.resume)
    work(runtime, tasks)

    assert (stopped.state, stopped.pause_reason) == (IssueState.PAUSED, PauseReason.CONTENT)
    assert sent_meanwhile == 0
    assert {message.subject for message in sink.messages()} == {"Something else"}


def test_the_readers_behind_each_number_come_page_by_page(runtime: Runtime, tasks: Tasks) -> None:
    issue_id = schedule_issue(runtime.db, make_audience(runtime.db, 5), at=NOW)
    work(runtime, tasks)

    with runtime.db.reading() as session:
        first = recipients(session, issue_id, state=ACCEPTED, size=3)
        second = recipients(session, issue_id, state=ACCEPTED, size=3, after=first.after)

    assert [row.email for row in (*first.rows, *second.rows)] == [
        f"reader{number}@readers.example" for number in range(5)
    ]
    assert second.after is None


def _set_state(db: Database, name: str, state: SubscriptionState) -> None:
    with db.transaction() as session:
        subscription_of(session, f"{name}@readers.example").state = state


def _suppress(db: Database, email: str) -> None:
    with db.transaction() as session:
        reader = session.scalars(select(Subscriber).where(Subscriber.email == email)).one()
        suppress(session, address_hash=reader.address_hash, reason=SuppressionReason.EDITOR, now=NOW)


def _erase(db: Database, email: str) -> None:
    with db.transaction() as session:
        subscription = subscription_of(session, email)
        session.delete(subscription)
        session.flush()
        session.delete(session.get_one(Subscriber, subscription.subscriber_id))

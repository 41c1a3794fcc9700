"""What the server may answer for one reader, and what becomes of that reader alone."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from config import Config
from newsletters.bounces.models import Bounce, BounceKind
from newsletters.delivery.models import DeliveryState
from newsletters.delivery.queries import progress
from newsletters.delivery.reopen import retry_failed
from newsletters.kernel.clock import FixedClock
from newsletters.publishing.models import Issue, IssueState
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber, SubscriptionState
from newsletters.subscribers.suppression import reason_for
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from newsletters.tasks.register import Tasks, register
from tests.conftest import NOW
from tests.delivering import (
    delivery_to,
    make_audience_around,
    outcomes,
    schedule_issue,
    state_of,
    subscription_of,
    work,
)
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.sink import SinkProcess

ACCEPTED, WAITING, UNKNOWN = DeliveryState.ACCEPTED, DeliveryState.WAITING, DeliveryState.UNKNOWN
BOUNCED, FAILED, CANCELLED = DeliveryState.BOUNCED, DeliveryState.FAILED, DeliveryState.CANCELLED


@pytest.fixture
def config(config: Config, sink: SinkProcess) -> Config:
    return replace(config, smtp_url=sink.smtp_url)


FAULTS = [
    # fault asked for by the address, state, reason, attempts, seconds until the next one at the earliest
    ("550-5.1.1", BOUNCED, "hard", 1, None),
    ("552-5.2.2", BOUNCED, "soft", 1, None),
    ("550-5.7.1", FAILED, "policy", 1, None),
    ("dot-554-5.7.1", FAILED, "policy", 1, None),
    ("data-550-5.1.1", BOUNCED, "hard", 1, None),
    ("451-4.7.1", WAITING, "", 1, 300),
    ("data-451", WAITING, "", 1, 300),
    ("dot-452-4.3.1", WAITING, "", 1, 300),
    ("greylist", WAITING, "", 1, 300),
    ("garbage", WAITING, "", 1, 300),
    ("long", ACCEPTED, "", 1, None),
    ("421", WAITING, "", 0, 5),
    ("drop-at-rcpt", WAITING, "", 0, 5),
    ("drop-before-data", WAITING, "", 0, 5),
    ("drop-in-data", UNKNOWN, "in_doubt", 1, 300),  # so short a message has left whole, dot and all
    ("drop-at-dot", UNKNOWN, "in_doubt", 1, 300),
    ("drop-after-dot", UNKNOWN, "in_doubt", 1, 300),
    ("dot-garbage", UNKNOWN, "in_doubt", 1, 300),
]


@pytest.mark.parametrize(("fault", "state", "reason", "attempts", "wait_seconds"), FAULTS)
def test_a_fault_strikes_its_own_reader_and_nobody_else(
    runtime: Runtime,
    tasks: Tasks,
    sink: SinkProcess,
    fault: str,
    state: DeliveryState,
    reason: str,
    attempts: int,
    wait_seconds: int | None,
) -> None:
    struck = f"odd+fault-{fault}@readers.example"
    issue_id = schedule_issue(runtime.db, make_audience_around(runtime.db, struck), at=NOW)

    work(runtime, tasks)

    row = delivery_to(runtime.db, issue_id, struck)
    assert (row.state, row.reason, row.attempts) == (state, reason, attempts)
    waited = None if row.next_attempt_at is None else (row.next_attempt_at - NOW).total_seconds()
    assert (waited or 0) >= (wait_seconds or 0)
    assert (waited is None) == (wait_seconds is None)
    for other in ("before@readers.example", "behind@readers.example"):
        assert len(sink.messages(to=other)) == 1
        assert delivery_to(runtime.db, issue_id, other).state is ACCEPTED


def test_a_hard_refusal_ends_the_subscription_and_suppresses_the_address(
    runtime: Runtime, tasks: Tasks
) -> None:
    struck = "gone+fault-550-5.1.1@readers.example"
    schedule_issue(runtime.db, make_audience_around(runtime.db, struck), at=NOW)

    work(runtime, tasks)

    with runtime.db.reading() as session:
        subscription = subscription_of(session, struck)
        bounce = session.scalars(select(Bounce)).one()
        address_hash = session.get_one(Subscriber, subscription.subscriber_id).address_hash
        assert subscription.state is SubscriptionState.BOUNCED
        assert (bounce.kind, bounce.subscriber_id) == (BounceKind.HARD, subscription.subscriber_id)
        assert "5.1.1" in bounce.reply
        assert reason_for(session, address_hash) is SuppressionReason.HARD_BOUNCE
        assert session.scalars(select(Suppression.detail)).all() == [
            "550 5.1.1"
        ]  # no word that names anybody


@pytest.mark.parametrize("fault", ["550-5.7.1", "552-5.2.2"])
def test_a_refusal_that_is_not_hard_condemns_nobody(runtime: Runtime, tasks: Tasks, fault: str) -> None:
    struck = f"full+fault-{fault}@readers.example"
    schedule_issue(runtime.db, make_audience_around(runtime.db, struck), at=NOW)

    work(runtime, tasks)

    with runtime.db.reading() as session:
        subscription = subscription_of(session, struck)
        address_hash = session.get_one(Subscriber, subscription.subscriber_id).address_hash
        assert subscription.state is SubscriptionState.ACTIVE
        assert reason_for(session, address_hash) is None


def test_greylisting_costs_one_retry_and_the_issue_waits_for_it(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    sink.faults({"match": "grey@*", "fault": "451-4.7.1", "times": 1})
    issue_id = schedule_issue(runtime.db, make_audience_around(runtime.db, "grey@readers.example"), at=NOW)

    work(runtime, tasks)
    state_meanwhile = state_of(runtime.db, issue_id)
    clock.advance(timedelta(minutes=16))
    work(runtime, tasks)

    assert state_meanwhile is IssueState.SENDING
    assert state_of(runtime.db, issue_id) is IssueState.SENT
    row = delivery_to(runtime.db, issue_id, "grey@readers.example")
    assert (row.state, row.attempts) == (ACCEPTED, 2)


def test_a_lost_acknowledgement_is_retried_with_the_same_message_id_and_counted(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    sink.faults({"match": "lost@*", "fault": "drop-after-dot", "times": 1})
    issue_id = schedule_issue(runtime.db, make_audience_around(runtime.db, "lost@readers.example"), at=NOW)

    work(runtime, tasks)
    with runtime.db.reading() as session:
        unknown_meanwhile = progress(session, issue_id, now=NOW).unknown
    clock.advance(timedelta(minutes=16))
    work(runtime, tasks)

    copies = sink.messages(to="lost@readers.example")
    assert unknown_meanwhile == 1
    assert len(copies) == 2
    assert len({copy.message_id for copy in copies}) == 1
    row = delivery_to(runtime.db, issue_id, "lost@readers.example")
    assert (row.state, row.reason) == (ACCEPTED, "in_doubt")
    assert state_of(runtime.db, issue_id) is IssueState.SENT


def test_under_assume_sent_a_lost_acknowledgement_is_left_unknown(
    runtime: Runtime, sink: SinkProcess
) -> None:
    assuming = replace(runtime, config=replace(runtime.config, in_doubt="assume_sent"))
    sink.faults({"match": "lost@*", "fault": "drop-after-dot", "times": 1})
    issue_id = schedule_issue(runtime.db, make_audience_around(runtime.db, "lost@readers.example"), at=NOW)
    tasks = register(assuming)

    work(assuming, tasks)

    tasks.deliveries.stop()
    assert len(sink.messages(to="lost@readers.example")) == 1
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 2, UNKNOWN: 1}
    assert state_of(runtime.db, issue_id) is IssueState.SENT


def test_a_reader_nobody_can_reach_is_given_up_after_days(
    runtime: Runtime, tasks: Tasks, clock: FixedClock
) -> None:
    struck = "never+fault-451@readers.example"
    issue_id = schedule_issue(runtime.db, make_audience_around(runtime.db, struck), at=NOW)

    for _ in range(60):
        work(runtime, tasks)
        clock.advance(timedelta(hours=7))

    row = delivery_to(runtime.db, issue_id, struck)
    assert (row.state, row.reason) == (FAILED, "expired")
    assert state_of(runtime.db, issue_id) is IssueState.SENT


def test_retrying_the_failed_reaches_exactly_them(runtime: Runtime, tasks: Tasks, sink: SinkProcess) -> None:
    sink.faults(
        {"match": "one@*", "fault": "550-5.7.1", "times": 1},
        {"match": "gone@*", "fault": "550-5.1.1", "times": 1},
    )
    with runtime.db.transaction() as session:
        newsletter = make_newsletter(session)
        for name in ("one", "gone", "well"):
            make_subscription(session, newsletter, make_subscriber(session, f"{name}@readers.example"))
    issue_id = schedule_issue(runtime.db, newsletter, at=NOW)
    work(runtime, tasks)

    with runtime.db.transaction() as session:
        again = retry_failed(session, session.get_one(Issue, issue_id), now=NOW)
    work(runtime, tasks)

    assert again == 1
    assert [len(sink.messages(to=f"{name}@readers.example")) for name in ("one", "gone", "well")] == [1, 0, 1]
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 2, BOUNCED: 1}
    assert state_of(runtime.db, issue_id) is IssueState.SENT


def test_a_reader_who_needs_smtputf8_fails_alone_where_it_is_not_offered(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    sink.faults({"fault": "no-smtputf8"})
    issue_id = schedule_issue(runtime.db, make_audience_around(runtime.db, "олена@readers.example"), at=NOW)

    work(runtime, tasks)

    row = delivery_to(runtime.db, issue_id, "олена@readers.example")
    assert (row.state, row.reason) == (FAILED, "needs_smtputf8")
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 2, FAILED: 1}

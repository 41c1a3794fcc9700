"""One sender against the real sink: what becomes of each reader, and of the issue."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from config import Config
from newsletters.bounces.models import Bounce, BounceKind
from newsletters.delivery import batches, freeze
from newsletters.delivery.batches import LEASE, LeaseLost
from newsletters.delivery.models import Batch, Delivery, DeliveryState
from newsletters.delivery.queries import progress, recipients
from newsletters.delivery.reopen import retry_failed
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.mail.smtp import Connection
from newsletters.mail.verp import IssueBounce
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, Newsletter, PauseReason
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState, SuppressionReason
from newsletters.subscribers.suppression import reason_for, suppress
from newsletters.tasks.register import Tasks, register
from tests.conftest import NOW
from tests.delivering import (
    delivery_to,
    make_audience,
    outcomes,
    schedule_issue,
    state_of,
    work,
)
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.sink import SinkProcess

ACCEPTED, WAITING, UNKNOWN = DeliveryState.ACCEPTED, DeliveryState.WAITING, DeliveryState.UNKNOWN
BOUNCED, FAILED, CANCELLED = DeliveryState.BOUNCED, DeliveryState.FAILED, DeliveryState.CANCELLED


@pytest.fixture
def config(config: Config, sink: SinkProcess) -> Config:
    return replace(config, smtp_url=sink.smtp_url)


@pytest.fixture
def tasks(runtime: Runtime) -> Iterator[Tasks]:
    made = register(runtime)
    yield made
    made.deliveries.close_idle(older_than=0)


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
        subscription = _subscription(session, "reader1@readers.example")
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
    issue_id = _started(runtime, make_audience(runtime.db, 3))

    _send_with(tasks, after_first=lambda: _set_state(runtime.db, "reader1", SubscriptionState.UNSUBSCRIBED))

    assert sink.messages(to="reader1@readers.example") == []
    row = delivery_to(runtime.db, issue_id, "reader1@readers.example")
    assert (row.state, row.reason) == (CANCELLED, "unsubscribed")
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 2, CANCELLED: 1}


def test_a_suppression_during_the_send_is_in_force_for_the_next_message(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = _started(runtime, make_audience(runtime.db, 3))

    _send_with(tasks, after_first=lambda: _suppress(runtime.db, "reader1@readers.example"))

    assert sink.messages(to="reader1@readers.example") == []
    assert delivery_to(runtime.db, issue_id, "reader1@readers.example").reason == "suppressed"


def test_a_reader_erased_during_the_send_gets_nothing(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = _started(runtime, make_audience(runtime.db, 2))

    _send_with(tasks, after_first=lambda: _erase(runtime.db, "reader1@readers.example"))

    assert sink.stats()["messages"] == 1
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 1, CANCELLED: 1}


def test_a_pause_stops_after_the_message_in_flight_and_resuming_sends_the_rest_once(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = _started(runtime, make_audience(runtime.db, 5))

    _send_with(tasks, after_first=lambda: _act(runtime.db, issue_id, lifecycle.pause))
    work(runtime, tasks)
    sent_when_paused = sink.stats()["messages"]
    _act(runtime.db, issue_id, lifecycle.resume)
    work(runtime, tasks)

    assert sent_when_paused == 1
    assert state_of(runtime.db, issue_id) is IssueState.SENT
    stats = sink.stats()
    assert (stats["messages"], stats["distinct_recipients"]) == (5, 5)


def test_a_cancelled_issue_ends_and_says_who_did_not_get_it(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = _started(runtime, make_audience(runtime.db, 5))

    _send_with(tasks, after_first=lambda: _act(runtime.db, issue_id, lifecycle.cancel))
    work(runtime, tasks)

    assert state_of(runtime.db, issue_id) is IssueState.CANCELLED
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 1, CANCELLED: 4}
    assert sink.stats()["messages"] == 1
    with runtime.db.reading() as session:
        assert set(session.scalars(select(Batch.state))) == {"done"}


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
    issue_id = schedule_issue(runtime.db, _between_two_others(runtime.db, struck), at=NOW)

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
    schedule_issue(runtime.db, _between_two_others(runtime.db, struck), at=NOW)

    work(runtime, tasks)

    with runtime.db.reading() as session:
        subscription = _subscription(session, struck)
        bounce = session.scalars(select(Bounce)).one()
        address_hash = session.get_one(Subscriber, subscription.subscriber_id).address_hash
        assert subscription.state is SubscriptionState.BOUNCED
        assert (bounce.kind, bounce.subscriber_id) == (BounceKind.HARD, subscription.subscriber_id)
        assert "5.1.1" in bounce.reply
        assert reason_for(session, address_hash) is SuppressionReason.HARD_BOUNCE


@pytest.mark.parametrize("fault", ["550-5.7.1", "552-5.2.2"])
def test_a_refusal_that_is_not_hard_condemns_nobody(runtime: Runtime, tasks: Tasks, fault: str) -> None:
    struck = f"full+fault-{fault}@readers.example"
    schedule_issue(runtime.db, _between_two_others(runtime.db, struck), at=NOW)

    work(runtime, tasks)

    with runtime.db.reading() as session:
        subscription = _subscription(session, struck)
        address_hash = session.get_one(Subscriber, subscription.subscriber_id).address_hash
        assert subscription.state is SubscriptionState.ACTIVE
        assert reason_for(session, address_hash) is None


def test_greylisting_costs_one_retry_and_the_issue_waits_for_it(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    sink.faults({"match": "grey@*", "fault": "451-4.7.1", "times": 1})
    issue_id = schedule_issue(runtime.db, _between_two_others(runtime.db, "grey@readers.example"), at=NOW)

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
    issue_id = schedule_issue(runtime.db, _between_two_others(runtime.db, "lost@readers.example"), at=NOW)

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
    issue_id = schedule_issue(runtime.db, _between_two_others(runtime.db, "lost@readers.example"), at=NOW)
    tasks = register(assuming)

    work(assuming, tasks)

    tasks.deliveries.close_idle(older_than=0)
    assert len(sink.messages(to="lost@readers.example")) == 1
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 2, UNKNOWN: 1}
    assert state_of(runtime.db, issue_id) is IssueState.SENT


def test_a_reader_nobody_can_reach_is_given_up_after_days(
    runtime: Runtime, tasks: Tasks, clock: FixedClock
) -> None:
    struck = "never+fault-451@readers.example"
    issue_id = schedule_issue(runtime.db, _between_two_others(runtime.db, struck), at=NOW)

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
    _act(runtime.db, issue_id, lifecycle.pause)

    sink.start()
    clock.advance(timedelta(minutes=10))
    work(runtime, tasks)

    with runtime.db.reading() as session:
        issue = session.get_one(Issue, issue_id)
        assert (issue.state, issue.pause_reason) == (IssueState.PAUSED, PauseReason.EDITOR)


@pytest.mark.parametrize("fault", ["mail-451", "mail-550-5.7.1", "greet-554", "ehlo-421", "dot-454-4.7.0"])
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
    assert sink.fault_hits() == [3]


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


def test_a_reader_who_needs_smtputf8_fails_alone_where_it_is_not_offered(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    sink.faults({"fault": "no-smtputf8"})
    issue_id = schedule_issue(runtime.db, _between_two_others(runtime.db, "олена@readers.example"), at=NOW)

    work(runtime, tasks)

    row = delivery_to(runtime.db, issue_id, "олена@readers.example")
    assert (row.state, row.reason) == (FAILED, "needs_smtputf8")
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 2, FAILED: 1}


def test_content_that_changed_after_the_start_is_not_sent_until_an_editor_agrees(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = _started(runtime, make_audience(runtime.db, 2))
    with runtime.db.transaction() as session:
        session.get_one(Issue, issue_id).subject = "Something else"

    work(runtime, tasks)
    with runtime.db.reading() as session:
        stopped = session.get_one(Issue, issue_id)
    sent_meanwhile = sink.stats()["messages"]
    _act(runtime.db, issue_id, lifecycle.resume)
    work(runtime, tasks)

    assert (stopped.state, stopped.pause_reason) == (IssueState.PAUSED, PauseReason.CONTENT)
    assert sent_meanwhile == 0
    assert {message.subject for message in sink.messages()} == {"Something else"}


def test_a_stale_worker_is_refused_and_sends_nothing_more(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    issue_id = _started(runtime, make_audience(runtime.db, 3))

    def freeze_past_the_lease() -> None:
        clock.advance(LEASE + timedelta(seconds=1))
        assert _claim(runtime, "another") is not None

    _send_with(tasks, after_first=freeze_past_the_lease)

    assert sink.stats()["messages"] == 1
    assert outcomes(runtime.db, issue_id) == {UNKNOWN: 1, WAITING: 2}


def test_after_a_crash_exactly_the_message_in_flight_is_in_doubt(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess, clock: FixedClock
) -> None:
    issue_id = _started(runtime, make_audience(runtime.db, 4))

    with pytest.raises(KeyboardInterrupt):
        _send_with(tasks, after_first=_die)
    clock.advance(LEASE + timedelta(seconds=1))
    work(runtime, tasks)

    rows = [delivery_to(runtime.db, issue_id, f"reader{n}@readers.example") for n in range(4)]
    assert [row.reason for row in rows] == ["in_doubt", "", "", ""]
    stats = sink.stats()
    assert (stats["messages"], stats["distinct_recipients"], stats["duplicates"]) == (5, 4, 1)


def test_two_workers_never_hold_one_batch(runtime: Runtime) -> None:
    _started(runtime, make_audience(runtime.db, 3))

    first, second = _claim(runtime, "first"), _claim(runtime, "second")

    assert first is not None
    assert second is None


def test_a_lease_that_was_lost_cannot_be_handed_back(runtime: Runtime, clock: FixedClock) -> None:
    _started(runtime, make_audience(runtime.db, 3))
    claim = _claim(runtime, "first")
    assert claim is not None
    clock.advance(LEASE)
    assert _claim(runtime, "second") is not None

    with pytest.raises(LeaseLost), runtime.db.transaction() as session:
        batches.hand_back(session, claim.hold, settled=0, now=clock.now())


def test_a_kept_lease_is_not_taken_over(runtime: Runtime, clock: FixedClock) -> None:
    _started(runtime, make_audience(runtime.db, 3))
    claim = _claim(runtime, "first")
    assert claim is not None
    clock.advance(LEASE - timedelta(seconds=1))
    with runtime.db.transaction() as session:
        batches.keep(session, [claim.hold], now=clock.now())

    clock.advance(LEASE - timedelta(seconds=1))

    assert _claim(runtime, "second") is None


def test_while_nothing_can_be_committed_nothing_is_sent(
    runtime: Runtime, tasks: Tasks, sink: SinkProcess
) -> None:
    issue_id = _started(runtime, make_audience(runtime.db, 3))
    broken = BreakableDatabase(runtime.db, watch=lambda: sink.stats()["messages"])
    sender = replace(tasks.deliveries.sender, db=broken)

    with Watched(tasks, after_first=lambda: broken.fail(times=3)) as connection:
        sender.send_batch(connection)

    assert broken.seen_at_failures == [1, 1, 1]
    assert outcomes(runtime.db, issue_id) == {ACCEPTED: 3}
    assert sink.stats()["duplicates"] == 0


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


class Watched(Connection):
    """A connection that tells somebody when its first message has been accepted."""

    def __init__(self, tasks: Tasks, *, after_first: Callable[[], None]) -> None:
        super().__init__(tasks.deliveries.office.server)
        self._after_first: Callable[[], None] | None = after_first

    def send(self, **message: Any) -> Any:
        reply = super().send(**message)
        then, self._after_first = self._after_first, None
        if then is not None:
            then()
        return reply


class BreakableDatabase(Database):
    """A database whose transactions can be made to fail at their commit, as on a full disk."""

    def __init__(self, real: Database, *, watch: Callable[[], int]) -> None:
        self._real = real
        self._watch = watch
        self._failures = 0
        self.is_sqlite = real.is_sqlite
        self.seen_at_failures: list[int] = []

    def fail(self, *, times: int) -> None:
        self._failures = times

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[Session]:
        with self._real.transaction(durable=durable) as session:
            yield session
            if self._failures:
                self._failures -= 1
                self.seen_at_failures.append(self._watch())
                raise OperationalError("COMMIT", {}, Exception("disk full"))

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self._real.reading() as session:
            yield session


def _die() -> None:
    raise KeyboardInterrupt


def _send_with(tasks: Tasks, *, after_first: Callable[[], None]) -> None:
    with Watched(tasks, after_first=after_first) as connection:
        tasks.deliveries.sender.send_batch(connection)


def _started(runtime: Runtime, newsletter: Newsletter) -> int:
    issue_id = schedule_issue(runtime.db, newsletter, at=NOW)
    with runtime.db.transaction() as session:
        freeze.start(session, issue_id, batch_size=200, now=NOW)
    return issue_id


def _claim(runtime: Runtime, worker: str) -> batches.Claim | None:
    with runtime.db.transaction() as session:
        return batches.claim(session, worker=worker, retries_doubt=True, now=runtime.clock.now())


def _act(db: Database, issue_id: int, action: Callable[..., None]) -> None:
    with db.transaction() as session:
        action(session, session.get_one(Issue, issue_id), now=NOW)


def _between_two_others(db: Database, email: str) -> Newsletter:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        for address in ("before@readers.example", email, "behind@readers.example"):
            make_subscription(session, newsletter, make_subscriber(session, address))
    return newsletter


def _subscription(session: Session, email: str) -> Subscription:
    joined = select(Subscription).join(Subscriber, Subscriber.id == Subscription.subscriber_id)
    return session.scalars(joined.where(Subscriber.email == email)).one()


def _set_state(db: Database, name: str, state: SubscriptionState) -> None:
    with db.transaction() as session:
        _subscription(session, f"{name}@readers.example").state = state


def _suppress(db: Database, email: str) -> None:
    with db.transaction() as session:
        reader = session.scalars(select(Subscriber).where(Subscriber.email == email)).one()
        suppress(session, address_hash=reader.address_hash, reason=SuppressionReason.EDITOR, now=NOW)


def _erase(db: Database, email: str) -> None:
    with db.transaction() as session:
        subscription = _subscription(session, email)
        session.delete(subscription)
        session.flush()
        session.delete(session.get_one(Subscriber, subscription.subscriber_id))

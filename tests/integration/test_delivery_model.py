"""Two workers, a clock and people who change their minds, in any order: the ledger against a simple model.

A message "leaves" in the model when its page is committed and the ledger says that it may. It may leave again
only if somebody lost it on its way: a worker that died, or one that was taken over.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from newsletters.bounces.processing import SmtpRefusals
from newsletters.delivery import batches, counts, readers, reconcile
from newsletters.delivery.batches import LEASE, Hold, LeaseLost
from newsletters.delivery.ledger import Ledger
from newsletters.delivery.models import Batch, Delivery, DeliveryState
from newsletters.delivery.outcomes import Outcome, Page, Recipient
from newsletters.kernel.db import Database
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscription, SubscriptionState
from tests.conftest import NOW
from tests.delivering import make_audience, start_issue

READERS = 7
CONNECTIONS = 2
WORKERS = st.sampled_from(["first", "second"])


@dataclass(slots=True)
class Working:
    """What a worker has in its memory, and loses when it dies."""

    hold: Hold
    waiting: list[Recipient]
    on_the_way: dict[int, Recipient] = field(default_factory=dict)
    is_taken_over: bool = False


class Workers(RuleBasedStateMachine):
    """The rules are what can happen; the invariants are what is promised."""

    runtime: Runtime
    numbers = iter(range(10_000))

    def __init__(self) -> None:
        super().__init__()
        self.db = self.runtime.db
        self.now = NOW
        self.newsletter = make_audience(self.db, READERS, first=f"example{next(self.numbers)}-")
        self.issue_id = start_issue(self.runtime, self.newsletter, batch_size=4)
        self.ledger = Ledger(self.db, SmtpRefusals())
        self.working: dict[str, Working] = {}
        self.left: Counter[int] = Counter()
        self.lost_on_the_way: Counter[int] = Counter()
        self.gone: set[int] = set()

    def teardown(self) -> None:
        self._finish()
        self.ledger.close()

    @rule(worker=WORKERS)
    def claim(self, worker: str) -> None:
        if worker in self.working:
            return
        with self.db.transaction() as session:
            hold = batches.claim(session, worker=worker, retries_doubt=True, now=self.now)
            if hold is None:
                return
            due, off = readers.due(session, hold, newsletter_id=self.newsletter.id, now=self.now)
            self.ledger.write_off(session, hold, off)
        for other in self.working.values():
            if other.hold.batch_id == hold.batch_id:
                self._give_over(other)
        self.working[worker] = Working(hold, due)

    @rule(worker=WORKERS, accepted=st.integers(0, CONNECTIONS), begun=st.integers(0, CONNECTIONS))
    def write(self, worker: str, accepted: int, begun: int) -> None:
        if worker not in self.working:
            return
        mine = self.working[worker]
        settled = list(mine.on_the_way)[:accepted]
        free = CONNECTIONS - len(mine.on_the_way) + len(settled)
        begins = mine.waiting[: min(begun, free)]
        page = Page(
            mine.hold,
            self.newsletter.id,
            outcomes=[_accepted(mine.on_the_way[one], self.now) for one in settled],
            begins=begins,
            in_flight=set(mine.on_the_way).difference(settled),
            to_check=mine.waiting,
        )

        entered = self.ledger.write([page], now=self.now).get(mine.hold)

        if entered is None:
            self._forget(worker)
            return
        for one in settled:
            del mine.on_the_way[one]
        mine.waiting = [one for one in mine.waiting if one.subscriber_id not in entered.struck]
        for recipient in begins if entered.is_sending else ():
            if recipient.subscriber_id not in entered.struck:
                mine.waiting.remove(recipient)
                mine.on_the_way[recipient.subscriber_id] = recipient
                self._leave(recipient.subscriber_id)

    @rule(worker=WORKERS)
    def hand_back(self, worker: str) -> None:
        mine = self.working.get(worker)
        if mine is None or mine.on_the_way:
            return
        try:
            with self.db.transaction() as session:
                batches.hand_back(session, mine.hold, now=self.now)
        except LeaseLost:
            pass
        del self.working[worker]

    @rule(worker=WORKERS)
    def die(self, worker: str) -> None:
        self._forget(worker)

    @rule()
    def time_passes(self) -> None:
        self.now += LEASE + timedelta(seconds=1)

    @rule()
    def pause(self) -> None:
        self._act({IssueState.SENDING}, lifecycle.pause)

    @rule()
    def resume(self) -> None:
        self._act({IssueState.PAUSED}, lifecycle.resume)

    @rule(which=st.integers(0, READERS - 1))
    def unsubscribe(self, which: int) -> None:
        with self.db.transaction() as session:
            mine = select(Subscription).where(Subscription.newsletter_id == self.newsletter.id)
            subscription = session.scalars(mine.order_by(Subscription.subscriber_id)).all()[which]
            subscription.state = SubscriptionState.UNSUBSCRIBED
            self.gone.add(subscription.subscriber_id)

    @invariant()
    def nobody_gets_it_twice_unless_it_was_lost_on_the_way(self) -> None:
        assert all(times <= 1 + self.lost_on_the_way[reader] for reader, times in self.left.items())

    @invariant()
    def the_batches_name_what_is_on_its_way(self) -> None:
        with self.db.reading() as session:
            for worker, mine in self.working.items():
                batch = session.get_one(Batch, mine.hold.batch_id)
                if batch.fence == mine.hold.fence:
                    assert set(batches.in_flight_ids(batch.in_flight)) >= set(mine.on_the_way), worker

    def _leave(self, subscriber_id: int) -> None:
        assert subscriber_id not in self.gone
        with self.db.reading() as session:
            assert session.get_one(Issue, self.issue_id).state is IssueState.SENDING
        self.left[subscriber_id] += 1

    def _forget(self, worker: str) -> None:
        lost = self.working.pop(worker, None)
        if lost is not None:
            self._give_over(lost)

    def _give_over(self, lost: Working) -> None:
        """What it had on the way may be sent once more by somebody else."""
        if not lost.is_taken_over:
            self.lost_on_the_way.update(list(lost.on_the_way))
        lost.is_taken_over = True

    def _act(self, states: set[IssueState], action: Callable[..., Any]) -> None:
        with self.db.transaction() as session:
            issue = session.get_one(Issue, self.issue_id)
            if issue.state in states:
                action(session, issue, now=self.now)

    def _finish(self) -> None:
        """One worker alone ends it: everybody is accounted for, and the tallies say so too."""
        for worker in tuple(self.working):
            self._forget(worker)
        self.resume()
        self.time_passes()
        for _ in range(3):  # there are two batches
            self.claim("last")
            for _ in range(READERS):
                self.write("last", CONNECTIONS, CONNECTIONS)
            self.write("last", CONNECTIONS, 0)
            self.hand_back("last")
        with self.db.reading() as session:
            rows = session.scalars(select(Delivery).where(Delivery.issue_id == self.issue_id)).all()
            tallied = counts.by_state(session, self.issue_id)
            assert reconcile.balances(session, self.issue_id)
        assert tallied == {state: sum(row.state is state for row in rows) for state in DeliveryState}
        for row in rows:
            if row.state is DeliveryState.ACCEPTED:
                assert self.left[row.subscriber_id] >= 1
            elif row.state is DeliveryState.CANCELLED:
                assert row.subscriber_id in self.gone and not self.left[row.subscriber_id]
            else:
                assert row.state is DeliveryState.UNKNOWN and row.subscriber_id in self.gone
        _close(self.db, self.issue_id)


def test_whatever_happens_nobody_is_lost_and_nobody_is_served_twice(runtime: Runtime) -> None:
    machine = type("Workers", (Workers,), {"runtime": runtime})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


def _accepted(recipient: Recipient, now: Any) -> Outcome:
    return Outcome(recipient.subscriber_id, DeliveryState.ACCEPTED, recipient.attempts + 1, settled_at=now)


def _close(db: Database, issue_id: int) -> None:
    """So that the next example's workers find nothing of this one."""
    with db.transaction() as session:
        session.get_one(Issue, issue_id).state = IssueState.SENT

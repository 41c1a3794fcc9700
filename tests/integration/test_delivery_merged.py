"""Two readers become one while an issue goes out: it is neither lost to them nor sent to them twice."""

import pytest
from sqlalchemy import select, update

from newsletters.delivery import freeze, merged, reconcile
from newsletters.delivery.batches import claim
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.kernel.db import Database
from newsletters.publishing.models import Issue, Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.merging import merge
from newsletters.subscribers.models import Subscriber, SubscriptionState
from newsletters.tasks.periodic import finish_erasures
from newsletters.tasks.register import register
from tests.conftest import NOW
from tests.delivering import start_issue, work
from tests.factories import make_newsletter, make_subscriber, make_subscription

ACCEPTED, BOUNCED, CANCELLED = DeliveryState.ACCEPTED, DeliveryState.BOUNCED, DeliveryState.CANCELLED
UNKNOWN, WAITING = DeliveryState.UNKNOWN, DeliveryState.WAITING
ACTIVE, UNSUBSCRIBED = SubscriptionState.ACTIVE, SubscriptionState.UNSUBSCRIBED


class Two:
    """Who stays and who goes, and the others of the newsletter around them."""

    def __init__(self, db: Database) -> None:
        self.db = db
        with db.transaction() as session:
            self.newsletter: Newsletter = make_newsletter(session)
            self.stays, self.goes = (
                make_subscriber(session, f"{name}@readers.example") for name in ("stays", "goes")
            )
            make_subscription(session, self.newsletter)

    def subscribe(self, one: Subscriber, state: SubscriptionState = ACTIVE) -> None:
        with self.db.transaction() as session:
            make_subscription(session, self.newsletter, session.get_one(Subscriber, one.id), state=state)

    def merge(self) -> None:
        with self.db.transaction() as session:
            into, gone = (session.get_one(Subscriber, one.id) for one in (self.stays, self.goes))
            merge(session, into=into, gone=gone, now=NOW)

    def stand(self, one: Subscriber, state: DeliveryState, reason: str = "") -> None:
        """What has become of the issue to them so far."""
        with self.db.transaction() as session:
            session.execute(
                update(Delivery)
                .where(Delivery.subscriber_id == one.id)
                .values(state=state, reason=reason, settled_at=NOW)
            )
            session.execute(update(Batch).values(state=BatchState.DONE))

    def settle(self) -> bool:
        with self.db.transaction() as session:
            return merged.settle(session, self.goes.id, now=NOW)

    def found(self) -> tuple[DeliveryState | None, DeliveryState | None]:
        """How the issue stands for who stays and for who went."""
        with self.db.reading() as session:
            rows = {row.subscriber_id: row.state for row in session.scalars(select(Delivery))}
        return rows.get(self.stays.id), rows.get(self.goes.id)


@pytest.fixture
def two(db: Database) -> Two:
    return Two(db)


@pytest.mark.parametrize(
    ("stays", "goes", "then"),
    [
        (WAITING, WAITING, (WAITING, CANCELLED)),
        (WAITING, ACCEPTED, (CANCELLED, ACCEPTED)),
        (WAITING, UNKNOWN, (CANCELLED, UNKNOWN)),
        (WAITING, BOUNCED, (WAITING, BOUNCED)),
        (ACCEPTED, WAITING, (ACCEPTED, CANCELLED)),
        (BOUNCED, WAITING, (WAITING, CANCELLED)),
        (CANCELLED, WAITING, (WAITING, CANCELLED)),
    ],
)
def test_whoever_stays_is_owed_what_neither_has_got(
    runtime: Runtime, two: Two, stays: DeliveryState, goes: DeliveryState, then: tuple[DeliveryState, ...]
) -> None:
    two.subscribe(two.stays)
    two.subscribe(two.goes)
    issue_id = start_issue(runtime, two.newsletter)
    two.stand(two.stays, stays)
    two.stand(two.goes, goes)

    two.merge()
    is_settled = two.settle()

    assert is_settled
    assert two.found() == then
    with two.db.reading() as session:
        batch = session.scalars(select(Batch)).one()
        rows = list(session.scalars(select(Delivery.state)))
        assert batch.waiting == rows.count(WAITING)
        assert len(rows) == session.get_one(Issue, issue_id).prepared


@pytest.mark.parametrize("was_written_off", [False, True])
@pytest.mark.parametrize("stays_had_left", [False, True])
def test_who_was_not_in_the_issue_gets_it_in_place_of_who_was(
    runtime: Runtime, two: Two, was_written_off: bool, stays_had_left: bool
) -> None:
    two.subscribe(two.goes)
    if stays_had_left:
        two.subscribe(two.stays, UNSUBSCRIBED)
    issue_id = start_issue(runtime, two.newsletter, batch_size=1)
    if was_written_off:  # a worker came to the one who had gone before anything else did
        two.stand(two.goes, CANCELLED, "erased")

    two.merge()
    two.settle()

    assert two.found() == (WAITING, None)
    with two.db.reading() as session:
        covering = select(Batch).where(Batch.first_id <= two.stays.id, Batch.last_id >= two.stays.id)
        assert session.scalars(covering).one().state is BatchState.OPEN
        assert len(session.scalars(select(Delivery)).all()) == session.get_one(Issue, issue_id).prepared


def test_a_number_beyond_all_who_were_prepared_gets_a_batch_of_its_own(runtime: Runtime, two: Two) -> None:
    two.subscribe(two.goes)
    start_issue(runtime, two.newsletter)
    with two.db.transaction() as session:
        two.stays = make_subscriber(session)

    two.merge()
    two.settle()

    assert two.found() == (WAITING, None)
    with two.db.reading() as session:
        last = session.scalars(select(Batch).order_by(Batch.number.desc())).first()
    assert last is not None
    assert (last.last_id, last.state) == (two.stays.id, BatchState.OPEN)


def test_what_is_on_its_way_is_waited_for(runtime: Runtime, two: Two) -> None:
    two.subscribe(two.stays)
    two.subscribe(two.goes)
    start_issue(runtime, two.newsletter)
    with two.db.transaction() as session:
        claim(session, worker="one", retries_doubt=True, now=NOW)
        session.execute(update(Batch).values(in_flight=str(two.goes.id)))
    two.merge()

    meanwhile = two.settle()
    with two.db.transaction() as session:
        session.execute(update(Batch).values(in_flight=""))
    two.stand(two.goes, ACCEPTED)
    then = two.settle()

    assert (meanwhile, then) == (False, True)
    assert two.found() == (CANCELLED, ACCEPTED)


def test_no_issue_ends_and_nothing_is_erased_before_a_merge_is_settled(runtime: Runtime, two: Two) -> None:
    two.subscribe(two.goes)
    issue_id = start_issue(runtime, two.newsletter)
    two.merge()
    with two.db.transaction() as session:
        session.execute(update(Delivery).values(state=CANCELLED, reason="erased", settled_at=NOW))
        session.execute(update(Batch).values(state=BatchState.DONE))

    finish_erasures(runtime)
    with two.db.reading() as session:
        before = (merged.unsettled(session), reconcile.issues_without_work(session))
    two.settle()
    two.stand(two.stays, ACCEPTED)
    finish_erasures(runtime)
    with two.db.reading() as session:
        after = (merged.unsettled(session), reconcile.issues_without_work(session))

    assert before == ([two.goes.id], [])
    assert after == ([], [issue_id])


def test_the_freeze_is_waited_for_where_it_has_yet_to_look_at_who_stays(
    runtime: Runtime, two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "STRETCH", 1)
    two.stays, two.goes = two.goes, two.stays
    two.subscribe(two.stays)
    two.subscribe(two.goes)
    issue_id = start_issue(runtime, two.newsletter)
    two.merge()

    meanwhile = two.settle()
    _freeze_on(two.db, issue_id)
    then = two.settle()

    assert (meanwhile, then) == (False, True)
    assert two.found() == (WAITING, CANCELLED)


@pytest.mark.parametrize(
    ("state", "then"), [(ACTIVE, WAITING), (UNSUBSCRIBED, None)], ids=["a reader", "no reader"]
)
def test_who_stays_is_looked_at_again_where_the_freeze_passed_between_the_two(
    runtime: Runtime,
    two: Two,
    monkeypatch: pytest.MonkeyPatch,
    state: SubscriptionState,
    then: DeliveryState | None,
) -> None:
    monkeypatch.setattr(freeze, "STRETCH", 1)
    two.subscribe(two.stays, UNSUBSCRIBED)
    two.subscribe(two.goes, state)
    issue_id = start_issue(runtime, two.newsletter)
    two.merge()

    meanwhile = two.settle()
    _freeze_on(two.db, issue_id)
    with two.db.reading() as session:
        before = reconcile.issues_without_work(session)
    settled = two.settle()

    assert (meanwhile, before, settled) == (False, [], True)
    assert two.found() == (then, None)
    with two.db.reading() as session:
        assert reconcile.issues_without_work(session) == []
        issue = session.get_one(Issue, issue_id)
        assert issue.candidates == issue.prepared == len(session.scalars(select(Delivery)).all())
        assert sum(session.scalars(select(Batch.waiting))) == issue.prepared


def test_a_worker_settles_a_merge_by_itself(runtime: Runtime, two: Two) -> None:
    two.subscribe(two.goes)
    start_issue(runtime, two.newsletter)
    tasks = register(runtime)
    with two.db.transaction() as session:
        session.execute(update(Issue).values(state="paused"))
    two.merge()

    work(runtime, tasks)

    assert two.found() == (WAITING, None)


def _freeze_on(db: Database, issue_id: int) -> None:
    has_more = True
    while has_more:
        with db.transaction() as session:
            has_more = freeze.go_on(session, issue_id, batch_size=10, now=NOW)

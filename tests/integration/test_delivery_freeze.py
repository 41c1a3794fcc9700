from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.delivery import freeze, reconcile
from newsletters.delivery.audience import audience
from newsletters.delivery.models import Batch, Delivery, DeliveryState
from newsletters.kernel.db import Database
from newsletters.publishing import lifecycle
from newsletters.publishing.lifecycle import WrongState
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.subscribers.models import SubscriptionState
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter, make_subscriber, make_subscription

S = SubscriptionState


@pytest.fixture
def newsletter(db: Database) -> Newsletter:
    """A newsletter with one reader of every kind, and three to whom mail may go."""
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        for state in (S.ACTIVE, S.ACTIVE, S.PENDING, S.UNSUBSCRIBED, S.BOUNCED, S.COMPLAINED):
            make_subscription(session, newsletter, state=state)
        make_subscription(session, newsletter, state=S.PAUSED, paused_until=NOW + timedelta(days=1))
        make_subscription(session, newsletter, state=S.PAUSED, paused_until=NOW - timedelta(days=1))
        _suppressed_reader(session, newsletter, scope="all")
        _suppressed_reader(session, newsletter, scope=f"newsletter:{newsletter.id}")
        make_subscription(session, make_newsletter(session))
    return newsletter


def test_an_audience_says_who_is_left_out_and_why(db: Database, newsletter: Newsletter) -> None:
    with db.reading() as session:
        counted = audience(session, newsletter.id, now=NOW)

    assert counted.included == 3
    assert counted.excluded == {"paused": 1, "suppressed": 2, "bounced": 1, "complained": 1}
    assert counted.candidates == 8


def test_freezing_writes_exactly_the_audience(db: Database, newsletter: Newsletter) -> None:
    issue_id = _scheduled(db, newsletter)

    with db.transaction() as session:
        issue = freeze.start(session, issue_id, batch_size=2, now=NOW)

    assert (issue.state, issue.candidates, issue.prepared) == (IssueState.SENDING, 8, 3)
    assert issue.content_hash
    with db.reading() as session:
        assert freeze.excluded(session, issue_id) == {
            "paused": 1,
            "suppressed": 2,
            "bounced": 1,
            "complained": 1,
        }
        assert {row.state for row in _deliveries(session, issue_id)} == {DeliveryState.WAITING}


def test_batches_are_cut_to_size_in_the_readers_order(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        for _ in range(7):
            make_subscription(session, newsletter)
    issue_id = _scheduled(db, newsletter)

    with db.transaction() as session:
        freeze.start(session, issue_id, batch_size=3, now=NOW)

    with db.reading() as session:
        readers = [row.subscriber_id for row in _deliveries(session, issue_id)]
        batches = session.scalars(select(Batch).order_by(Batch.number)).all()
        owned = [[one for one in readers if batch.first_id <= one <= batch.last_id] for batch in batches]
    assert owned == [readers[:3], readers[3:6], readers[6:]]
    assert [batch.waiting for batch in batches] == [3, 3, 1]


def test_a_long_list_is_written_down_in_stretches_as_it_was_at_the_start(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "STRETCH", 4)
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        first = [make_subscription(session, newsletter).subscriber_id for _ in range(9)]
        make_subscription(session, newsletter, state=S.BOUNCED)
    issue_id = _scheduled(db, newsletter)
    with db.transaction() as session:
        begun = freeze.start(session, issue_id, batch_size=3, now=NOW)
    with db.transaction() as session:
        make_subscription(session, newsletter, confirmed_at=NOW + timedelta(seconds=1))
    unfinished = _going_on(db, issue_id), _going_on(db, issue_id)

    with db.reading() as session:
        issue = session.get_one(Issue, issue_id)
        readers = [row.subscriber_id for row in _deliveries(session, issue_id)]
        batches = session.scalars(select(Batch).order_by(Batch.number)).all()
        left_out = freeze.excluded(session, issue_id)
        idle = reconcile.issues_without_work(session)
    assert (begun.prepared, begun.frozen_at) == (4, None)
    assert unfinished == (True, False)
    assert readers == first
    assert left_out == {"bounced": 1}
    assert (issue.candidates, issue.prepared, issue.frozen_at) == (10, 9, NOW)
    assert [batch.waiting for batch in batches] == [3, 1, 3, 1, 1]
    assert all(one.last_id < other.first_id for one, other in pairwise(batches))
    assert idle == []
    assert not _going_on(db, issue_id)


def _going_on(db: Database, issue_id: int) -> bool:
    with db.transaction() as session:
        return freeze.go_on(session, issue_id, batch_size=3, now=NOW)


def test_an_issue_to_nobody_has_no_batches(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
    issue_id = _scheduled(db, newsletter)

    with db.transaction() as session:
        freeze.start(session, issue_id, batch_size=3, now=NOW)

    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Batch)) == 0


def test_an_issue_is_frozen_once(db: Database, newsletter: Newsletter) -> None:
    issue_id = _scheduled(db, newsletter)
    with db.transaction() as session:
        freeze.start(session, issue_id, batch_size=2, now=NOW)

    with pytest.raises(WrongState), db.transaction() as session:
        freeze.start(session, issue_id, batch_size=2, now=NOW)


def test_a_schedule_missed_by_more_than_the_grace_asks(db: Database, newsletter: Newsletter) -> None:
    issue_id = _scheduled(db, newsletter)

    with db.transaction() as session:
        issue = freeze.start(session, issue_id, batch_size=2, now=NOW + timedelta(minutes=16))

    assert issue.state is IssueState.MISSED
    with db.reading() as session:
        assert _deliveries(session, issue_id) == []


def test_a_schedule_a_little_late_still_goes_out(db: Database, newsletter: Newsletter) -> None:
    issue_id = _scheduled(db, newsletter)

    with db.transaction() as session:
        issue = freeze.start(session, issue_id, batch_size=2, now=NOW + timedelta(minutes=14))

    assert issue.state is IssueState.SENDING


def test_an_issue_called_back_in_its_undo_window_does_not_start(db: Database, newsletter: Newsletter) -> None:
    with db.transaction() as session:
        issue = make_issue(session, newsletter)
        lifecycle.send_now(session, issue, undo_seconds=30, editor_id=None, now=NOW)
        assert lifecycle.undo_until(issue, now=NOW) == NOW + timedelta(seconds=30)

    with db.transaction() as session:
        lifecycle.unschedule(session, session.get_one(Issue, issue.id), now=NOW + timedelta(seconds=29))

    with db.reading() as session:
        assert freeze.due_issue_ids(session, now=NOW + timedelta(seconds=31)) == []
        assert session.get_one(Issue, issue.id).state is IssueState.DRAFT


def test_an_issue_is_due_when_its_undo_window_has_passed(db: Database, newsletter: Newsletter) -> None:
    with db.transaction() as session:
        issue = make_issue(session, newsletter)
        lifecycle.send_now(session, issue, undo_seconds=30, editor_id=None, now=NOW)

    with db.reading() as session:
        assert freeze.due_issue_ids(session, now=NOW + timedelta(seconds=29)) == []
        assert freeze.due_issue_ids(session, now=NOW + timedelta(seconds=30)) == [issue.id]


@pytest.mark.parametrize("fields", [{"subject": " "}, {"body": "\n"}])
def test_an_issue_without_subject_or_text_is_not_scheduled(db: Database, fields: dict[str, str]) -> None:
    with pytest.raises(lifecycle.NotReady), db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), **fields)
        lifecycle.schedule(session, issue, send_at=NOW, editor_id=None, now=NOW)


def _scheduled(db: Database, newsletter: Newsletter) -> int:
    with db.transaction() as session:
        issue = make_issue(session, newsletter)
        lifecycle.schedule(session, issue, send_at=NOW, editor_id=None, now=NOW)
    return issue.id


def _suppressed_reader(session: Session, newsletter: Newsletter, *, scope: str) -> None:
    reader = make_subscriber(session)
    make_subscription(session, newsletter, reader)
    suppress(
        session,
        address_hash=reader.address_hash,
        reason=SuppressionReason.EDITOR,
        scope=scope,
        now=NOW,
    )


def _deliveries(session: Session, issue_id: int) -> Sequence[Delivery]:
    found = select(Delivery).where(Delivery.issue_id == issue_id)
    return session.scalars(found.order_by(Delivery.subscriber_id)).all()

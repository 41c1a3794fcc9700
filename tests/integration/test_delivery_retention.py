"""Who got an old issue is forgotten after a while; how many did is not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from newsletters.delivery import counts, retention, tallies
from newsletters.delivery.afterwards import mark_bounced
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.delivery.reopen import retry_failed
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.publishing.models import Issue, IssueState
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscription
from newsletters.tasks.periodic import forget_deliveries
from tests.conftest import NOW
from tests.delivering import make_audience, stored
from tests.desk import signed_in
from tests.factories import make_issue

DAYS = timedelta(days=1)
READERS, BATCH = 60, 2  # more batches than are forgotten at once
COUNTS = {DeliveryState.ACCEPTED: 58, DeliveryState.FAILED: 2}


def test_after_its_time_an_issue_keeps_its_numbers_and_not_its_readers(
    runtime: Runtime, clock: FixedClock
) -> None:
    old, young = _sent(runtime.db, days_ago=1095), _sent(runtime.db, days_ago=10)
    clock.advance(1 * DAYS)

    forget_deliveries(runtime)

    assert (_rows(runtime.db, old), _rows(runtime.db, young)) == (0, READERS)
    assert _told(runtime.db, old) == _told(runtime.db, young) == COUNTS
    assert stored(runtime.db, old).deliveries_forgotten_at == NOW + 1 * DAYS
    assert stored(runtime.db, young).deliveries_forgotten_at is None


def test_nothing_is_forgotten_where_all_is_kept(runtime: Runtime, clock: FixedClock) -> None:
    issue_id = _sent(runtime.db, days_ago=5000)
    keeping = replace(runtime, config=replace(runtime.config, deliveries_kept_days=0))

    forget_deliveries(keeping)

    assert _rows(runtime.db, issue_id) == READERS


@pytest.mark.parametrize("state", [IssueState.SENDING, IssueState.PAUSED])
def test_an_issue_that_is_not_over_is_kept_however_old(runtime: Runtime, state: IssueState) -> None:
    issue_id = _sent(runtime.db, days_ago=5000, state=state)

    forget_deliveries(runtime)

    assert _rows(runtime.db, issue_id) == READERS


def test_half_way_nothing_counts_again_what_is_going(runtime: Runtime) -> None:
    issue_id = _sent(runtime.db, days_ago=5000)
    with runtime.db.transaction() as session:
        retention.mark_old(session, before=NOW - 1095 * DAYS, now=NOW)
        retention.forget_some(session)
    half = _rows(runtime.db, issue_id)
    with runtime.db.reading() as session:
        accepted = Delivery.state == DeliveryState.ACCEPTED
        last = session.scalar(select(func.max(Delivery.subscriber_id)).where(accepted)) or 0
        first = session.scalar(select(func.min(Batch.first_id))) or 0

    with runtime.db.transaction() as session:
        gone = mark_bounced(session, issue_id=issue_id, subscriber_id=first, reason="hard", reply="", now=NOW)
        kept = mark_bounced(session, issue_id=issue_id, subscriber_id=last, reason="hard", reply="", now=NOW)
        retried = retry_failed(session, session.get_one(Issue, issue_id), now=NOW)

    assert 0 < half < READERS
    assert (gone, kept, retried) == (False, True, 0)
    assert sum(_told(runtime.db, issue_id).values()) == READERS
    assert stored(runtime.db, issue_id).state is IssueState.SENT


def test_the_desk_says_that_the_readers_are_no_longer_kept(runtime: Runtime, client: FlaskClient) -> None:
    issue_id = _sent(runtime.db, days_ago=5000)
    forget_deliveries(runtime)
    signed_in(client, runtime.db)

    report = client.get(f"/desk/issues/{issue_id}/report").get_data(as_text=True)
    readers = client.get(f"/desk/issues/{issue_id}/readers/accepted").get_data(as_text=True)

    assert "58" in report
    assert "Try exactly those again" not in report
    assert "No longer kept" in readers


def _sent(db: Database, *, days_ago: int, state: IssueState = IssueState.SENT) -> int:
    """An issue that went out so long ago, with its deliveries."""
    at = NOW - days_ago * DAYS
    newsletter = make_audience(db, READERS, first=f"of{days_ago}-")
    with db.transaction() as session:
        issue = make_issue(
            session, newsletter, state=state, content_hash="x", started_at=at, sent_at=at, prepared=READERS
        )
        issue.frozen_at = at
        ids = session.scalars(
            select(Subscription.subscriber_id)
            .where(Subscription.newsletter_id == newsletter.id)
            .order_by(Subscription.subscriber_id)
        ).all()
        for number, first in enumerate(range(0, READERS, BATCH)):
            mine = ids[first : first + BATCH]
            session.add(
                Batch(
                    issue_id=issue.id,
                    number=number,
                    state=BatchState.DONE,
                    due_at=at,
                    first_id=mine[0],
                    last_id=mine[-1],
                )
            )
        for place, subscriber_id in enumerate(ids):
            failed = place >= READERS - 2
            session.add(
                Delivery(
                    issue_id=issue.id,
                    subscriber_id=subscriber_id,
                    state=DeliveryState.FAILED if failed else DeliveryState.ACCEPTED,
                    reason="policy" if failed else "",
                    settled_at=at,
                )
            )
        session.flush()
        tallies.recount_all(session, issue.id)
    return issue.id


def _rows(db: Database, issue_id: int) -> int:
    with db.reading() as session:
        return counts.all_rows(session, issue_id)


def _told(db: Database, issue_id: int) -> dict[DeliveryState, int]:
    with db.reading() as session:
        return {state: count for state, count in counts.by_state(session, issue_id).items() if count}

"""A provider out of order, replayed: it says of everybody that they do not exist, and nobody is lost."""

from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import select

from newsletters.bounces import spikes
from newsletters.bounces.event import EventKind
from newsletters.bounces.models import BounceSpike, SpikeVerdict
from newsletters.bounces.policy import HOLD_FOR
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.tasks.returned import judge_spikes
from tests.conftest import NOW
from tests.returning import event_about, how_suppressed, issue_to, record, suppression_of

HARD = SuppressionReason.HARD_BOUNCE
HOUR = timedelta(hours=1)


def bounce(db: Database, issue_id: int, readers: list[int], *, at: timedelta = timedelta(0)) -> None:
    for reader in readers:
        event = event_about(issue_id, reader, EventKind.HARD, event_id=f"{reader}-{at}", at=NOW + at)
        record(db, event)


def lost(db: Database, readers: list[int]) -> int:
    """How many of them nothing is sent to any more."""
    with db.reading() as session:
        return sum(suppression_of(session, reader) is not None for reader in readers)


def active(db: Database) -> int:
    with db.reading() as session:
        states = session.scalars(select(Subscription.state)).all()
    return states.count(SubscriptionState.ACTIVE)


def spike(db: Database) -> BounceSpike:
    with db.reading() as session:
        return session.scalars(select(BounceSpike)).one()


def test_an_outage_takes_nobody_off_the_list(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 40)

    bounce(db, issue_id, readers[:30])
    judge_spikes(runtime)

    assert (lost(db, readers), active(db)) == (0, 40)
    assert (spike(db).verdict, spike(db).hard, spike(db).sent) == (None, 30, 40)


def test_before_it_is_counted_only_the_first_ten_are_stopped(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 40)

    bounce(db, issue_id, readers[:30])

    assert lost(db, readers) == 10


def test_dead_addresses_among_many_good_ones_are_stopped(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 260)

    bounce(db, issue_id, readers[:12])
    judge_spikes(runtime)

    assert lost(db, readers) == 12
    assert spike(db).verdict is SpikeVerdict.ORDINARY


def test_an_ordinary_hour_becomes_a_spike_when_the_share_grows(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 260)
    bounce(db, issue_id, readers[:12])
    judge_spikes(runtime)

    bounce(db, issue_id, readers[12:30])
    judge_spikes(runtime)

    assert lost(db, readers) == 0
    assert spike(db).verdict is None


def test_the_hours_beside_a_spike_belong_to_it(runtime: Runtime, db: Database, clock: FixedClock) -> None:
    issue_id, readers = issue_to(runtime, 40)
    clock.advance(3 * HOUR)

    bounce(db, issue_id, readers[:5], at=timedelta(0))
    bounce(db, issue_id, readers[5:30], at=HOUR)
    bounce(db, issue_id, readers[30:35], at=2 * HOUR)
    bounce(db, issue_id, readers[35:36], at=3 * HOUR)
    judge_spikes(runtime)

    assert lost(db, readers) == 1


def test_the_order_of_arrival_makes_no_difference(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 40)
    told = readers[:30] * 2
    Random(7).shuffle(told)

    for reader in told:
        bounce(db, issue_id, [reader])
        if reader % 5 == 0:
            judge_spikes(runtime)
    judge_spikes(runtime)

    assert (lost(db, readers), active(db)) == (0, 40)


def test_time_ends_the_hold_and_an_address_that_is_dead_still_says_so_again(
    runtime: Runtime, db: Database, clock: FixedClock
) -> None:
    issue_id, readers = issue_to(runtime, 40)
    bounce(db, issue_id, readers[:30])
    judge_spikes(runtime)
    clock.advance(HOLD_FOR)
    judge_spikes(runtime)
    after_hold = lost(db, readers)

    bounce(db, issue_id, readers[:30], at=HOLD_FOR + HOUR)
    judge_spikes(runtime)

    assert after_hold == 0
    assert lost(db, readers) == 30


@pytest.mark.parametrize(("verdict", "expected"), [(SpikeVerdict.CONDEMNED, 30), (SpikeVerdict.FORGIVEN, 0)])
def test_an_editor_ends_the_hold_either_way(
    runtime: Runtime, db: Database, verdict: SpikeVerdict, expected: int
) -> None:
    issue_id, readers = issue_to(runtime, 40)
    bounce(db, issue_id, readers[:30])
    judge_spikes(runtime)

    with db.transaction() as session:
        spikes.close(session, session.scalars(select(BounceSpike)).one(), verdict, editor_id=1, now=NOW)
    judge_spikes(runtime)

    assert lost(db, readers) == expected


def test_a_complaint_is_not_held(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 40)
    bounce(db, issue_id, readers[:30])

    record(db, event_about(issue_id, readers[0], EventKind.COMPLAINT))
    judge_spikes(runtime)

    assert how_suppressed(db, readers[0]) is SuppressionReason.COMPLAINT


def test_other_domains_are_not_held(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 30)
    other_issue, others = issue_to(runtime, 3, first="other")
    with db.transaction() as session:
        for number in others:
            from_table = session.get_one(Subscriber, number)
            from_table.email_key = from_table.email_key.replace("readers.example", "elsewhere.example")

    bounce(db, issue_id, readers)
    bounce(db, other_issue, others)
    judge_spikes(runtime)

    assert (lost(db, readers), lost(db, others)) == (0, 3)


def test_a_subscription_that_was_paused_or_pending_goes_back_to_that(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 30)
    with db.transaction() as session:
        row = session.scalars(select(Subscription).where(Subscription.subscriber_id == readers[0])).one()
        row.state, row.paused_until = SubscriptionState.PAUSED, NOW + timedelta(days=9)

    bounce(db, issue_id, readers)
    with db.reading() as session:
        stopped = session.get_one(Subscription, row.id).state
    judge_spikes(runtime)

    with db.reading() as session:
        again = session.get_one(Subscription, row.id)
    assert stopped is SubscriptionState.BOUNCED
    assert (again.state, again.paused_until) == (SubscriptionState.PAUSED, NOW + timedelta(days=9))
    assert how_suppressed(db, readers[0]) is None

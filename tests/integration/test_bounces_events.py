"""What follows from what comes back: one way in, whatever the order and however often it is told."""

from datetime import timedelta
from itertools import permutations
from random import Random

import pytest
from sqlalchemy import func, select

from newsletters.bounces import deliveries
from newsletters.bounces.event import EventKind, MailEvent, Recorded
from newsletters.bounces.models import Bounce, BounceKind, Complaint
from newsletters.delivery.counts import by_state
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.mail.verp import IssueBounce, MailBounce
from newsletters.runtime import Runtime
from newsletters.subscribers import consent
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.models import ConsentEvent, Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.suppression import lift
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from tests.conftest import NOW
from tests.delivering import start_issue
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.returning import accepted_issue, event_about, how_suppressed, issue_to, record

DAY = timedelta(days=1)


@pytest.fixture
def issue_and_reader(runtime: Runtime) -> tuple[int, int]:
    issue_id, readers = issue_to(runtime, 2)
    return issue_id, readers[0]


def standing(db: Database, subscriber_id: int) -> SubscriptionState:
    with db.reading() as session:
        found = select(Subscription.state).where(Subscription.subscriber_id == subscriber_id)
        return session.scalars(found).one()


def delivery(db: Database, issue_id: int, subscriber_id: int) -> Delivery:
    with db.reading() as session:
        return session.get_one(Delivery, (issue_id, subscriber_id))


def how_many(db: Database, table: type[Bounce] | type[Complaint]) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_dead_address_is_stopped_at_once(db: Database, issue_and_reader: tuple[int, int]) -> None:
    issue_id, reader = issue_and_reader

    came_to = record(db, event_about(issue_id, reader, EventKind.HARD))

    assert came_to is Recorded.NEW
    assert how_suppressed(db, reader) is SuppressionReason.HARD_BOUNCE
    assert standing(db, reader) is SubscriptionState.BOUNCED


def test_an_accepted_delivery_becomes_bounced_and_is_counted_so(
    db: Database, issue_and_reader: tuple[int, int]
) -> None:
    issue_id, reader = issue_and_reader

    record(db, event_about(issue_id, reader, EventKind.HARD))

    told = delivery(db, issue_id, reader)
    assert (told.state, told.reason, told.reply) == (DeliveryState.BOUNCED, "hard", "550 5.1.1 no such user")
    with db.reading() as session:
        counted = by_state(session, issue_id)
    assert (counted[DeliveryState.ACCEPTED], counted[DeliveryState.BOUNCED]) == (1, 1)


@pytest.mark.parametrize("kind", [EventKind.POLICY, EventKind.TEMPORARY, EventKind.NOTICE])
def test_what_is_not_about_the_address_is_kept_and_stops_nothing(
    db: Database, issue_and_reader: tuple[int, int], kind: EventKind
) -> None:
    issue_id, reader = issue_and_reader

    record(db, event_about(issue_id, reader, kind))

    assert how_many(db, Bounce) == 1
    assert how_suppressed(db, reader) is None
    assert standing(db, reader) is SubscriptionState.ACTIVE


def test_a_refusal_for_policy_that_comes_late_may_be_tried_again(
    db: Database, issue_and_reader: tuple[int, int]
) -> None:
    issue_id, reader = issue_and_reader

    record(db, event_about(issue_id, reader, EventKind.POLICY))

    assert delivery(db, issue_id, reader).state is DeliveryState.FAILED


def test_news_of_a_server_that_still_tries_leaves_the_delivery_alone(
    db: Database, issue_and_reader: tuple[int, int]
) -> None:
    issue_id, reader = issue_and_reader

    record(db, event_about(issue_id, reader, EventKind.TEMPORARY))

    assert delivery(db, issue_id, reader).state is DeliveryState.ACCEPTED


def test_a_full_mailbox_is_given_up_after_five_days(db: Database, issue_and_reader: tuple[int, int]) -> None:
    issue_id, reader = issue_and_reader
    soft = [
        event_about(issue_id, reader, EventKind.SOFT, event_id=str(n), at=NOW + n * DAY) for n in range(5)
    ]

    for event in soft[:4]:
        record(db, event)
    before = how_suppressed(db, reader)
    record(db, soft[4])

    assert before is None
    assert how_suppressed(db, reader) is SuppressionReason.SOFT_BOUNCES


def test_many_soft_bounces_on_one_day_count_once(db: Database, issue_and_reader: tuple[int, int]) -> None:
    issue_id, reader = issue_and_reader

    for number in range(9):
        at = NOW + timedelta(hours=number)
        record(db, event_about(issue_id, reader, EventKind.SOFT, event_id=str(number), at=at))

    assert how_suppressed(db, reader) is None


def test_a_complaint_stops_everything_at_once(db: Database, issue_and_reader: tuple[int, int]) -> None:
    issue_id, reader = issue_and_reader

    record(db, event_about(issue_id, reader, EventKind.COMPLAINT, reply="abuse"))

    assert how_suppressed(db, reader) is SuppressionReason.COMPLAINT
    assert standing(db, reader) is SubscriptionState.COMPLAINED
    assert delivery(db, issue_id, reader).state is DeliveryState.ACCEPTED


@pytest.mark.parametrize("kind", [EventKind.HARD, EventKind.COMPLAINT])
def test_the_same_event_twice_is_one(
    db: Database, issue_and_reader: tuple[int, int], kind: EventKind
) -> None:
    issue_id, reader = issue_and_reader
    event = event_about(issue_id, reader, kind)

    came_to = [record(db, event) for _ in range(2)]

    assert came_to == [Recorded.NEW, Recorded.KNOWN]
    assert how_many(db, Bounce) + how_many(db, Complaint) == 1


def test_one_id_for_several_readers_is_several_events(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 2)

    came_to = [record(db, event_about(issue_id, reader, EventKind.HARD, event_id="x")) for reader in readers]

    assert came_to == [Recorded.NEW, Recorded.NEW]


@pytest.mark.parametrize(
    "about", [IssueBounce(2**62, 2**62), IssueBounce(1, 999_999), MailBounce(2**62), MailBounce(999_999)]
)
def test_an_event_about_nobody_changes_nothing(db: Database, about: IssueBounce | MailBounce) -> None:
    came_to = record(db, event_about(1, 1, EventKind.HARD, about=about))

    assert came_to is Recorded.NOBODY
    assert how_many(db, Bounce) == 0


def everything_about(issue_id: int, reader: int) -> list[MailEvent]:
    """A year of a reader whose mailbox filled up, died and called us spam."""
    soft = [
        event_about(issue_id, reader, EventKind.SOFT, event_id=f"s{n}", at=NOW + n * DAY) for n in range(5)
    ]
    rest = [EventKind.HARD, EventKind.POLICY, EventKind.TEMPORARY, EventKind.NOTICE, EventKind.COMPLAINT]
    return soft + [event_about(issue_id, reader, kind, at=NOW + 6 * DAY) for kind in rest]


@pytest.mark.parametrize("seed", range(6))
def test_shuffled_and_repeated_events_come_to_the_same(runtime: Runtime, db: Database, seed: int) -> None:
    issue_id, readers = issue_to(runtime, 4)
    chance = Random(seed)
    told = [event for reader in readers for event in everything_about(issue_id, reader)]
    told = [event for event in told if chance.random() < 0.7 or event.about.subscriber_id == readers[0]]  # type: ignore[union-attr]
    expected = {reader: _expected(told, reader) for reader in readers}
    order = told * 3
    chance.shuffle(order)

    for event in order:
        record(db, event)

    assert {reader: how_suppressed(db, reader) for reader in readers} == expected
    assert how_many(db, Bounce) + how_many(db, Complaint) == len(told)


def _expected(told: list[MailEvent], reader: int) -> SuppressionReason | None:
    kinds = [event.kind for event in told if event.about == IssueBounce(event.about.issue_id, reader)]  # type: ignore[union-attr]
    if EventKind.COMPLAINT in kinds:
        return SuppressionReason.COMPLAINT
    if EventKind.HARD in kinds:
        return SuppressionReason.HARD_BOUNCE
    return SuppressionReason.SOFT_BOUNCES if kinds.count(EventKind.SOFT) == 5 else None


@pytest.mark.parametrize("order", list(permutations((EventKind.HARD, EventKind.COMPLAINT, EventKind.SOFT))))
def test_the_gravest_reason_stands_in_any_order(
    db: Database, issue_and_reader: tuple[int, int], order: tuple[EventKind, ...]
) -> None:
    issue_id, reader = issue_and_reader

    for kind in order:
        record(db, event_about(issue_id, reader, kind))

    assert how_suppressed(db, reader) is SuppressionReason.COMPLAINT
    assert standing(db, reader) is SubscriptionState.COMPLAINED


def test_a_bounce_faster_than_its_delivery_is_told_later(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        reader = make_subscription(session, newsletter).subscriber_id
    issue_id = start_issue(runtime, newsletter)

    record(db, event_about(issue_id, reader, EventKind.HARD))
    before = delivery(db, issue_id, reader).state
    with db.transaction() as session:
        told_too_early = deliveries.tell_owed(session, now=NOW)
        session.get_one(Delivery, (issue_id, reader)).state = DeliveryState.ACCEPTED
    with db.transaction() as session:
        told = deliveries.tell_owed(session, now=NOW)

    assert (before, told_too_early, told) == (DeliveryState.WAITING, 0, 1)
    assert delivery(db, issue_id, reader).state is DeliveryState.BOUNCED


def test_a_single_mail_that_comes_back_condemns_its_address(db: Database) -> None:
    with db.transaction() as session:
        reader = make_subscriber(session)
        mail = queue(session, QueuedMail("confirm", reader.email, "en", {}, reader.id), now=NOW)
        mail.state = OutboxState.ACCEPTED
        session.flush()
        about = MailBounce(mail.id)

    record(db, event_about(0, 0, EventKind.HARD, about=about))

    assert how_suppressed(db, reader.id) is SuppressionReason.HARD_BOUNCE
    with db.reading() as session:
        kept = session.get_one(OutboxMail, about.outbox_id)
    assert (kept.state, kept.reply) == (OutboxState.FAILED, "550 5.1.1 no such user")


def test_a_mail_to_another_address_condemns_nobody(db: Database) -> None:
    """The mail that proves a new address is about that address alone."""
    with db.transaction() as session:
        reader = make_subscriber(session)
        mail = queue(
            session, QueuedMail("change_address", "new@readers.example", "en", {}, reader.id), now=NOW
        )
        session.flush()
        about = MailBounce(mail.id)

    record(db, event_about(0, 0, EventKind.HARD, about=about))

    assert how_suppressed(db, reader.id) is None
    assert how_many(db, Bounce) == 0


def test_a_mail_to_an_editor_condemns_nobody(db: Database) -> None:
    with db.transaction() as session:
        mail = queue(session, QueuedMail("invitation", "editor@newsroom.example", "en", {}), now=NOW)
        mail.state = OutboxState.ACCEPTED
        session.flush()
        about = MailBounce(mail.id)

    came_to = record(db, event_about(0, 0, EventKind.HARD, about=about))

    assert came_to is Recorded.NEW
    with db.reading() as session:
        assert session.get_one(OutboxMail, about.outbox_id).state is OutboxState.FAILED


def test_what_an_editor_lifted_is_not_stopped_again_by_an_older_report(
    db: Database, issue_and_reader: tuple[int, int]
) -> None:
    issue_id, reader = issue_and_reader
    record(db, event_about(issue_id, reader, EventKind.HARD, event_id="1"))
    with db.transaction() as session:
        hash_ = session.get_one(Subscriber, reader).address_hash
        lift(session, address_hash=hash_, reason="they wrote to us", actor="Ada", now=NOW + DAY)

    record(db, event_about(issue_id, reader, EventKind.HARD, event_id="2", at=NOW + timedelta(hours=1)))
    older = how_suppressed(db, reader)
    record(db, event_about(issue_id, reader, EventKind.HARD, event_id="3", at=NOW + 2 * DAY))

    assert older is None
    assert how_suppressed(db, reader) is SuppressionReason.HARD_BOUNCE


def test_a_reader_who_confirmed_since_is_reachable(db: Database, issue_and_reader: tuple[int, int]) -> None:
    issue_id, reader = issue_and_reader
    with db.transaction() as session:
        row = session.scalars(select(Subscription).where(Subscription.subscriber_id == reader)).one()
        consent.record(session, row, ConsentEvent.CONFIRMED, Mechanism.LINK, now=NOW + DAY)

    record(db, event_about(issue_id, reader, EventKind.HARD, at=NOW))

    assert how_suppressed(db, reader) is None


def test_the_words_of_a_server_are_not_kept_with_the_suppression(
    db: Database, issue_and_reader: tuple[int, int]
) -> None:
    issue_id, reader = issue_and_reader
    quoted = "550 5.1.1 <reader0@readers.example> unknown"

    record(db, event_about(issue_id, reader, EventKind.HARD, reply=quoted))

    with db.reading() as session:
        hash_ = session.get_one(Subscriber, reader).address_hash
        from_list = session.execute(
            select(Suppression.detail).where(Suppression.address_hash == hash_)
        ).scalar_one()
    assert from_list == "550 5.1.1"


def test_a_retired_issue_is_no_obstacle(runtime: Runtime, db: Database) -> None:
    """The reader of an issue that is gone is still somebody whose address is dead."""
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        reader = make_subscription(session, newsletter).subscriber_id
    accepted_issue(runtime, newsletter)

    record(db, event_about(999, reader, EventKind.HARD))

    with db.reading() as session:
        kept = session.scalars(select(Bounce)).one()
    assert (kept.kind, kept.domain) == (BounceKind.HARD, "readers.example")
    assert how_suppressed(db, reader) is SuppressionReason.HARD_BOUNCE

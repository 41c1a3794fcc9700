"""Leaving: in force at once, as often as one likes, from every mail we ever sent."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select

from newsletters.kernel.tokens import Purpose, Signer
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import unsubscribe
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.links import LinkBroken, LinkForeign
from newsletters.subscribers.models import (
    ConsentEvent,
    ConsentRecord,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.pauses import LONGEST_PAUSE
from newsletters.subscribers.stopping import mark_bounced, mark_complained
from newsletters.subscribers.unsubscribe import (
    UNDO_WINDOW,
    CannotUndo,
    Leaving,
    Left,
    NothingToLeave,
    Paused,
    Resumed,
    Undone,
)
from tests.mailbox import Reader, advance, newsletter

ACTIVE, PAUSED = SubscriptionState.ACTIVE, SubscriptionState.PAUSED
UNSUBSCRIBED = SubscriptionState.UNSUBSCRIBED
ISSUE = 77


def token_of(reader: Reader, news: Newsletter) -> str:
    return reader.runtime.signer.sign(Purpose.UNSUBSCRIBE, reader.subscription(news).id, ISSUE)


def leaves(reader: Reader, token: str, mechanism: Mechanism = Mechanism.LINK) -> object:
    with reader.runtime.db.transaction() as session:
        return unsubscribe.leave(session, token, means=reader.runtime, mechanism=mechanism, now=reader.now)


def leaves_all(reader: Reader, token: str) -> object:
    with reader.runtime.db.transaction() as session:
        return unsubscribe.leave_all(session, token, means=reader.runtime, now=reader.now)


def undoes(reader: Reader, token: str) -> object:
    with reader.runtime.db.transaction() as session:
        return unsubscribe.undo(session, token, means=reader.runtime, now=reader.now)


def pauses(reader: Reader, token: str, days: int) -> object:
    with reader.runtime.db.transaction() as session:
        return unsubscribe.pause(session, token, means=reader.runtime, days=days, now=reader.now)


def resumes(reader: Reader, token: str) -> object:
    with reader.runtime.db.transaction() as session:
        return unsubscribe.resume(session, token, means=reader.runtime, now=reader.now)


def looks(reader: Reader, token: str) -> object:
    with reader.runtime.db.reading() as session:
        return unsubscribe.offer_leaving(session, token, means=reader.runtime, now=reader.now)


def records(runtime: Runtime) -> list[tuple[ConsentEvent, str]]:
    with runtime.db.reading() as session:
        rows = session.scalars(select(ConsentRecord).order_by(ConsentRecord.id))
        return [(row.event, row.mechanism) for row in rows]


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    return newsletter(runtime, name="Explaining Ukraine")


@pytest.fixture
def reader(runtime: Runtime, news: Newsletter) -> Reader:
    reader = Reader(runtime)
    reader.joins(news)
    return reader


def test_looking_at_the_page_names_the_newsletter_and_changes_nothing(
    reader: Reader, news: Newsletter
) -> None:
    seen = looks(reader, token_of(reader, news))

    assert isinstance(seen, Leaving)
    assert (seen.newsletter.name, seen.email_masked, seen.state) == (
        "Explaining Ukraine",
        "r•••@readers.example",
        ACTIVE,
    )
    assert reader.state(news) is ACTIVE


@pytest.mark.parametrize("mechanism", [Mechanism.LINK, Mechanism.ONE_CLICK])
def test_leaving_is_in_force_at_once_and_on_record(
    reader: Reader, news: Newsletter, mechanism: Mechanism
) -> None:
    outcome = leaves(reader, token_of(reader, news), mechanism)

    assert isinstance(outcome, Left)
    assert [one.id for one in outcome.newsletters] == [news.id]
    assert reader.state(news) is UNSUBSCRIBED
    assert records(reader.runtime)[-1] == (ConsentEvent.WITHDRAWN, mechanism)


def test_the_issue_that_made_a_reader_leave_is_known(reader: Reader, news: Newsletter) -> None:
    leaves(reader, token_of(reader, news))

    assert reader.subscription(news).unsubscribed_by_issue_id == ISSUE


def test_leaving_twice_changes_nothing_and_is_no_error(reader: Reader, news: Newsletter) -> None:
    token = token_of(reader, news)
    leaves(reader, token)
    first = reader.subscription(news).ended_at
    advance(reader.runtime, timedelta(days=1))

    again = leaves(reader, token, Mechanism.ONE_CLICK)

    assert isinstance(again, Left)
    assert again.newsletters == ()
    assert reader.subscription(news).ended_at == first
    assert [event for event, _ in records(reader.runtime)].count(ConsentEvent.WITHDRAWN) == 1


def test_leaving_one_newsletter_leaves_the_others_alone(reader: Reader, news: Newsletter) -> None:
    sport = newsletter(reader.runtime, name="Sport")
    reader.joins(sport)

    outcome = leaves(reader, token_of(reader, news))

    assert isinstance(outcome, Left)
    assert [one.name for one in outcome.others] == ["Sport"]
    assert reader.state(sport) is ACTIVE


def test_leaving_everything_ends_everything(reader: Reader, news: Newsletter) -> None:
    sport = newsletter(reader.runtime)
    reader.joins(sport)

    leaves_all(reader, token_of(reader, news))

    assert reader.state(news) is reader.state(sport) is UNSUBSCRIBED


def test_leaving_by_mail_is_leaving(reader: Reader, news: Newsletter) -> None:
    with reader.runtime.db.transaction() as session:
        ids = (reader.subscription(news).id, ISSUE)
        unsubscribe.leave_by_mail(session, ids, now=reader.now)

    assert reader.state(news) is UNSUBSCRIBED
    assert records(reader.runtime)[-1] == (ConsentEvent.WITHDRAWN, Mechanism.MAIL)


def test_a_link_is_good_for_ever_and_after_the_newsletter_has_retired(
    reader: Reader, news: Newsletter
) -> None:
    token = token_of(reader, news)
    with reader.runtime.db.transaction() as session:
        session.get_one(Newsletter, news.id).retired_at = reader.now
    advance(reader.runtime, timedelta(days=3650))

    assert isinstance(leaves(reader, token), Left)


def test_a_link_survives_a_rotation_of_the_keys(reader: Reader, news: Newsletter) -> None:
    old = Signer([b"an earlier key, long retired"])
    token = old.sign(Purpose.UNSUBSCRIBE, reader.subscription(news).id, ISSUE)
    rotated = Signer([b"k" * 40, b"an earlier key, long retired"])

    assert rotated.read(token, Purpose.UNSUBSCRIBE, now=reader.now).ids[1] == ISSUE


def test_a_link_whose_subscription_is_gone_has_nothing_left_to_end(reader: Reader, news: Newsletter) -> None:
    token = token_of(reader, news)
    with reader.runtime.db.transaction() as session:
        session.execute(delete(Subscriber))

    assert leaves(reader, token) == looks(reader, token) == NothingToLeave()


def test_an_old_link_never_meets_a_new_reader(reader: Reader, news: Newsletter) -> None:
    token = token_of(reader, news)
    with reader.runtime.db.transaction() as session:
        session.execute(delete(Subscriber))
    newcomer = Reader(reader.runtime, email="newcomer@readers.example")
    newcomer.joins(news)

    outcome = leaves(reader, token)

    assert outcome == NothingToLeave()
    assert newcomer.state(news) is ACTIVE


def test_a_forged_link_and_one_for_another_page_end_nothing(reader: Reader, news: Newsletter) -> None:
    foreign = reader.runtime.signer.sign(Purpose.PREFERENCES, reader.subscription(news).id, ISSUE)

    assert leaves(reader, "nonsense") == LinkBroken()
    assert leaves(reader, foreign) == LinkForeign(Purpose.PREFERENCES)
    assert reader.state(news) is ACTIVE


def test_undoing_gives_it_back_as_it_was(reader: Reader, news: Newsletter) -> None:
    token = token_of(reader, news)
    leaves(reader, token)

    outcome = undoes(reader, token)

    row = reader.subscription(news)
    assert isinstance(outcome, Undone)
    assert (row.state, row.ended_at, row.unsubscribed_by_issue_id) == (ACTIVE, None, None)
    assert records(reader.runtime)[-1] == (ConsentEvent.CONFIRMED, Mechanism.UNDO)


def test_undoing_gives_back_everything_that_was_left_at_once(reader: Reader, news: Newsletter) -> None:
    sport, token = newsletter(reader.runtime), token_of(reader, news)
    reader.joins(sport)
    leaves_all(reader, token)

    undoes(reader, token)

    assert reader.state(news) is reader.state(sport) is ACTIVE


def test_undoing_gives_back_nothing_that_was_left_before(reader: Reader, news: Newsletter) -> None:
    sport = newsletter(reader.runtime)
    reader.joins(sport)
    leaves(reader, token_of(reader, sport))
    advance(reader.runtime, timedelta(minutes=1))
    leaves(reader, token_of(reader, news))

    undoes(reader, token_of(reader, news))

    assert (reader.state(news), reader.state(sport)) == (ACTIVE, UNSUBSCRIBED)


def test_after_an_hour_a_forwarded_link_can_bring_nobody_back(reader: Reader, news: Newsletter) -> None:
    token = token_of(reader, news)
    leaves(reader, token)
    advance(reader.runtime, UNDO_WINDOW + timedelta(seconds=1))

    outcome = undoes(reader, token)

    assert isinstance(outcome, CannotUndo)
    assert reader.state(news) is UNSUBSCRIBED


def test_undoing_what_was_never_left_changes_nothing(reader: Reader, news: Newsletter) -> None:
    outcome = undoes(reader, token_of(reader, news))

    assert isinstance(outcome, Undone)
    assert records(reader.runtime)[-1][0] is ConsentEvent.CONFIRMED
    assert len(records(reader.runtime)) == 2


@pytest.mark.parametrize("stop", [mark_bounced, mark_complained])
def test_undoing_revives_nobody_who_bounced_or_complained(
    reader: Reader, news: Newsletter, stop: object
) -> None:
    token = token_of(reader, news)
    with reader.runtime.db.transaction() as session:
        stop(session, subscriber_id=reader.row.id, now=reader.now)  # type: ignore[operator]

    assert isinstance(undoes(reader, token), CannotUndo)
    assert reader.state(news) not in (ACTIVE, PAUSED)


def test_a_complaint_stays_a_complaint_after_leaving(reader: Reader, news: Newsletter) -> None:
    with reader.runtime.db.transaction() as session:
        mark_complained(session, subscriber_id=reader.row.id, now=reader.now)

    leaves(reader, token_of(reader, news))

    assert reader.state(news) is SubscriptionState.COMPLAINED


def test_pausing_keeps_the_subscription(reader: Reader, news: Newsletter) -> None:
    outcome = pauses(reader, token_of(reader, news), days=14)

    assert isinstance(outcome, Paused)
    assert reader.subscription(news).paused_until == datetime(2026, 3, 16, tzinfo=UTC)
    assert records(reader.runtime)[-1] == (ConsentEvent.PAUSED, Mechanism.LINK)


def test_pausing_just_after_leaving_takes_the_leaving_back(reader: Reader, news: Newsletter) -> None:
    token = token_of(reader, news)
    leaves(reader, token)

    pauses(reader, token, days=14)

    assert reader.state(news) is PAUSED


def test_a_pause_ends_as_its_day_begins_where_the_newsletter_is(reader: Reader, news: Newsletter) -> None:
    with reader.runtime.db.transaction() as session:
        session.get_one(Newsletter, news.id).timezone = "Pacific/Auckland"  # 13 hours ahead, 12 from 5 April

    pauses(reader, token_of(reader, news), days=14)
    before_the_clocks_change = reader.subscription(news).paused_until
    pauses(reader, token_of(reader, news), days=90)

    assert before_the_clocks_change == datetime(2026, 3, 15, 11, tzinfo=UTC)
    assert reader.subscription(news).paused_until == datetime(2026, 5, 30, 12, tzinfo=UTC)


def test_the_link_ends_a_pause_and_begins_nothing(reader: Reader, news: Newsletter) -> None:
    token = token_of(reader, news)
    pauses(reader, token, days=14)

    ended, again = resumes(reader, token), resumes(reader, token)
    is_back = reader.state(news)
    leaves(reader, token)
    resumes(reader, token)

    assert isinstance(ended, Resumed)
    assert isinstance(again, Resumed)
    assert (is_back, reader.state(news)) == (SubscriptionState.ACTIVE, UNSUBSCRIBED)
    told = [ConsentEvent.PAUSED, ConsentEvent.RESUMED, ConsentEvent.WITHDRAWN]
    assert records(reader.runtime)[-3:] == [(event, Mechanism.LINK) for event in told]


def test_a_pause_is_a_year_at_most(reader: Reader, news: Newsletter) -> None:
    pauses(reader, token_of(reader, news), days=9999)

    assert reader.subscription(news).paused_until == reader.now + LONGEST_PAUSE


def test_leaving_before_confirming_takes_the_request_back(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)

    leaves(reader, token_of(reader, news))

    assert reader.state(news) is UNSUBSCRIBED
    with runtime.db.reading() as session:
        assert session.scalars(select(Subscription.confirmed_at)).one() is None

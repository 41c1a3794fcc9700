"""Forgetting what nobody confirmed, and ending pauses that are over."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import pauses, preferences
from newsletters.subscribers.models import (
    AddressChange,
    Confirmation,
    ConsentEvent,
    ConsentRecord,
    SignupRequest,
    Subscriber,
    SubscriptionState,
)
from newsletters.subscribers.purge import Purged, purge
from newsletters.subscribers.stopping import mark_bounced, mark_complained
from tests.mailbox import Reader, advance, newsletter

MONTH = timedelta(days=30, seconds=1)


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    return newsletter(runtime)


def purges(runtime: Runtime) -> Purged:
    with runtime.db.transaction() as session:
        return purge(session, now=runtime.clock.now())


def ends_pauses(runtime: Runtime) -> int:
    with runtime.db.transaction() as session:
        return pauses.end_some(session, now=runtime.clock.now())


def rows(runtime: Runtime, *tables: type) -> list[int]:
    with runtime.db.reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_who_never_confirmed_is_forgotten_after_thirty_days(runtime: Runtime, news: Newsletter) -> None:
    Reader(runtime).signs_up(news)
    advance(runtime, MONTH)

    purged = purges(runtime)

    assert purged == Purged(lapsed=1, forgotten=1)
    assert rows(runtime, Subscriber, SignupRequest, Confirmation, ConsentRecord) == [0, 0, 0, 0]


def test_a_request_is_kept_until_then(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)
    advance(runtime, timedelta(days=29))

    purges(runtime)

    assert reader.state(news) is SubscriptionState.PENDING


@pytest.mark.parametrize("stop", [mark_bounced, mark_complained])
def test_who_never_confirmed_is_forgotten_whatever_came_of_the_mail(
    runtime: Runtime, news: Newsletter, stop: object
) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)
    with runtime.db.transaction() as session:
        stop(session, subscriber_id=reader.row.id, now=reader.now)  # type: ignore[operator]
    advance(runtime, MONTH)

    purges(runtime)

    assert rows(runtime, Subscriber) == [0]


def test_a_reader_is_kept_though_one_of_their_requests_lapses(runtime: Runtime, news: Newsletter) -> None:
    sport, reader = newsletter(runtime), Reader(runtime)
    reader.joins(news)
    reader.signs_up(sport)
    advance(runtime, MONTH)

    purged = purges(runtime)

    assert (purged.lapsed, purged.forgotten) == (1, 0)
    assert reader.state(news) is SubscriptionState.ACTIVE


@pytest.mark.parametrize("stop", [mark_bounced, mark_complained])
def test_who_once_confirmed_stands_again_where_they_stood(
    runtime: Runtime, news: Newsletter, stop: object
) -> None:
    reader = Reader(runtime)
    reader.joins(news)
    with runtime.db.transaction() as session:
        stop(session, subscriber_id=reader.row.id, now=reader.now)  # type: ignore[operator]
    before = reader.state(news)
    reader.signs_up(news)
    pending = reader.state(news)
    advance(runtime, MONTH)

    purges(runtime)

    assert pending is SubscriptionState.PENDING
    assert reader.state(news) is before


def test_a_pause_that_is_over_ends_by_itself_and_on_record(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.joins(news)
    with runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        until = reader.now + timedelta(days=7)
        preferences.pause(session, subscriber, news.id, until=until, now=reader.now)
    too_soon = ends_pauses(runtime)
    advance(runtime, timedelta(days=7))

    ended = ends_pauses(runtime)

    assert (too_soon, ended) == (0, 1)
    assert (reader.state(news), reader.subscription(news).paused_until) == (SubscriptionState.ACTIVE, None)
    with runtime.db.reading() as session:
        last = session.scalars(select(ConsentRecord).order_by(ConsentRecord.id.desc())).first()
        assert last is not None
        assert (last.event, last.mechanism, last.at) == (ConsentEvent.RESUMED, "pause_ended", reader.now)


def test_running_twice_changes_nothing(runtime: Runtime, news: Newsletter) -> None:
    Reader(runtime).signs_up(news)
    advance(runtime, MONTH)
    purges(runtime)

    assert purges(runtime) == Purged(0, 0)


def test_old_moves_are_forgotten(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.joins(news)
    with runtime.db.transaction() as session:
        session.add(
            AddressChange(
                subscriber_id=reader.row.id,
                email="moved@readers.example",
                email_key="moved@readers.example",
                created_at=reader.now,
                expires_at=reader.now,
            )
        )
    advance(runtime, MONTH)

    purges(runtime)

    assert rows(runtime, AddressChange) == [0]

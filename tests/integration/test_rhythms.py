"""A newsletter in digests: once a day or a week by its own clocks, and nothing lost or told twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from newsletters.delivery.audience import audience
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import Newsletter
from newsletters.reports.why import Why, answers
from newsletters.runtime import Runtime
from newsletters.subscribers import preferences, rhythms
from newsletters.subscribers.models import Rhythm, Subscriber, Subscription
from newsletters.subscribers.queries import person
from newsletters.tasks.periodic import plan_digests
from newsletters.tasks.register import register
from tests.at_once import all_at_once
from tests.conftest import NOW
from tests.desk import csrf_token
from tests.digesting import Newsroom
from tests.factories import make_newsletter, make_subscriber, make_subscription

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KYIV = "Europe/Kyiv"  # two hours ahead of UTC: NOW is Monday, 11:00 there
DAILY, WEEKLY, EACH = Rhythm.DAILY, Rhythm.WEEKLY, Rhythm.EACH


@pytest.fixture
def newsroom(runtime: Runtime) -> Iterator[Newsroom]:
    if not runtime.engine.tasks:
        register(runtime)
    with runtime.db.transaction() as session:
        newsletter = make_newsletter(
            session, slug="weekly", timezone=KYIV, offers_digests=True, digest_hour=18, digest_weekday=4
        )
        subscription = make_subscription(
            session, newsletter, make_subscriber(session, "olena@readers.example")
        )
    yield Newsroom(runtime, newsletter, subscription)


def chooses(newsroom: Newsroom, rhythm: Rhythm) -> bool:
    with newsroom.runtime.db.transaction() as session:
        reader = session.get_one(Subscriber, newsroom.subscription.subscriber_id)
        return preferences.choose_rhythm(session, reader, newsroom.newsletter.id, rhythm, now=newsroom.now)


def passes(newsroom: Newsroom, by: timedelta) -> None:
    """Let time pass, and the housekeeping run at the end of it."""
    newsroom.lets_pass(by)
    newsroom.ends_pauses()
    plan_digests(newsroom.runtime)
    newsroom.makes_digests()


def offers(newsroom: Newsroom, is_offered: bool) -> None:
    with newsroom.runtime.db.transaction() as session:
        session.get_one(Newsletter, newsroom.newsletter.id).offers_digests = is_offered


def test_a_days_issues_come_in_one_digest_at_the_newsletters_hour(newsroom: Newsroom) -> None:
    chooses(newsroom, DAILY)
    issues = [newsroom.publishes("First"), newsroom.publishes("Second")]

    passes(newsroom, 6 * HOUR + 59 * HOUR / 60)
    before = newsroom.told()
    passes(newsroom, HOUR / 60)

    assert [newsroom.delivered(issue) for issue in issues] == [None, None]
    assert before == []
    assert newsroom.told() == [["Second", "First"]]
    assert newsroom.mails()[0].params["kind"] == "daily"


def test_there_is_one_digest_for_each_reader_and_day(newsroom: Newsroom) -> None:
    chooses(newsroom, DAILY)
    newsroom.publishes("Monday")
    passes(newsroom, 7 * HOUR)
    passes(newsroom, HOUR)
    newsroom.publishes("Monday night")
    passes(newsroom, HOUR)
    first = newsroom.told()
    passes(newsroom, 22 * HOUR)

    assert first == [["Monday"]]
    assert newsroom.told() == [["Monday"], ["Monday night"]]


def test_where_nothing_came_out_no_digest_is_sent(newsroom: Newsroom) -> None:
    newsroom.publishes("Before")
    newsroom.lets_pass(HOUR)
    chooses(newsroom, DAILY)

    for _ in range(3):
        passes(newsroom, DAY)
    newsroom.publishes("At last")
    passes(newsroom, HOUR)
    too_early = newsroom.told()
    passes(newsroom, DAY)

    assert too_early == []
    assert newsroom.told() == [["At last"]]


def test_a_weeks_issues_come_on_the_newsletters_day(newsroom: Newsroom) -> None:
    chooses(newsroom, WEEKLY)
    for subject in ("Monday", "Tuesday", "Wednesday", "Thursday"):
        newsroom.publishes(subject)
        passes(newsroom, DAY)
    before = newsroom.told()
    passes(newsroom, 8 * HOUR)

    assert before == []
    assert newsroom.told() == [["Thursday", "Wednesday", "Tuesday", "Monday"]]
    assert newsroom.mails()[0].params["kind"] == "weekly"


def test_workers_at_once_plan_and_make_one_digest(newsroom: Newsroom) -> None:
    chooses(newsroom, DAILY)
    newsroom.publishes("Monday")
    newsroom.lets_pass(DAY)

    all_at_once([lambda: plan_digests(newsroom.runtime)] * 3)
    all_at_once([newsroom.makes_digests] * 3)
    plan_digests(newsroom.runtime)
    newsroom.makes_digests()

    assert newsroom.told() == [["Monday"]]


def test_going_back_to_each_issue_brings_a_last_digest_at_once(newsroom: Newsroom) -> None:
    chooses(newsroom, WEEKLY)
    newsroom.publishes("Monday")
    newsroom.lets_pass(HOUR)

    chooses(newsroom, EACH)
    newsroom.makes_digests()
    later = newsroom.publishes("By itself")
    passes(newsroom, 7 * DAY)

    assert newsroom.told() == [["Monday"]]
    assert newsroom.delivered(later) is not None


def test_an_issue_that_went_out_by_itself_is_in_no_digest(newsroom: Newsroom) -> None:
    newsroom.publishes("By itself")
    chooses(newsroom, DAILY)

    passes(newsroom, DAY)

    assert newsroom.told() == []


def test_a_newsletter_that_stops_offering_digests_owes_a_last_one(newsroom: Newsroom) -> None:
    chooses(newsroom, WEEKLY)
    newsroom.publishes("Monday")
    newsroom.lets_pass(HOUR)

    offers(newsroom, False)
    newsroom.publishes("Unnoticed yet")
    newsroom.lets_pass(HOUR / 60)
    passes(newsroom, timedelta())
    later = newsroom.publishes("By itself")

    assert newsroom.row.rhythm is EACH
    assert newsroom.told() == [["Unnoticed yet", "Monday"]]
    assert newsroom.delivered(later) is not None


def test_a_pause_of_a_digests_reader_ends_in_one_digest_of_everything(newsroom: Newsroom) -> None:
    chooses(newsroom, WEEKLY)
    newsroom.publishes("Before the pause")
    newsroom.lets_pass(HOUR)
    newsroom.pauses(10 * DAY)
    newsroom.lets_pass(HOUR)
    newsroom.publishes("During the pause")
    passes(newsroom, 7 * DAY)
    while_away = newsroom.told()

    passes(newsroom, 3 * DAY)
    passes(newsroom, 14 * DAY)

    assert while_away == []
    assert newsroom.told() == [["During the pause", "Before the pause"]]
    assert newsroom.row.rhythm is WEEKLY


def test_going_back_to_each_issue_in_a_pause_keeps_what_was_not_told_for_the_return(
    newsroom: Newsroom,
) -> None:
    chooses(newsroom, WEEKLY)
    newsroom.publishes("Before the pause")
    newsroom.lets_pass(HOUR)
    newsroom.pauses(2 * DAY)
    chooses(newsroom, EACH)
    newsroom.makes_digests()
    at_once = newsroom.told()

    passes(newsroom, 3 * DAY)

    assert at_once == []
    assert newsroom.told() == [["Before the pause"]]


def test_digests_cannot_be_chosen_where_they_are_not_offered(newsroom: Newsroom) -> None:
    offers(newsroom, False)

    assert not chooses(newsroom, DAILY)
    assert newsroom.row.rhythm is EACH


def test_the_audience_says_who_is_left_out_for_a_digest(newsroom: Newsroom) -> None:
    chooses(newsroom, DAILY)

    with newsroom.runtime.db.reading() as session:
        found = audience(session, newsroom.newsletter.id, now=newsroom.now)

    assert (found.candidates, found.included, found.excluded) == (1, 0, {"digest": 1})


def test_an_editor_who_asks_why_it_did_not_come_is_told_of_the_digest(newsroom: Newsroom) -> None:
    chooses(newsroom, DAILY)
    newsroom.publishes("Monday")

    with newsroom.runtime.db.reading() as session:
        known = person(session, newsroom.subscription.subscriber_id)
        assert known is not None
        (answer,) = answers(session, known)

    assert answer.why is Why.DIGEST


@pytest.mark.parametrize(
    ("rhythm", "now", "slot"),
    [
        (DAILY, datetime(2026, 3, 2, 16, 0, tzinfo=UTC), datetime(2026, 3, 2, 16, 0, tzinfo=UTC)),
        (DAILY, datetime(2026, 3, 2, 15, 59, tzinfo=UTC), datetime(2026, 3, 1, 16, 0, tzinfo=UTC)),
        (DAILY, datetime(2026, 3, 29, 15, 0, tzinfo=UTC), datetime(2026, 3, 29, 15, 0, tzinfo=UTC)),
        (WEEKLY, datetime(2026, 3, 6, 16, 0, tzinfo=UTC), datetime(2026, 3, 6, 16, 0, tzinfo=UTC)),
        (WEEKLY, datetime(2026, 3, 6, 15, 59, tzinfo=UTC), datetime(2026, 2, 27, 16, 0, tzinfo=UTC)),
        (WEEKLY, datetime(2026, 3, 5, 12, 0, tzinfo=UTC), datetime(2026, 2, 27, 16, 0, tzinfo=UTC)),
    ],
)
def test_a_slot_is_told_by_the_newsletters_clocks(rhythm: Rhythm, now: datetime, slot: datetime) -> None:
    newsletter = Newsletter(timezone=KYIV, digest_hour=18, digest_weekday=4)

    assert rhythms.last_slot(rhythm, newsletter, now=now) == slot


def test_an_hour_that_the_clocks_skip_or_show_twice_comes_once_a_day() -> None:
    newsletter = Newsletter(timezone=KYIV, digest_hour=3, digest_weekday=6)
    days = [datetime(2026, 3, 27, 12, tzinfo=UTC) + number * DAY for number in range(4)]
    days += [datetime(2026, 10, 23, 12, tzinfo=UTC) + number * DAY for number in range(4)]

    slots = [rhythms.last_slot(DAILY, newsletter, now=day) for day in days]

    assert [slot.date() for slot in slots] == [day.date() for day in days]
    assert len(set(slots)) == len(days)


def test_a_reader_chooses_in_their_preferences(client: FlaskClient, newsroom: Newsroom) -> None:
    sign = newsroom.runtime.signer.sign
    page = f"/preferences/{sign(Purpose.PREFERENCES, newsroom.subscription.subscriber_id, 1)}"
    token = csrf_token(client, page)
    before = client.get(page).get_data(as_text=True)

    answer = client.post(
        f"{page}/rhythm/weekly",
        data={"csrf_token": token, "weekly-rhythm": "daily"},
        follow_redirects=True,
    ).get_data(as_text=True)
    nonsense = client.post(f"{page}/rhythm/weekly", data={"csrf_token": token, "weekly-rhythm": "hourly"})

    assert "Digests leave at 18:00 by the clocks of Europe/Kyiv" in before
    assert "in a daily digest" in answer
    assert newsroom.row.rhythm is DAILY
    assert nonsense.status_code == 400


def test_a_newsletter_without_digests_asks_nobody(client: FlaskClient, newsroom: Newsroom) -> None:
    offers(newsroom, False)
    sign = newsroom.runtime.signer.sign

    page = client.get(f"/preferences/{sign(Purpose.PREFERENCES, newsroom.subscription.subscriber_id, 1)}")

    assert "Digests leave at" not in page.get_data(as_text=True)


def test_signing_up_anew_begins_with_each_issue(newsroom: Newsroom) -> None:
    chooses(newsroom, DAILY)
    with newsroom.runtime.db.transaction() as session:
        reader = session.get_one(Subscriber, newsroom.subscription.subscriber_id)
        preferences.leave(session, reader, newsroom.newsletter.id, now=NOW)
        preferences.join(session, reader, newsroom.newsletter.id, means=newsroom.runtime, now=NOW)
        row = session.get_one(Subscription, newsroom.subscription.id)

        assert (row.rhythm, row.covered_until) == (EACH, None)

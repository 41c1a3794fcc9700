"""Leaving: the page, the mail program's one click, and what can be done afterwards."""

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from tests.conftest import NOW
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.readers import EMAIL, states

ACTIVE, LEFT, PAUSED = SubscriptionState.ACTIVE, SubscriptionState.UNSUBSCRIBED, SubscriptionState.PAUSED
ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = (
    b'--edge\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--edge--\r\n'
)


@pytest.fixture
def subscription(db: Database) -> Subscription:
    with db.transaction() as session:
        reader = make_subscriber(session, EMAIL)
        return make_subscription(session, make_newsletter(session, slug="weekly", name="Weekly"), reader)


@pytest.fixture
def link(runtime: Runtime, subscription: Subscription) -> str:
    return f"/unsubscribe/{runtime.signer.sign(Purpose.UNSUBSCRIBE, subscription.id, 99)}"


def test_looking_never_unsubscribes(client: FlaskClient, db: Database, link: str) -> None:
    page = client.get(link)
    head = client.head(link)

    assert page.status_code == head.status_code == 200
    assert "Unsubscribe from Weekly" in page.get_data(as_text=True)
    assert "autofocus" in page.get_data(as_text=True)
    assert EMAIL not in page.get_data(as_text=True)
    assert states(db) == [ACTIVE]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (ONE_CLICK, "application/x-www-form-urlencoded"),
        (MULTIPART, "multipart/form-data; boundary=edge"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
def test_one_post_unsubscribes_without_cookie_or_redirect(
    client: FlaskClient, db: Database, link: str, body: bytes, content_type: str
) -> None:
    answer = client.post(link, data=body, content_type=content_type)

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert states(db) == [LEFT]


def test_the_one_click_is_repeatable(client: FlaskClient, db: Database, link: str) -> None:
    answers = [client.post(link, data={"List-Unsubscribe": "One-Click"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert states(db) == [LEFT]


def test_the_pages_button_leads_back_to_the_page(client: FlaskClient, db: Database, link: str) -> None:
    answer = client.post(link, data={"from-page": "1"})
    page = client.get(answer.location).get_data(as_text=True)

    assert answer.status_code == 303
    assert "You are unsubscribed" in page
    assert "Take it back" in page
    assert states(db) == [LEFT]


def test_a_reader_can_take_it_back(client: FlaskClient, db: Database, link: str) -> None:
    client.post(link)

    answer = client.post(f"{link}/undo", follow_redirects=True)

    assert "You are subscribed again" in answer.get_data(as_text=True)
    assert states(db) == [ACTIVE]


def test_taking_it_back_ends_after_its_hour(
    client: FlaskClient, db: Database, clock: FixedClock, link: str
) -> None:
    client.post(link)
    clock.advance(timedelta(hours=2))

    answer = client.post(f"{link}/undo")

    assert answer.status_code == 409
    assert "Subscribe anew" in answer.get_data(as_text=True)
    assert states(db) == [LEFT]


def test_a_pause_instead_of_leaving(client: FlaskClient, db: Database, link: str) -> None:
    client.post(link)

    answer = client.post(f"{link}/pause", data={"days": "14"}, follow_redirects=True)

    with db.reading() as session:
        subscription = session.query(Subscription).one()
    assert answer.status_code == 200
    assert "Weekly does not come until" in answer.get_data(as_text=True)
    assert (subscription.state, subscription.paused_until) == (PAUSED, datetime(2026, 3, 16, tzinfo=UTC))


def test_who_has_paused_is_told_until_when_and_ends_it_in_one_press(
    client: FlaskClient, db: Database, link: str
) -> None:
    with db.transaction() as session:
        session.query(Newsletter).one().timezone = "Europe/Kyiv"
    client.post(f"{link}/pause", data={"days": "14"})

    page = client.get(link).get_data(as_text=True)
    after = client.post(f"{link}/resume", follow_redirects=True).get_data(as_text=True)

    assert "16 March 2026" in page
    assert f'action="{link}/resume"' in page
    assert "comes to you as before" in after
    assert states(db) == [ACTIVE]


def test_leaving_all_ends_every_subscription_of_that_address_alone(
    client: FlaskClient, db: Database, subscription: Subscription, link: str
) -> None:
    with db.transaction() as session:
        reader = session.get_one(Subscriber, subscription.subscriber_id)
        daily = make_newsletter(session, name="Daily")
        make_subscription(session, daily, reader)
        make_subscription(session, daily)

    offered = client.post(link).get_data(as_text=True)
    client.post(f"{link}/all")

    assert "Leave all of them" in offered
    assert "Daily" in offered
    assert states(db) == [LEFT, LEFT, ACTIVE]


def test_it_works_when_the_newsletter_is_retired_and_the_issue_is_gone(
    client: FlaskClient, db: Database, subscription: Subscription, link: str
) -> None:
    with db.transaction() as session:
        session.get_one(Newsletter, subscription.newsletter_id).retired_at = NOW

    answer = client.post(link)

    assert answer.status_code == 200
    assert states(db) == [LEFT]


def test_it_works_years_later(client: FlaskClient, db: Database, clock: FixedClock, link: str) -> None:
    clock.advance(timedelta(days=5 * 365))

    assert client.post(link).status_code == 200
    assert states(db) == [LEFT]


def test_a_link_whose_subscription_is_gone_says_that_nothing_comes(
    client: FlaskClient, runtime: Runtime
) -> None:
    link = f"/unsubscribe/{runtime.signer.sign(Purpose.UNSUBSCRIBE, 12345, 0)}"

    for answer in (client.get(link), client.post(link)):
        assert answer.status_code == 200
        assert "You get nothing from us" in answer.get_data(as_text=True)


@pytest.mark.parametrize("action", ["", "/undo", "/all", "/pause", "/resume"])
def test_a_forged_or_foreign_link_changes_nothing(
    client: FlaskClient, db: Database, runtime: Runtime, link: str, action: str
) -> None:
    confirm = runtime.signer.sign(Purpose.CONFIRM, 1)

    forged = client.post(f"{link[:-5]}AAAAA{action}")
    foreign = client.post(f"/unsubscribe/{confirm}{action}")

    assert (forged.status_code, foreign.status_code) == (404, 400)
    assert states(db) == [ACTIVE]


def test_the_page_speaks_the_readers_language(
    client: FlaskClient, db: Database, subscription: Subscription, link: str
) -> None:
    with db.transaction() as session:
        session.get_one(Subscriber, subscription.subscriber_id).language = "uk"

    by_reader = client.get(link).get_data(as_text=True)
    by_choice = client.get(f"{link}?lang=en").get_data(as_text=True)

    assert '<html lang="uk">' in by_reader
    assert '<html lang="en">' in by_choice

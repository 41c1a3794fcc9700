"""Why readers leave: asked afterwards, kept without who said it, told to the editors."""

from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import inspect, select

from newsletters.accounts.models import Role
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.count_models import LeavingReason, Reason
from newsletters.subscribers.models import Subscription, SubscriptionState
from newsletters.subscribers.purge import purge
from tests.conftest import NOW
from tests.desk import signed_in
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.readers import EMAIL, press


@pytest.fixture
def weekly(db: Database) -> Newsletter:
    with db.transaction() as session:
        return make_newsletter(session, slug="weekly", name="Weekly")


@pytest.fixture
def subscription(db: Database, weekly: Newsletter) -> Subscription:
    with db.transaction() as session:
        return make_subscription(session, weekly, make_subscriber(session, EMAIL, name="Olena"))


@pytest.fixture
def link(runtime: Runtime, subscription: Subscription) -> str:
    return f"/unsubscribe/{runtime.signer.sign(Purpose.UNSUBSCRIBE, subscription.id, 99)}"


def told(db: Database) -> list[LeavingReason]:
    with db.reading() as session:
        return list(session.scalars(select(LeavingReason).order_by(LeavingReason.id)))


def test_nobody_is_asked_before_they_have_left(client: FlaskClient, link: str) -> None:
    before = client.get(link).get_data(as_text=True)

    left = press(client, link).get_data(as_text=True)

    assert "tell us why" not in before
    assert "Would you tell us why?" in left
    assert "required" not in left.partition('id="why"')[2].partition("</section>")[0]


def test_one_press_says_why(client: FlaskClient, db: Database, weekly: Newsletter, link: str) -> None:
    press(client, link)

    answer = client.post(f"{link}/why", data={"reason": "too_many"}, follow_redirects=True)

    (row,) = told(db)
    assert (row.newsletter_id, row.reason, row.words, row.on) == (
        weekly.id,
        Reason.TOO_MANY,
        "",
        NOW.date(),
    )
    page = answer.get_data(as_text=True)
    assert "Thank you for telling us why" in page
    assert "Would you tell us why?" not in page


def test_the_answer_holds_nothing_of_who_gave_it(client: FlaskClient, db: Database, link: str) -> None:
    press(client, link)
    client.post(f"{link}/why", data={"reason": "other", "words": "The\nletters\u202e are <b>long</b>"})

    columns = {column["name"] for column in inspect(db.engine).get_columns("leaving_reasons")}
    (row,) = told(db)
    assert columns == {"id", "newsletter_id", "reason", "words", "on"}
    assert row.words == "The letters are <b>long</b>"


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        ({"words": "It is too long"}, [Reason.OTHER]),
        ({"reason": "nonsense", "words": "It is too long"}, [Reason.OTHER]),
        ({"reason": "nonsense"}, []),
        ({}, []),
        ({"words": "   "}, []),
    ],
)
def test_whatever_is_said_or_not_is_no_error(
    client: FlaskClient, db: Database, link: str, data: dict[str, str], reasons: list[Reason]
) -> None:
    press(client, link)

    answer = client.post(f"{link}/why", data=data)

    assert answer.status_code == 303
    assert [row.reason for row in told(db)] == reasons


def test_words_without_end_are_cut(client: FlaskClient, db: Database, link: str) -> None:
    press(client, link)

    client.post(f"{link}/why", data={"words": "я" * 5000})

    assert len(told(db)[0].words) == 500


def test_one_leaving_is_told_of_once(client: FlaskClient, db: Database, link: str) -> None:
    press(client, link)

    for _ in range(3):
        client.post(f"{link}/why", data={"reason": "elsewhere"})

    assert len(told(db)) == 1


def test_who_comes_back_and_leaves_again_may_say_it_again(
    client: FlaskClient, db: Database, link: str
) -> None:
    for _ in range(2):
        press(client, link)
        client.post(f"{link}/why", data={"reason": "elsewhere"})
        press(client, f"{link}/undo")

    assert len(told(db)) == 2


@pytest.mark.parametrize("state", [SubscriptionState.ACTIVE, SubscriptionState.COMPLAINED])
def test_only_who_left_by_themselves_can_say_why(
    client: FlaskClient, db: Database, subscription: Subscription, link: str, state: SubscriptionState
) -> None:
    with db.transaction() as session:
        session.get_one(Subscription, subscription.id).state = state

    client.post(f"{link}/why", data={"reason": "elsewhere"})

    assert told(db) == []


def test_a_link_for_something_else_says_nothing(
    client: FlaskClient, db: Database, runtime: Runtime, subscription: Subscription
) -> None:
    foreign = runtime.signer.sign(Purpose.CONFIRM, subscription.id)

    answers = [client.post(f"/unsubscribe/{token}/why", data={"reason": "other"}) for token in (foreign, "x")]

    assert [answer.status_code for answer in answers] == [400, 404]
    assert told(db) == []


def test_the_preferences_lead_who_just_left_to_the_question(
    client: FlaskClient, db: Database, runtime: Runtime, subscription: Subscription, clock: FixedClock
) -> None:
    token = runtime.signer.sign(Purpose.PREFERENCES, subscription.subscriber_id, 1)
    before = client.get(f"/preferences/{token}").get_data(as_text=True)
    press(client, f"/unsubscribe/{runtime.signer.sign(Purpose.UNSUBSCRIBE, subscription.id)}")

    page = client.get(f"/preferences/{token}").get_data(as_text=True)
    href = page.partition('href="/unsubscribe/')[2].partition("#why")[0]
    client.post(f"/unsubscribe/{href}/why", data={"reason": "hard_to_read"})
    clock.advance(timedelta(days=1))

    assert "Say why you left" not in before
    assert [row.reason for row in told(db)] == [Reason.HARD_TO_READ]
    assert "Say why you left" not in client.get(f"/preferences/{token}").get_data(as_text=True)


def test_editors_see_the_reasons_and_the_words(client: FlaskClient, db: Database, weekly: Newsletter) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        other = make_newsletter(session, name="Other")
        make_subscription(session, weekly, state=SubscriptionState.UNSUBSCRIBED, ended_at=NOW)
        for newsletter, reason, words in (
            (weekly, Reason.TOO_MANY, "<script>alert(1)</script>"),
            (weekly, Reason.TOO_MANY, ""),
            (other, Reason.ELSEWHERE, "on the radio"),
        ):
            session.add(LeavingReason(newsletter_id=newsletter.id, reason=reason, words=words, on=NOW.date()))
        session.add(
            LeavingReason(newsletter_id=weekly.id, reason=Reason.OTHER, words="old", on=date(2025, 1, 1))
        )

    page = client.get(f"/desk/readers/leaving?newsletter={weekly.id}&days=30").get_data(as_text=True)

    assert "1 reader left in these days" in page
    assert "answers given: 2" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "on the radio" not in page
    assert "old</th>" not in page
    assert "on the radio" in client.get("/desk/readers/leaving").get_data(as_text=True)


def test_where_nobody_has_said_anything_the_page_says_so(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.EDITOR)

    page = client.get("/desk/readers/leaving").get_data(as_text=True)

    assert "Nobody has said why yet" in page


def test_words_are_forgotten_after_a_year_and_reasons_stay(db: Database, weekly: Newsletter) -> None:
    with db.transaction() as session:
        for on in (NOW.date(), NOW.date() - timedelta(days=366)):
            session.add(LeavingReason(newsletter_id=weekly.id, reason=Reason.OTHER, words="x", on=on))

        purge(session, now=NOW)

    assert [(row.reason, row.words) for row in told(db)] == [(Reason.OTHER, "x"), (Reason.OTHER, "")]

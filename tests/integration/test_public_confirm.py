"""Confirming: one click for people, none for machines; every link that does not work says why."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.runtime import Runtime
from newsletters.subscribers.models import SubscriptionState
from tests.conftest import NOW
from tests.desk import csrf_token
from tests.factories import make_issue, make_newsletter
from tests.readers import EMAIL, embed_sign_up, mailed_path, mails, post_form, press, sign_up, states

pytestmark = pytest.mark.usefixtures("newsroom")
PENDING, ACTIVE = SubscriptionState.PENDING, SubscriptionState.ACTIVE


@pytest.fixture
def elsewhere(app: Flask) -> FlaskClient:
    """Another browser: no cookie of ours."""
    return app.test_client()


@pytest.fixture
def link(client: FlaskClient, db: Database) -> str:
    """The path of the link in the mail after a sign-up for one newsletter."""
    sign_up(client)
    return mailed_path(db, "confirm", "confirm_url")


def test_looking_never_confirms(client: FlaskClient, elsewhere: FlaskClient, db: Database, link: str) -> None:
    for browser in (client, elsewhere):
        assert browser.get(link).status_code == 200
        assert browser.head(link).status_code == 200

    assert states(db) == [PENDING]


def test_the_browser_that_signed_up_gets_a_page_that_posts_itself(client: FlaskClient, link: str) -> None:
    page = client.get(link).get_data(as_text=True)

    assert "data-confirm-now" in page
    assert "js/confirm.js" in page


def test_elsewhere_the_page_shows_one_button_and_nothing_that_presses_it(
    elsewhere: FlaskClient, link: str
) -> None:
    page = elsewhere.get(link).get_data(as_text=True)

    assert "Explaining Ukraine" in page
    assert "Yes, subscribe me" in page
    assert "data-confirm-now" not in page
    assert EMAIL not in page


def test_the_button_works_on_another_device_without_any_cookie(
    elsewhere: FlaskClient, db: Database, link: str
) -> None:
    answer = press(elsewhere, link)

    assert answer.status_code == 303
    assert answer.location.startswith("/welcome/")
    assert states(db) == [ACTIVE]


def test_a_number_that_nobody_can_have_chosen_confirms_nothing_else_than_what_was_asked(
    elsewhere: FlaskClient, db: Database, link: str
) -> None:
    answer = elsewhere.post(link, data={"newsletter": "9" * 5_000})

    assert answer.status_code == 303
    assert states(db) == [ACTIVE]


def test_confirming_twice_is_not_an_error(elsewhere: FlaskClient, db: Database, link: str) -> None:
    press(elsewhere, link)

    again = press(elsewhere, link)
    look = elsewhere.get(link)

    assert again.status_code == look.status_code == 200
    assert "Already confirmed" in again.get_data(as_text=True)
    assert "Already confirmed" in look.get_data(as_text=True)
    assert states(db) == [ACTIVE]


def test_one_mail_confirms_everything_that_waits(
    client: FlaskClient, elsewhere: FlaskClient, db: Database
) -> None:
    sign_up(client, newsletters=["explaining-ukraine", "morning-brief"])

    press(elsewhere, mailed_path(db, "confirm", "confirm_url"))

    assert states(db) == [ACTIVE, ACTIVE]


def test_an_expired_link_offers_a_new_one_which_works(
    elsewhere: FlaskClient, db: Database, clock: FixedClock, link: str
) -> None:
    clock.advance(timedelta(days=8))

    page = elsewhere.get(link)
    pressed = press(elsewhere, link)
    renewed = elsewhere.post(f"{link}/new", follow_redirects=True)
    confirmed = press(elsewhere, mailed_path(db, "confirm", "confirm_url"))

    assert page.status_code == pressed.status_code == 410
    assert "Send me a new link" in page.get_data(as_text=True)
    assert "A new link is on its way" in renewed.get_data(as_text=True)
    assert confirmed.status_code == 303
    assert states(db) == [ACTIVE]


def test_a_forged_link_is_told_apart_and_changes_nothing(
    elsewhere: FlaskClient, db: Database, link: str
) -> None:
    for forged in (f"{link[:-6]}AAAAAA", "/confirm/nonsense", "/confirm/%FF%FE", link[:-3]):
        looked, pressed = elsewhere.get(forged), press(elsewhere, forged)

        assert looked.status_code == pressed.status_code == 404
        assert "This link is not whole" in looked.get_data(as_text=True)
        assert 'href="/confirm/again"' in looked.get_data(as_text=True)
    assert states(db) == [PENDING]


def test_a_link_made_for_something_else_does_not_confirm(
    elsewhere: FlaskClient, db: Database, runtime: Runtime, link: str
) -> None:
    foreign = f"/confirm/{runtime.signer.sign(Purpose.UNSUBSCRIBE, 1, 0)}"

    answer = press(elsewhere, foreign)

    assert answer.status_code == 400
    assert "This link is for something else" in answer.get_data(as_text=True)
    assert states(db) == [PENDING]


def test_a_new_link_can_be_asked_for_by_address_and_the_answer_is_neutral(
    elsewhere: FlaskClient, db: Database, clock: FixedClock, link: str
) -> None:
    clock.advance(timedelta(days=2))

    known = _ask_by_address(elsewhere, EMAIL)
    stranger = _ask_by_address(elsewhere, "nobody@readers.example")
    invalid = _ask_by_address(elsewhere, "olena at home")

    assert known.status_code == stranger.status_code == 200
    assert known.get_data(as_text=True) == stranger.get_data(as_text=True).replace(
        "nobody@readers.example", EMAIL
    )
    assert [mail.recipient for mail in mails(db, "confirm")] == [EMAIL, EMAIL]
    assert invalid.status_code == 422
    assert "Please, enter correct email address" in invalid.get_data(as_text=True)


def test_who_follows_the_link_no_person_sees_cannot_confirm(
    elsewhere: FlaskClient, db: Database, link: str
) -> None:
    canary = elsewhere.get(mailed_path(db, "confirm", "canary_url"))

    held = press(elsewhere, link)

    assert canary.status_code == 204
    assert held.status_code == 429
    assert held.headers["Retry-After"] == "600"
    assert "Please press once more in a moment" in held.get_data(as_text=True)
    assert "The button works again in 10 minutes." in held.get_data(as_text=True)
    assert states(db) == [PENDING]


def test_a_scanner_does_not_keep_the_reader_out_for_long(
    elsewhere: FlaskClient, db: Database, clock: FixedClock, link: str
) -> None:
    elsewhere.get(mailed_path(db, "confirm", "canary_url"))
    clock.advance(timedelta(minutes=11))

    press(elsewhere, link)

    assert states(db) == [ACTIVE]


def test_any_canary_answers_alike(elsewhere: FlaskClient) -> None:
    assert elsewhere.get("/c/nonsense").status_code == 204


def test_the_code_from_the_mail_confirms_on_the_answer_page(
    client: FlaskClient, db: Database, link: str
) -> None:
    code = mails(db, "confirm")[0].params["code"]

    answer = _type(client, f" {code[:3]}-{code[3:]} ")

    assert answer.status_code == 303
    assert answer.location.startswith("/welcome/")
    assert states(db) == [ACTIVE]


def test_a_wrong_code_is_said_at_the_field(client: FlaskClient, db: Database, link: str) -> None:
    code = mails(db, "confirm")[0].params["code"]
    wrong = f"{(int(code) + 1) % 1_000_000:06}"

    answer = _type(client, wrong)

    assert answer.status_code == 422
    assert "This code is not right" in answer.get_data(as_text=True)
    assert states(db) == [PENDING]


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef"])
def test_what_is_no_code_is_not_even_tried(client: FlaskClient, db: Database, link: str, typed: str) -> None:
    answer = _type(client, typed)

    assert answer.status_code == 422
    assert "Please enter the six digits from the mail" in answer.get_data(as_text=True)


def test_a_code_cannot_be_guessed(client: FlaskClient, db: Database, link: str) -> None:
    code = mails(db, "confirm")[0].params["code"]
    for step in range(1, 8):
        _type(client, f"{(int(code) + step) % 1_000_000:06}")

    answer = _type(client, code)

    assert answer.status_code == 422
    assert states(db) == [PENDING]


def test_a_code_is_good_only_where_the_reader_signed_up(
    client: FlaskClient, elsewhere: FlaskClient, db: Database, link: str
) -> None:
    sign_up(elsewhere, email="other@readers.example")
    code = mails(db, "confirm")[0].params["code"]

    answer = _type(elsewhere, code)

    assert answer.status_code == 422
    assert PENDING in states(db)
    assert ACTIVE not in states(db)


def test_asking_again_is_answered_alike_and_limited(client: FlaskClient, db: Database, link: str) -> None:
    page = client.get("/subscribed").get_data(as_text=True)
    token = page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]

    answer = post_form(client, "/subscribed/again", data={"csrf_token": token}, follow_redirects=True)

    assert "Sent once more" in answer.get_data(as_text=True)
    assert len(mails(db, "confirm")) <= 2


def test_the_welcome_page_shows_the_newest_issue_and_joins_others_with_one_tap(
    client: FlaskClient, elsewhere: FlaskClient, db: Database, link: str
) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session, slug="weekly", name="Weekly", next_issue_on=NOW)
        make_issue(
            session, newsletter, subject="The grain road", state="sent", started_at=NOW, content_hash="x"
        )
    sign_up(client, email="second@readers.example", newsletters=["weekly"])
    welcome = press(elsewhere, mailed_path(db, "confirm", "confirm_url")).location

    page = elsewhere.get(welcome).get_data(as_text=True)
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    join = f"{welcome.replace('/welcome/', '/preferences/')}/join/morning-brief"
    joined = elsewhere.post(join, data={"csrf_token": token, "from": "welcome"}, follow_redirects=True)

    assert "The grain road" in page
    assert "The next issue comes on" in page
    assert "Join Morning Brief" in page
    assert "Send me Morning Brief" in page
    assert "You are subscribed to Morning Brief." in joined.get_data(as_text=True)
    assert states(db) == [PENDING, ACTIVE, ACTIVE]
    assert len(mails(db, "confirm")) == 2


def test_token_pages_leave_no_trace(elsewhere: FlaskClient, link: str) -> None:
    page = elsewhere.get(link)

    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Robots-Tag"] == "noindex"


def test_an_embedded_signup_is_confirmed_by_its_link_with_a_button(
    elsewhere: FlaskClient, db: Database
) -> None:
    embed_sign_up(elsewhere)
    path = mailed_path(db, "confirm", "confirm_url")

    page = elsewhere.get(path).get_data(as_text=True)
    press(elsewhere, path)

    assert "data-confirm-now" not in page
    assert states(db) == [ACTIVE]


def _ask_by_address(client: FlaskClient, email: str) -> TestResponse:
    token = csrf_token(client, "/confirm/again")
    return post_form(client, "/confirm/again", data={"csrf_token": token, "email": email})


def _type(client: FlaskClient, code: str) -> TestResponse:
    page = client.get("/subscribed").get_data(as_text=True)
    token = page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
    return client.post("/subscribed/code", data={"csrf_token": token, "code": code})

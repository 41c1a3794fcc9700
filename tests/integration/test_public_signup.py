"""Signing up on our own pages: the words, the neutral answer, what is kept after an error."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.publishing.models import OptInWording
from newsletters.runtime import Runtime
from newsletters.subscribers.allowances import CODES_FROM_CLIENT
from newsletters.subscribers.models import ConsentRecord, SignupRequest, Subscriber, SubscriptionState
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.conftest import NOW
from tests.desk import csrf_token
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.readers import EMAIL, mails, post_form, sign_up, states, use_up_posts

pytestmark = pytest.mark.usefixtures("newsroom")
THANKS = "Thank you for signing up for this newsletter. We've sent you a confirmation email."


def test_the_front_page_offers_every_open_newsletter(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="gone", name="Gone Weekly", retired_at=NOW)

    page = client.get("/").get_data(as_text=True)

    assert "Explaining Ukraine" in page
    assert "Morning Brief" in page
    assert "Gone Weekly" not in page
    assert "Enter your email to subscribe" in page
    assert "indicates required" in page


def test_signing_up_leads_to_the_answer_and_queues_one_mail_for_all(
    client: FlaskClient, db: Database
) -> None:
    answer = sign_up(client, newsletters=["explaining-ukraine", "morning-brief"])
    page = client.get(answer.location).get_data(as_text=True)

    assert answer.status_code == 303
    assert "Successfully subscribed" in page
    assert THANKS in page
    assert EMAIL in page
    assert "Explaining Ukraine, Morning Brief" in page
    assert states(db) == [SubscriptionState.PENDING, SubscriptionState.PENDING]
    assert [mail.params["newsletters"] for mail in mails(db, "confirm")] == [
        ["Explaining Ukraine", "Morning Brief"]
    ]


@pytest.mark.parametrize("typed", ["", "olena", "olena@", "olena@readers", "a b@readers.example"])
def test_what_is_no_address_is_said_at_the_field_and_kept(
    client: FlaskClient, db: Database, typed: str
) -> None:
    answer = sign_up(client, email=typed, newsletters=["morning-brief"])
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert "Please, enter correct email address" in page
    assert 'aria-invalid="true"' in page
    assert 'aria-describedby="email-error"' in page
    assert f'value="{typed}"' in page
    assert 'value="morning-brief" checked' in page
    assert 'value="explaining-ukraine" checked' not in page
    assert states(db) == []


def test_without_a_newsletter_ticked_the_address_is_kept(client: FlaskClient, db: Database) -> None:
    answer = sign_up(client, newsletters=[])
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert "Please choose at least one newsletter" in page
    assert f'value="{EMAIL}"' in page
    assert states(db) == []


def test_a_newsletter_that_is_not_offered_is_refused(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="gone", retired_at=NOW)

    answer = sign_up(client, newsletters=["gone"])

    assert answer.status_code == 422
    assert states(db) == []


def test_a_form_without_its_csrf_token_changes_nothing_and_keeps_what_was_typed(
    client: FlaskClient, db: Database
) -> None:
    answer = client.post("/", data={"email": EMAIL, "newsletter": "morning-brief"})
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert "This page was open for too long" in page
    assert f'value="{EMAIL}"' in page
    assert states(db) == []


@pytest.mark.parametrize(
    "typed",
    ["олена@пошта.example", "user@例え.example", "Olena+news@Readers.Example", "ÖLENA@readers.example"],
)
def test_international_addresses_can_sign_up(client: FlaskClient, db: Database, typed: str) -> None:
    answer = sign_up(client, email=typed)

    assert answer.status_code == 303
    assert len(mails(db, "confirm")) == 1


@pytest.mark.parametrize("standing", ["new", "pending", "active", "paused", "unsubscribed", "suppressed"])
def test_every_kind_of_address_gets_the_very_same_answer(
    client: FlaskClient, app_client: FlaskClient, db: Database, runtime: Runtime, standing: str
) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session, slug="kyiv-dispatch", name="Kyiv Dispatch")
        if standing != "new":
            reader = make_subscriber(session, "Known@readers.example")
        if standing in ("pending", "active", "unsubscribed"):
            make_subscription(session, newsletter, reader, state=SubscriptionState(standing))
        if standing == "paused":
            later = NOW + timedelta(days=9)
            make_subscription(session, newsletter, reader, state=SubscriptionState.PAUSED, paused_until=later)
        if standing == "suppressed":
            address_hash = runtime.digester.address("known@readers.example")
            suppress(session, address_hash=address_hash, reason=SuppressionReason.COMPLAINT, now=NOW)

    unknown = sign_up(app_client, email="stranger@readers.example", newsletters=["kyiv-dispatch"])
    known = sign_up(client, email="known@readers.example", newsletters=["kyiv-dispatch"])
    page_for_unknown = app_client.get("/subscribed").get_data(as_text=True)
    page_for_known = client.get("/subscribed").get_data(as_text=True)

    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    assert _without_tokens(page_for_known) == _without_tokens(page_for_unknown).replace("stranger", "known")


@pytest.fixture
def app_client(app: Flask) -> FlaskClient:
    """A second browser."""
    return app.test_client()


def test_an_active_reader_gets_a_mail_that_says_so_and_no_second_confirmation(
    client: FlaskClient, db: Database
) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session, slug="kyiv-dispatch")
        make_subscription(session, newsletter, make_subscriber(session, EMAIL))

    sign_up(client, newsletters=["kyiv-dispatch"])

    assert len(mails(db, "already_subscribed")) == 1
    assert mails(db, "confirm") == []
    assert states(db) == [SubscriptionState.ACTIVE]


def test_one_victim_gets_one_mail_however_often_a_form_is_sent(client: FlaskClient, db: Database) -> None:
    for _ in range(8):
        assert sign_up(client).status_code == 303

    assert len(mails(db, "confirm")) == 1


def test_the_evidence_names_form_page_and_the_words_that_were_shown(
    client: FlaskClient, db: Database
) -> None:
    sign_up(client, page="/newsletters/explaining-ukraine")

    with db.reading() as session:
        record = session.scalars(select(ConsentRecord)).one()
    assert record.form == "newsletter page"
    assert record.page == "http://localhost/newsletters/explaining-ukraine"
    assert record.wording_id is not None


def test_words_that_change_while_the_page_is_open_are_not_what_was_agreed_to(
    client: FlaskClient, db: Database
) -> None:
    page = client.get("/newsletters/explaining-ukraine").get_data(as_text=True)
    shown = int(page.split('name="wording" value="')[1].split('"')[0])
    with db.transaction() as session:
        newsletter_id = session.get_one(OptInWording, shown).newsletter_id
        newer = OptInWording(
            newsletter_id=newsletter_id, version=2, consent_text="Other words", created_at=NOW
        )
        session.add(newer)

    sign_up(client, page="/newsletters/explaining-ukraine", wording=str(shown))

    with db.reading() as session:
        assert session.scalars(select(ConsentRecord.wording_id)).one() == shown


def test_the_newsletter_page_takes_a_signup_for_itself_alone(client: FlaskClient, db: Database) -> None:
    answer = sign_up(client, page="/newsletters/explaining-ukraine", newsletters=["morning-brief"])

    assert answer.status_code == 422
    assert states(db) == []


def test_a_filled_trap_is_a_signal_and_no_error(client: FlaskClient, db: Database) -> None:
    answer = sign_up(client, homepage="https://spam.example")

    with db.reading() as session:
        signals = session.scalars(select(SignupRequest.signals)).one()
    assert answer.status_code == 303
    assert "trap" in signals


def test_a_form_sent_at_once_is_noted_as_fast(client: FlaskClient, db: Database, clock: FixedClock) -> None:
    page = client.get("/").get_data(as_text=True)
    started = page.split('name="started" type="hidden" value="')[1].split('"')[0]

    sign_up(client, started=started)

    with db.reading() as session:
        assert session.scalars(select(SignupRequest.signals)).one() == "fast"


def test_a_form_a_person_took_time_for_has_no_signals(
    client: FlaskClient, db: Database, clock: FixedClock
) -> None:
    page = client.get("/").get_data(as_text=True)
    started = page.split('name="started" type="hidden" value="')[1].split('"')[0]
    clock.advance(timedelta(seconds=8))

    sign_up(client, started=started)

    with db.reading() as session:
        assert session.scalars(select(SignupRequest.signals)).one() == ""


def test_the_cookie_of_the_browser_is_signed_short_lived_and_says_no_address(client: FlaskClient) -> None:
    answer = sign_up(client)
    cookie = next(value for value in answer.headers.getlist("Set-Cookie") if value.startswith("signup="))

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age=86400" in cookie
    assert "olena" not in cookie


def test_the_answer_page_is_private_and_leads_home_when_nothing_was_asked(client: FlaskClient) -> None:
    empty = client.get("/subscribed")
    sign_up(client)
    page = client.get("/subscribed")

    assert (empty.status_code, empty.location) == (303, "/")
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_using_another_address_finds_the_ticks_again(client: FlaskClient) -> None:
    sign_up(client, newsletters=["morning-brief"])

    page = client.get("/?again=1").get_data(as_text=True)

    assert 'value="morning-brief" checked' in page


def test_no_row_of_a_reader_is_written_for_an_invalid_form(client: FlaskClient, db: Database) -> None:
    sign_up(client, email="nonsense")

    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0


def _without_tokens(page: str) -> str:
    """The page without the CSRF token, which differs from browser to browser by design."""
    start, *rest = page.split('name="csrf_token" type="hidden" value="')
    return start + "".join(part.partition('"')[2] for part in rest)


# --- too many posts -------------------------------------------------------------------------------

SLOWER = "Please try again in 60 minutes."


@pytest.mark.parametrize("page", ["/", "/newsletters/explaining-ukraine"])
def test_one_post_too_many_is_refused_in_words_and_what_was_typed_is_kept(
    client: FlaskClient, db: Database, runtime: Runtime, page: str
) -> None:
    use_up_posts(runtime)

    answer = sign_up(client, email="late@readers.example", page=page)
    shown = answer.get_data(as_text=True)

    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3600"
    assert SLOWER in shown
    assert "Successfully subscribed" not in shown
    assert 'value="late@readers.example"' in shown
    assert states(db) == []


def test_one_post_too_many_is_answered_alike_for_every_address(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    with db.transaction() as session:
        make_subscriber(session, "reader0@readers.example")
    use_up_posts(runtime)

    known = sign_up(client, email="reader0@readers.example")
    stranger = sign_up(client, email="reader-@readers.example")

    assert known.status_code == stranger.status_code == 429
    assert _without_tokens(known.get_data(as_text=True)).replace("reader0", "reader-") == _without_tokens(
        stranger.get_data(as_text=True)
    )


def test_asking_for_the_mail_too_often_is_refused_on_the_same_page(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    sign_up(client)
    use_up_posts(runtime, but=1)
    before = len(mails(db, "confirm"))

    answer = post_form(client, "/subscribed/again", data={"csrf_token": csrf_token(client, "/subscribed")})

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert SLOWER in answer.get_data(as_text=True)
    assert "Sent once more" not in answer.get_data(as_text=True)
    assert len(mails(db, "confirm")) == before


def test_asking_for_the_preferences_too_often_is_refused_and_the_address_is_kept(
    client: FlaskClient, runtime: Runtime
) -> None:
    use_up_posts(runtime)

    answer = client.post(
        "/preferences", data={"csrf_token": csrf_token(client, "/preferences"), "email": EMAIL}
    )

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert SLOWER in answer.get_data(as_text=True)
    assert f'value="{EMAIL}"' in answer.get_data(as_text=True)


def test_a_right_code_after_too_many_tries_is_not_called_wrong(client: FlaskClient, db: Database) -> None:
    sign_up(client)
    code = mails(db, "confirm")[0].params["code"]
    token = csrf_token(client, "/subscribed")
    for _ in range(CODES_FROM_CLIENT.most):
        client.post("/subscribed/code", data={"csrf_token": token, "code": "000000"})

    answer = client.post("/subscribed/code", data={"csrf_token": token, "code": code})

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert SLOWER in answer.get_data(as_text=True)
    assert "This code is not right" not in answer.get_data(as_text=True)
    assert states(db) == [SubscriptionState.PENDING]


def test_a_slip_is_pointed_out_and_mended_with_one_post(client: FlaskClient, db: Database) -> None:
    sign_up(client, email="olena@gmial.com", newsletters=["explaining-ukraine", "morning-brief"])
    page = client.get("/subscribed").get_data(as_text=True)

    answer = _more(client, email="olena@gmail.com", newsletter=["explaining-ukraine", "morning-brief"])

    assert "Did you mean olena@gmail.com?" in page
    assert answer.location == "/subscribed"
    shown = client.get("/subscribed").get_data(as_text=True)
    assert "Did you mean" not in shown
    assert "Open Gmail" in shown
    assert 'target="_blank" rel="noopener noreferrer"' in shown
    assert [mail.recipient for mail in mails(db, "confirm")] == ["olena@gmial.com", "olena@gmail.com"]


def test_one_newsletter_more_is_added_and_kept_with_its_page(client: FlaskClient, db: Database) -> None:
    sign_up(client)

    _more(client, email=EMAIL, newsletter="morning-brief")

    assert "Explaining Ukraine, Morning Brief" in client.get("/subscribed").get_data(as_text=True)
    assert states(db) == [SubscriptionState.PENDING] * 2
    assert len(mails(db, "confirm")) == 1
    with db.reading() as session:
        forms = session.scalars(select(ConsentRecord.form)).all()
    assert forms == ["front page", "front page"]


def test_adding_what_is_not_offered_changes_nothing_and_says_so(client: FlaskClient, db: Database) -> None:
    sign_up(client)

    answer = _more(client, email=EMAIL, newsletter="nowhere")

    assert answer.status_code == 422
    assert "Please choose at least one newsletter" in answer.get_data(as_text=True)
    assert len(states(db)) == 1


def test_adding_too_often_is_said_aloud(client: FlaskClient, db: Database, runtime: Runtime) -> None:
    sign_up(client)
    use_up_posts(runtime, but=1)

    assert _more(client, email=EMAIL, newsletter="morning-brief").status_code == 429
    assert len(states(db)) == 1


def test_adding_without_a_sign_up_before_leads_to_the_front_page(client: FlaskClient, db: Database) -> None:
    answer = post_form(client, "/subscribed", data={"csrf_token": csrf_token(client, "/"), "email": EMAIL})

    assert answer.location == "/"
    assert states(db) == []


def _more(client: FlaskClient, **fields: Any) -> TestResponse:
    return post_form(client, "/subscribed", data={"csrf_token": csrf_token(client, "/subscribed"), **fields})

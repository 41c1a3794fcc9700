"""Preferences: reached by a mailed link alone, every change a form under CSRF protection."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.runtime import Runtime
from newsletters.subscribers import mails as kinds_of_mail
from newsletters.subscribers.models import ConsentRecord, Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from tests.conftest import NOW
from tests.desk import csrf_token
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.readers import EMAIL, mailed_path, mails, post_form, press, states

ACTIVE, PAUSED, LEFT = SubscriptionState.ACTIVE, SubscriptionState.PAUSED, SubscriptionState.UNSUBSCRIBED


@pytest.fixture
def reader(db: Database) -> Subscriber:
    with db.transaction() as session:
        reader = make_subscriber(session, EMAIL, name="Olena")
        make_subscription(session, make_newsletter(session, slug="weekly", name="Weekly"), reader)
        make_newsletter(session, slug="daily", name="Daily")
        return reader


@pytest.fixture
def page(runtime: Runtime, reader: Subscriber) -> str:
    return f"/preferences/{kinds_of_mail.preferences_token(runtime, reader, now=NOW)}"


def test_asking_for_the_link_is_answered_alike_for_everybody(
    client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    known = _ask(client, EMAIL)
    stranger = _ask(client, "nobody@readers.example")

    assert known.status_code == stranger.status_code == 200
    assert known.get_data(as_text=True).replace(EMAIL, "nobody@readers.example") == stranger.get_data(
        as_text=True
    )
    assert [mail.recipient for mail in mails(db, "preferences")] == [EMAIL]


def test_the_mailed_link_opens_the_page(client: FlaskClient, db: Database, reader: Subscriber) -> None:
    _ask(client, EMAIL)

    answer = client.get(mailed_path(db, "preferences", "preferences_url"))

    assert answer.status_code == 200
    assert EMAIL in answer.get_data(as_text=True)
    assert "Weekly" in answer.get_data(as_text=True)


def test_no_address_is_said_at_the_field(client: FlaskClient) -> None:
    answer = _ask(client, "olena at home")

    assert answer.status_code == 422
    assert "Please, enter correct email address" in answer.get_data(as_text=True)
    assert 'value="olena at home"' in answer.get_data(as_text=True)


def test_joining_leaving_pausing_and_resuming(client: FlaskClient, db: Database, page: str) -> None:
    until = (NOW + timedelta(days=20)).date().isoformat()

    _post(client, page, "/join/daily")
    assert states(db) == [ACTIVE, ACTIVE]
    _post(client, page, "/leave/weekly")
    assert states(db) == [LEFT, ACTIVE]
    _post(client, page, "/pause/daily", {"daily-until": until})
    assert states(db) == [LEFT, PAUSED]
    _post(client, page, "/resume/daily")
    assert states(db) == [LEFT, ACTIVE]
    assert mails(db, "confirm") == []


def test_who_joins_has_agreed_to_the_words_beside_the_button(
    client: FlaskClient, db: Database, page: str
) -> None:
    shown = client.get(page).get_data(as_text=True)
    number = shown.split('/join/daily"')[1].split('name="wording" value="')[1].split('"')[0]
    with db.transaction() as session:
        words = session.get_one(OptInWording, int(number))
        newsletter_id, agreed = words.newsletter_id, words.consent_text
        session.add(
            OptInWording(newsletter_id=newsletter_id, version=9, consent_text="Later", created_at=NOW)
        )

    _post(client, page, "/join/daily", {"wording": number})

    assert agreed in shown
    with db.reading() as session:
        record = session.scalars(select(ConsentRecord).filter_by(newsletter_id=newsletter_id)).one()
    assert record.wording_id == int(number)


def test_a_wording_that_there_cannot_be_keeps_nobody_from_joining(
    client: FlaskClient, db: Database, page: str
) -> None:
    _post(client, page, "/join/daily", {"wording": str(2**63)})

    assert states(db) == [ACTIVE, ACTIVE]


def test_a_pause_ends_as_the_day_that_was_named_begins_where_the_newsletter_is(
    client: FlaskClient, db: Database, page: str
) -> None:
    with db.transaction() as session:
        session.query(Newsletter).filter_by(slug="weekly").one().timezone = "Europe/Kyiv"

    _post(client, page, "/pause/weekly", {"weekly-until": "2026-04-01"})

    said = client.get(page).get_data(as_text=True)
    assert "is paused until 1 April 2026." in said
    assert ">1 April 2026</time>" in said
    with db.reading() as session:
        ends_at = session.scalars(select(Subscription.paused_until)).one()
    assert ends_at == datetime(2026, 3, 31, 21, tzinfo=UTC)


@pytest.mark.parametrize("until", ["", "2026-03-02", "2020-01-01", "2099-01-01", "soon"])
def test_a_pause_needs_a_day_to_come_within_a_year(
    client: FlaskClient, db: Database, page: str, until: str
) -> None:
    answer = _post(client, page, "/pause/weekly", {"weekly-until": until})

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.get_data(as_text=True)
    assert states(db) == [ACTIVE]


def test_name_and_language_are_kept(client: FlaskClient, db: Database, page: str) -> None:
    answer = _post(client, page, "/about", {"name": "Олена", "language": "uk"})
    shown = client.get(answer.location).get_data(as_text=True)

    with db.reading() as session:
        reader = session.scalars(select(Subscriber)).one()
    assert (reader.name, reader.language) == ("Олена", "uk")
    assert '<html lang="uk">' in shown


def test_a_language_we_do_not_write_is_refused(client: FlaskClient, db: Database, page: str) -> None:
    answer = _post(client, page, "/about", {"name": "Olena", "language": "xx"})

    assert answer.status_code == 422


def test_the_address_changes_only_once_its_new_owner_says_so(
    client: FlaskClient, db: Database, page: str
) -> None:
    _post(client, page, "/address", {"email": "Olena.New@readers.example"})
    link = mailed_path(db, "change_address", "change_url")
    looked = client.get(link)
    before = _emails(db)

    changed = press(client, link)
    again = press(client, link)

    assert "Change your address" in looked.get_data(as_text=True)
    assert before == [EMAIL]
    assert _emails(db) == ["Olena.New@readers.example"]
    assert changed.status_code == again.status_code == 200
    assert [mail.recipient for mail in mails(db, "address_changed")] == [EMAIL]


def test_a_changed_address_closes_the_old_way_in(client: FlaskClient, db: Database, page: str) -> None:
    _post(client, page, "/address", {"email": "new@readers.example"})
    press(client, mailed_path(db, "change_address", "change_url"))

    answer = client.get(page)

    assert answer.status_code == 410
    assert "Mail me a new link" in answer.get_data(as_text=True)


def test_the_address_we_have_is_no_new_one(client: FlaskClient, page: str) -> None:
    answer = _post(client, page, "/address", {"email": EMAIL})

    assert answer.status_code == 422
    assert "This is the address that we already write to" in answer.get_data(as_text=True)


def test_an_address_change_link_gets_old(
    client: FlaskClient, db: Database, clock: FixedClock, page: str
) -> None:
    _post(client, page, "/address", {"email": "new@readers.example"})
    clock.advance(timedelta(days=30))

    answer = press(client, mailed_path(db, "change_address", "change_url"))

    assert answer.status_code == 410
    assert _emails(db) == [EMAIL]


def test_the_download_is_a_file_with_everything_about_the_reader(client: FlaskClient, page: str) -> None:
    answer = client.get(f"{page}/download")

    assert answer.mimetype == "application/json"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert EMAIL in json.dumps(answer.json)


def test_erasing_needs_a_tick_and_then_leaves_only_the_scrambled_mark(
    client: FlaskClient, db: Database, page: str
) -> None:
    unsure = _post(client, page, "/erase", {})
    sure = _post(client, page, "/erase", {"sure": "y"})

    assert unsure.status_code == 422
    assert "Please tick this if you mean it" in unsure.get_data(as_text=True)
    assert "You are erased" in sure.get_data(as_text=True)
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0
        assert session.scalars(select(Suppression.reason)).all() == [SuppressionReason.ERASED]


def test_looking_at_the_erasure_page_erases_nothing(client: FlaskClient, db: Database, page: str) -> None:
    shown = client.get(f"{page}/erase")

    assert "One thing stays" in shown.get_data(as_text=True)
    assert _emails(db) == [EMAIL]


@pytest.mark.parametrize(
    "action", ["/join/daily", "/leave/weekly", "/pause/weekly", "/about", "/address", "/erase"]
)
def test_a_post_without_a_csrf_token_changes_nothing(
    client: FlaskClient, db: Database, page: str, action: str
) -> None:
    answer = client.post(page + action, data={"sure": "y", "email": "new@readers.example"})

    assert answer.status_code == 400
    assert states(db) == [ACTIVE]
    assert _emails(db) == [EMAIL]


def test_a_token_of_a_forwarded_issue_opens_nothing(
    client: FlaskClient, runtime: Runtime, reader: Subscriber
) -> None:
    unsubscribe = runtime.signer.sign(Purpose.UNSUBSCRIBE, reader.id, 0)

    assert client.get(f"/preferences/{unsubscribe}").status_code == 400
    assert client.get("/preferences/made-up").status_code == 404


def test_the_way_in_closes_after_a_day(client: FlaskClient, clock: FixedClock, page: str) -> None:
    clock.advance(timedelta(hours=25))

    assert client.get(page).status_code == 410


def test_after_a_complaint_only_an_editor_opens_again(
    client: FlaskClient, db: Database, runtime: Runtime, page: str
) -> None:
    with db.transaction() as session:
        address_hash = runtime.digester.address(EMAIL)
        suppress(session, address_hash=address_hash, reason=SuppressionReason.COMPLAINT, now=NOW)

    answer = _post(client, page, "/join/daily")

    assert "stopped after a complaint" in client.get(answer.location).get_data(as_text=True)
    assert states(db) == [ACTIVE]


def _ask(client: FlaskClient, email: str) -> TestResponse:
    return post_form(
        client, "/preferences", data={"csrf_token": csrf_token(client, "/preferences"), "email": email}
    )


def _post(client: FlaskClient, page: str, action: str, data: dict[str, str] | None = None) -> TestResponse:
    return client.post(page + action, data={"csrf_token": csrf_token(client, page), **(data or {})})


def _emails(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(Subscriber.email)))

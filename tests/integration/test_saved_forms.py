"""Forms that editors have made: what they ask, what becomes of the answers, and which sites may use them."""

from collections.abc import Sequence
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.kernel.db import Database
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.runtime import Runtime
from newsletters.subscribers.form_fields import Field, FieldKind, options_of
from newsletters.subscribers.form_models import SavedForm
from newsletters.subscribers.mails import preferences_token
from newsletters.subscribers.models import FormKind, SignupRequest, Subscriber
from newsletters.subscribers.saved_forms import FormMade, Offered, save
from tests.conftest import NOW
from tests.desk import post
from tests.factories import make_editor
from tests.mailbox import Reader
from tests.readers import EMAIL, embed_sign_up, mails

pytestmark = pytest.mark.usefixtures("newsroom")
ORIGIN = "https://newsroom.example"
COUNTRY = Field("country", FieldKind.COUNTRY, {"en": "Your country", "uk": "Ваша країна"}, required=True)
CITY = Field("city", FieldKind.TEXT, {"en": "Town", "uk": "Місто"})
NAME = Field("name", FieldKind.NAME, {"en": "Your name"})
ROLE = Field(
    "role",
    FieldKind.CHOICE,
    {"en": "You are a", "uk": "Ви"},
    options=options_of({"en": ["Teacher", "Doctor"], "uk": ["Учитель", "Лікар"]}),
)
GROWN = Field("grown-up", FieldKind.CHECKBOX, {"en": "I am over 16"}, required=True)
BIRTHDAY = Field("birthday", FieldKind.DATE, {"en": "Born on"})
ALL = (COUNTRY, CITY, NAME, ROLE, GROWN, BIRTHDAY)
RIGHT: dict[str, Any] = {
    "field-country": "UA",
    "field-city": "Lypivka",
    "field-name": "Olena",
    "field-role": "Doctor",
    "field-grown-up": "1",
    "field-birthday": "1991-08-24",
}
KEPT = {"country": "UA", "city": "Lypivka", "role": "Doctor", "grown-up": True, "birthday": "1991-08-24"}


def made(db: Database, *fields: Field, origins: Sequence[str] = (), language: str = "en") -> SavedForm:
    """A saved form for the first newsletter."""
    wanted = FormMade("article-footer", language, (Offered(1),), fields=fields, origins=tuple(origins))
    with db.transaction() as session:
        return save(session, wanted, actor=make_editor(session), now=NOW)


def answered(client: FlaskClient, form: SavedForm, fields: dict[str, Any], **more: Any) -> Any:
    return embed_sign_up(client, saved=form.id, json=True, **fields, **more)


def reader(db: Database, email: str = EMAIL) -> Subscriber:
    with db.reading() as session:
        return session.scalars(select(Subscriber).where(Subscriber.email == email)).one()


# --- what is asked --------------------------------------------------------------------------------


def test_answers_are_kept_with_the_request_and_are_nobodys_yet(client: FlaskClient, db: Database) -> None:
    form = made(db, *ALL)

    answer = answered(client, form, RIGHT)

    assert answer.status_code == 200
    with db.reading() as session:
        request = session.scalars(select(SignupRequest)).one()
    assert (request.fields, request.name, request.form) == (KEPT, "Olena", "article-footer")
    assert (reader(db).fields, reader(db).name) == ({}, "")


def test_wrong_answers_are_said_at_their_own_fields_and_stay_typed(client: FlaskClient, db: Database) -> None:
    form = made(db, *ALL)
    wrong = {**RIGHT, "field-country": "", "field-role": "Pilot", "field-birthday": "yesterday"}
    del wrong["field-grown-up"]

    data = answered(client, form, wrong)
    page = embed_sign_up(client, saved=form.id, **wrong)
    text = page.get_data(as_text=True)

    assert data.status_code == page.status_code == 422
    assert data.json["errors"] == {
        "field-country": ["Please choose one"],
        "field-role": ["Please choose one of those offered."],
        "field-grown-up": ["Please tick this box to go on"],
        "field-birthday": ["Please give the date as day, month and year: 24.08.1991"],
    }
    assert 'id="field-country-error"' in text
    assert 'value="Lypivka"' in text
    assert f'name="saved" value="{form.id}"' in text
    assert mails(db, "confirm") == []


def test_errors_and_labels_speak_the_forms_language(client: FlaskClient, db: Database) -> None:
    form = made(db, COUNTRY, ROLE, language="uk")

    page = embed_sign_up(client, saved=form.id).get_data(as_text=True)

    assert '<html lang="uk">' in page
    assert "Ваша країна" in page
    assert '<option value="Doctor">Лікар</option>' in page
    assert '<option value="UA">Україна</option>' in page


def test_a_link_in_a_free_answer_counts_against_the_sign_up(client: FlaskClient, db: Database) -> None:
    form = made(db, CITY)

    answered(client, form, {"field-city": "win at https://casino.example"})

    with db.reading() as session:
        assert session.scalars(select(SignupRequest.signals)).one() == "link"


def test_what_a_form_does_not_ask_is_not_kept(client: FlaskClient, db: Database) -> None:
    form = made(db, CITY)

    answered(client, form, {**RIGHT, "field-salary": "9"})
    embed_sign_up(client, email="plain@readers.example", **RIGHT)

    with db.reading() as session:
        kept = session.scalars(select(SignupRequest.fields).order_by(SignupRequest.id)).all()
    assert kept == [{"city": "Lypivka"}, {}]


def test_a_form_that_is_gone_still_signs_up(client: FlaskClient, db: Database) -> None:
    strange = ["999", "x", "-1", "1" * 60]

    answers = [embed_sign_up(client, saved=number, form="old-code", json=True) for number in strange]

    assert [answer.status_code for answer in answers] == [200] * len(strange)
    with db.reading() as session:
        assert set(session.scalars(select(SignupRequest.form))) == {"old-code"}


def test_the_corrected_address_takes_the_answers_with_it(client: FlaskClient, db: Database) -> None:
    form = made(db, *ALL)

    page = embed_sign_up(client, saved=form.id, email="olena@gmial.com", **RIGHT).get_data(as_text=True)
    meant = page.split('<form class="meant"')[1].split("</form>")[0]

    assert f'name="saved" value="{form.id}"' in meant
    assert 'name="field-country" value="UA"' in meant


@pytest.mark.parametrize("email", ["olena at home", "olena@gmial.com"])
def test_what_a_form_showed_goes_with_it_when_it_is_sent_again(
    client: FlaskClient, db: Database, email: str
) -> None:
    wanted = FormMade("article-footer", "en", (Offered(1, wording_id=1),))
    with db.transaction() as session:
        form = save(session, wanted, actor=make_editor(session), now=NOW)
        session.add(OptInWording(newsletter_id=1, version=2, consent_text="Later words", created_at=NOW))

    page = embed_sign_up(client, saved=form.id, wording="1", email=email).get_data(as_text=True)

    first = page.split('method="post" action="')[1].split("</form>")[0]
    assert f'name="saved" value="{form.id}"' in first
    assert 'name="wording" value="1"' in first


def test_a_form_without_a_newsletter_ticked_is_shown_again_with_its_own_alone(
    client: FlaskClient, db: Database
) -> None:
    form = made(db)

    page = embed_sign_up(client, saved=form.id, newsletters=[]).get_data(as_text=True)

    assert "Please choose at least one newsletter" in page
    assert "Send me Explaining Ukraine by e-mail." in page
    assert "Morning Brief" not in page


# --- what becomes of the answers ------------------------------------------------------------------


def test_confirming_makes_the_answers_the_readers(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    form = made(db, *ALL)
    answered(client, form, RIGHT)

    Reader(runtime, EMAIL).confirms()

    assert (reader(db).fields, reader(db).name) == (KEPT, "Olena")


def test_a_strangers_answers_change_nothing_the_reader_said(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    form = made(db, CITY, BIRTHDAY)
    olena = Reader(runtime, EMAIL)
    answered(client, form, {"field-city": "Lypivka"})

    answered(client, form, {"field-city": "Moscow", "field-birthday": "1991-08-24"})
    olena.confirms()
    first = reader(db).fields
    answered(client, form, {"field-city": "Moscow"}, newsletters=["morning-brief"])
    olena.asks(FormKind.AGAIN)
    olena.confirms()

    assert first == {"city": "Lypivka", "birthday": "1991-08-24"}
    assert reader(db).fields == first


def test_who_confirms_in_the_browser_that_answered_may_correct_what_was_there(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    olena = Reader(runtime, EMAIL)
    with db.reading() as session:
        one, two = (session.get_one(Newsletter, number) for number in (1, 2))
    olena.signs_up(one, fields={"city": "Lypivka"})
    olena.confirms()
    number = olena.signs_up(two, fields={"city": "Kyiv"}, name="Olena")

    olena.confirms(requests=[number])

    assert (reader(db).fields, reader(db).name) == ({"city": "Kyiv"}, "Olena")


def test_readers_change_what_they_told_and_take_it_back(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    form = made(db, *ALL)
    answered(client, form, RIGHT)
    Reader(runtime, EMAIL).confirms()
    path = f"/preferences/{preferences_token(runtime, reader(db), now=runtime.clock.now())}"

    page = client.get(path).get_data(as_text=True)
    wrong = post(client, f"{path}/told", {"field-birthday": "yesterday"}, page=path)
    right = post(client, f"{path}/told", {"field-country": "PL", "field-birthday": ""}, page=path)

    assert "What you told us" in page
    assert 'value="Lypivka"' in page
    assert '<option selected value="UA">Ukraine</option>' in page
    assert wrong.status_code == 422
    assert "Please give the date as day, month and year" in wrong.get_data(as_text=True)
    assert right.status_code == 303
    assert reader(db).fields == {"country": "PL", "grown-up": False}


# --- which sites ----------------------------------------------------------------------------------


def test_a_form_that_names_its_sites_takes_posts_from_them_alone(client: FlaskClient, db: Database) -> None:
    form = made(db, origins=[ORIGIN])
    sent: list[tuple[dict[str, str], int]] = [
        ({"Origin": ORIGIN}, 200),
        ({"Origin": "", "Referer": f"{ORIGIN}/article"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://newsroom.example"}, 403),
        ({"Origin": f"{ORIGIN}.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ]

    answers = [answered(client, form, {}, headers=headers).status_code for headers, _ in sent]

    assert answers == [status for _, status in sent]
    with db.reading() as session:
        assert len(session.scalars(select(SignupRequest)).all()) == 3


def test_the_refusal_is_clear_in_both_answers_and_leads_to_our_own_form(
    client: FlaskClient, db: Database
) -> None:
    form = made(db, COUNTRY, origins=[ORIGIN])
    foreign = {"Origin": "https://evil.example"}

    data = answered(client, form, {}, headers=foreign)
    page = embed_sign_up(client, saved=form.id, headers=foreign).get_data(as_text=True)

    words = "This form belongs to another site, so nothing was sent. You can subscribe on our own page."
    assert data.json == {"errors": {"form": [words]}, "language": "en"}
    assert words in page
    assert "/newsletters/explaining-ukraine" in page


def test_the_frame_may_stand_on_the_forms_own_sites_alone(client: FlaskClient, db: Database) -> None:
    form = made(db, COUNTRY, origins=[ORIGIN, "https://other.example"])

    answer = client.get(f"/embed/frame?saved={form.id}")
    policy = answer.headers["Content-Security-Policy"]

    assert policy.endswith(f"frame-ancestors 'self' {ORIGIN} https://other.example")
    assert 'name="field-country"' in answer.get_data(as_text=True)
    assert "Your country *" in answer.get_data(as_text=True)

"""The desk's room of sign-up forms: making one, its code, and the readers' answers on their pages."""

import csv
import io
import re
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.accounts.models import AuditEntry, Role
from newsletters.kernel.db import Database
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.form_models import ReaderField, SavedForm
from tests.desk import post, signed_in
from tests.factories import make_newsletter
from tests.mailbox import Reader

MADE = {
    "name": "article-footer",
    "language": "en",
    "button": "Join & read",
    "accent": "plum",
    "newsletters-0-number": "1",
    "newsletters-0-offered": "y",
    "newsletters-1-number": "2",
    "newsletters-1-offered": "y",
    "newsletters-1-ticked": "y",
    "newsletters-1-wording": "2",
    "questions-0-kind": "country",
    "questions-0-label_en": "Your country",
    "questions-0-label_uk": "Ваша країна",
    "questions-0-required": "y",
    "questions-1-kind": "choice",
    "questions-1-key": "role",
    "questions-1-label_en": "You are a",
    "questions-1-options_en": "Teacher\nDoctor",
    "questions-1-options_uk": "Учитель\nЛікар",
    "questions-2-kind": "text",
    "questions-2-label_en": "",
    "origins": "newsroom.example\nhttp://localhost:8000/",
}


@pytest.fixture(autouse=True)
def newsroom(db: Database, client: FlaskClient) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="explaining-ukraine")
        make_newsletter(session, slug="morning-brief", name="Morning Brief")
    signed_in(client, db, Role.EDITOR)


def kept(db: Database) -> SavedForm:
    with db.reading() as session:
        return session.scalars(select(SavedForm)).one()


def test_an_editor_makes_a_form_and_gets_its_code(client: FlaskClient, db: Database) -> None:
    answer = post(client, "/desk/forms/new", MADE)

    form = kept(db)
    assert answer.location == f"/desk/forms/{form.id}/code"
    assert form.newsletters == [
        {"id": 1, "is_ticked": False, "wording_id": None},
        {"id": 2, "is_ticked": True, "wording_id": 2},
    ]
    assert [(asked.key, asked.kind, asked.required) for asked in form.asked] == [
        ("your-country", "country", True),
        ("role", "choice", False),
    ]
    assert form.asked[1].options[1].labels == {"en": "Doctor", "uk": "Лікар"}
    assert form.origins == ["https://newsroom.example", "http://localhost:8000"]
    with db.reading() as session:
        assert session.scalars(select(ReaderField.key).order_by(ReaderField.key)).all() == [
            "role",
            "your-country",
        ]
        assert "form.saved" in session.scalars(select(AuditEntry.action)).all()


def test_the_code_asks_what_the_form_asks(client: FlaskClient, db: Database) -> None:
    post(client, "/desk/forms/new", MADE)

    page = client.get(f"/desk/forms/{kept(db).id}/code").get_data(as_text=True)
    preview = client.get(f"/desk/forms/{kept(db).id}/preview")

    codes = dict(re.findall(r'<code id="([^"]+)">(.*?)</code>', page, re.DOTALL))
    plain = unescape(codes["code-plain"])
    assert f'name="saved" value="{kept(db).id}"' in plain
    assert 'name="field-your-country"' in plain
    assert '<option value="Doctor">Doctor</option>' in plain
    assert 'name="wording" value="2"' in plain
    assert f"/embed/frame?saved={kept(db).id}" in unescape(codes["code-frame"])
    assert 'name="field-role"' in preview.get_data(as_text=True)
    assert "sandbox" in preview.headers["Content-Security-Policy"]


def test_what_is_wrong_is_said_at_its_place_and_stays_typed(client: FlaskClient, db: Database) -> None:
    wrong = {
        **MADE,
        "name": "",
        "origins": "https://newsroom.example/page",
        "questions-1-options_en": "Teacher",
        "questions-1-options_uk": "",
    }

    answer = post(client, "/desk/forms/new", wrong)
    page = answer.get_data(as_text=True)

    assert answer.status_code == 422
    assert 'id="name-error"' in page
    assert 'id="origins-error"' in page
    assert "You are a: Please give at least two lines, each of them once." in page
    assert 'value="Your country"' in page
    with db.reading() as session:
        assert session.scalars(select(SavedForm)).all() == []


def test_a_form_of_no_newsletter_is_told_so_where_they_are_chosen(client: FlaskClient) -> None:
    none = {name: value for name, value in MADE.items() if not name.endswith("-offered")}

    page = post(client, "/desk/forms/new", none).get_data(as_text=True)

    section = page.split('aria-labelledby="newsletters-head"')[1].split("</section>")[0]
    assert "Please choose at least one newsletter" in section


def test_what_nobody_can_choose_is_refused_at_its_place(client: FlaskClient) -> None:
    made_up = {"language": "0", "accent": "x", "questions-0-kind": "x", "questions-1-label_en": "?" * 121}

    answer = post(client, "/desk/forms/new", {**MADE, **made_up, "newsletters-0-number": "9" * 40})

    assert answer.status_code == 422
    assert 'id="language-error"' in answer.get_data(as_text=True)
    assert "This is too long." in answer.get_data(as_text=True)


def test_room_for_one_more_question_keeps_what_was_typed(client: FlaskClient) -> None:
    more = {**MADE, "more": "1", "questions-2-label_en": "Your town"}

    page = post(client, "/desk/forms/new", more).get_data(as_text=True)

    assert 'name="questions-3-label_en"' in page
    assert 'value="Your town"' in page


def test_a_form_is_changed_and_deleted(client: FlaskClient, db: Database) -> None:
    post(client, "/desk/forms/new", MADE)
    path = f"/desk/forms/{kept(db).id}"
    page = client.get(path).get_data(as_text=True)

    post(client, path, {**MADE, "name": "sidebar", "questions-1-gone": "y"})
    changed = kept(db)
    post(client, f"{path}/delete")

    assert 'value="Your country"' in page
    assert "Учитель\nЛікар" in page
    assert (changed.name, [asked.key for asked in changed.asked]) == ("sidebar", ["your-country"])
    with db.reading() as session:
        assert session.scalars(select(SavedForm)).all() == []
        assert len(session.scalars(select(ReaderField)).all()) == 2
    assert client.get(path).status_code == 404


def test_a_short_name_means_one_kind_of_answer_everywhere(client: FlaskClient) -> None:
    post(client, "/desk/forms/new", MADE)

    answer = post(client, "/desk/forms/new", {**MADE, "name": "other", "questions-0-kind": "text"})

    assert answer.status_code == 422
    assert "Another form asks for something else under this short name." in answer.get_data(as_text=True)


def test_the_list_and_the_newsletters_own_room_lead_to_the_form(client: FlaskClient, db: Database) -> None:
    post(client, "/desk/forms/new", MADE)

    listed = client.get("/desk/forms").get_data(as_text=True)
    room = client.get("/desk/newsletters/1/embed").get_data(as_text=True)

    assert "article-footer" in listed
    assert "Explaining Ukraine, Morning Brief" in listed
    assert f"/desk/forms/{kept(db).id}/code" in room


def test_what_a_reader_told_stands_on_their_page_and_in_every_file(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    post(client, "/desk/forms/new", MADE)
    olena = Reader(runtime, "=olena@readers.example")
    with db.reading() as session:
        newsletter = session.get_one(Newsletter, 1)
    olena.signs_up(newsletter, fields={"your-country": "UA", "role": "Doctor", "grown": True})
    before = client.get(f"/desk/readers/{olena.row.id}").get_data(as_text=True)
    olena.confirms()
    signed_in(client, db, Role.OWNER)

    page = client.get(f"/desk/readers/{olena.row.id}").get_data(as_text=True)
    table = post(client, "/desk/newsletters/1/export", {"raw": "y"}).get_data(as_text=True)
    data = post(client, "/desk/newsletters/1/export", {"format": "json"}).get_json()
    own = post(client, f"/desk/readers/{olena.row.id}/data").get_json()

    assert "Ukraine" not in _facts(before)
    assert "not confirmed" in before
    assert "not confirmed" not in page
    assert "Your country" in page
    assert "Ukraine" in _facts(page)
    (line,) = csv.DictReader(io.StringIO(table))
    assert (line["field-your-country"], line["field-role"]) == ("UA", "Doctor")
    assert data[0]["email"] == olena.email
    assert data[0]["fields"] == {"your-country": "UA", "role": "Doctor", "grown": True}
    assert own["fields"] == own["sign_ups"][0]["fields"] == data[0]["fields"]


def test_nobody_to_export_is_an_empty_list(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.OWNER)

    assert post(client, "/desk/newsletters/1/export", {"format": "json"}).json == []


def _facts(page: str) -> str:
    return page.split('<dl class="facts">')[1].split("</dl>", maxsplit=1)[0]


def questions(page: str) -> list[str]:
    return re.findall(r'name="questions-\d+-label_en"[^>]* value="([^"]*)"', page)


def test_questions_change_places_and_nothing_typed_is_lost(client: FlaskClient, db: Database) -> None:
    post(client, "/desk/forms/new", {**MADE, "questions-2-label_en": "Your street"})
    path = f"/desk/forms/{kept(db).id}"
    typed = {**MADE, "name": "renamed", "questions-2-label_en": "Your street"}

    up = post(client, path, {**typed, "up": "2"}).get_data(as_text=True)
    down = post(client, path, {**typed, "down": "0"}).get_data(as_text=True)
    nowhere = [post(client, path, {**typed, **step}) for step in ({"up": "0"}, {"down": "99"}, {"up": "²"})]

    assert questions(up) == ["Your country", "Your street", "You are a", ""]
    assert questions(down) == ["You are a", "Your country", "Your street", ""]
    assert [answer.status_code for answer in nowhere] == [200, 200, 200]
    assert 'value="renamed"' in up
    assert "Teacher\nDoctor" in down
    assert re.findall(r'name="(up|down)" value="(\d)" autofocus', up + down) == [("up", "1"), ("down", "1")]


def test_a_question_at_the_end_of_its_way_keeps_the_focus(client: FlaskClient) -> None:
    first = post(client, "/desk/forms/new", {**MADE, "up": "1"}).get_data(as_text=True)
    last = post(client, "/desk/forms/new", {**MADE, "down": "0"}).get_data(as_text=True)

    assert re.findall(r'name="(up|down)" value="(\d)" autofocus', first + last) == [
        ("down", "0"),
        ("up", "1"),
    ]


def test_enter_in_a_field_saves(client: FlaskClient) -> None:
    page = client.get("/desk/forms/new").get_data(as_text=True)

    form = page[page.index('<form method="post" class="stack-loose"') :]
    assert re.findall(r"<button[^>]*>([^<]*)", form)[0] == "Save"


def test_another_form_begins_like_one_that_is_there(client: FlaskClient, db: Database) -> None:
    post(client, "/desk/forms/new", MADE)

    page = client.get(f"/desk/forms/new?like={kept(db).id}").get_data(as_text=True)
    gone = client.get("/desk/forms/new?like=77")

    assert questions(page) == ["Your country", "You are a", ""]
    assert re.search(r'name="newsletters-1-ticked"[^>]*checked|checked[^>]*name="newsletters-1-ticked"', page)
    assert 'value="article-footer"' not in page
    assert gone.status_code == 404


def test_who_asks_for_a_name_needs_no_words_for_it(client: FlaskClient, db: Database) -> None:
    post(client, "/desk/forms/new", {**MADE, "questions-2-kind": "name"})

    asked = kept(db).asked[2]

    assert (asked.key, asked.kind, asked.label("en")) == ("name", "name", "Your name")
    assert asked.label("uk") != asked.label("en")


def test_a_question_without_words_is_not_dropped_in_silence(client: FlaskClient) -> None:
    answer = post(client, "/desk/forms/new", {**MADE, "questions-2-kind": "country"})

    assert answer.status_code == 422
    assert "Please write the question in at least one language." in answer.get_data(as_text=True)

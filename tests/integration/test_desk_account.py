"""One's own account, colleagues' accounts, and the ways in by mail, through their pages."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletters.accounts.models import Editor, EditorSession, Role
from newsletters.accounts.passwords import matches
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail
from newsletters.mail.render import MailTemplates
from tests.desk import PASSWORD, make_editor_with_password, post, sign_in_as, signed_in
from tests.factories import make_editor

ANOTHER = "eleven paper boats downstream"
SIGN_IN = "/desk/sign-in"


def signed_in_with_password(client: FlaskClient, db: Database) -> Editor:
    editor, _ = make_editor_with_password(db)
    with db.transaction() as session:
        sign_in_as(client, session, editor)
    return editor


def mailed_path(db: Database) -> str:
    """The path of the link in the newest mail."""
    with db.reading() as session:
        mail = session.query(OutboxMail).order_by(OutboxMail.id.desc()).first()
    assert mail is not None
    return str(mail.params["url"]).removeprefix("http://localhost")


def test_a_changed_password_signs_out_every_other_browser(
    app: Flask, client: FlaskClient, db: Database
) -> None:
    editor = signed_in_with_password(client, db)
    thief = app.test_client()
    with db.transaction() as session:
        sign_in_as(thief, session, editor)
    assert thief.get("/desk").status_code == 200
    form = {"current": PASSWORD, "password": ANOTHER, "again": ANOTHER}

    answer = post(client, "/desk/account/password", form)

    assert answer.status_code == 303
    assert client.get("/desk").status_code == 200
    assert thief.get("/desk").status_code == 303


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"current": "wrong", "password": ANOTHER, "again": ANOTHER}, "not your present password"),
        ({"current": PASSWORD, "password": ANOTHER, "again": "other"}, "not the same"),
        ({"current": PASSWORD, "password": "short", "again": "short"}, "at least eight characters"),
        ({"current": PASSWORD, "password": "owner-newsroom1", "again": "owner-newsroom1"}, "easily guessed"),
        ({"current": PASSWORD, "password": "", "again": ""}, "enter a new password"),
    ],
)
def test_a_password_is_changed_only_when_everything_is_right(
    client: FlaskClient, db: Database, form: dict[str, str], words: str
) -> None:
    editor = signed_in_with_password(client, db)

    answer = post(client, "/desk/account/password", form)

    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    with db.reading() as session:
        assert matches(session.get_one(Editor, editor.id).password_hash, PASSWORD)


def test_an_open_desk_is_no_place_to_guess_the_password(client: FlaskClient, db: Database) -> None:
    signed_in_with_password(client, db)
    wrong = {"current": "wrong", "password": ANOTHER, "again": ANOTHER}
    for _ in range(10):
        post(client, "/desk/account/password", wrong)

    answer = post(client, "/desk/account/password", {**wrong, "current": PASSWORD})

    assert answer.status_code == 422
    assert "Too many attempts" in answer.get_data(as_text=True)


def test_one_browser_is_signed_out_from_another(app: Flask, client: FlaskClient, db: Database) -> None:
    editor = signed_in(client, db)
    lost = app.test_client()
    with db.transaction() as session:
        sign_in_as(lost, session, editor)
    page = client.get("/desk/account").get_data(as_text=True)
    named = re.findall(r'name="session" value="(\w+)"', page)

    post(client, "/desk/account/sessions", {"session": named[0]})

    assert len(named) == 1
    assert lost.get("/desk").status_code == 303
    assert client.get("/desk").status_code == 200


def test_signing_out_ends_the_session_itself(app: Flask, client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    cookie = client.get_cookie("desk")
    assert cookie is not None

    post(client, "/desk/sign-out")
    thief = app.test_client()
    thief.set_cookie("desk", cookie.value)

    assert client.get_cookie("desk") is None
    assert thief.get("/desk").status_code == 303
    with db.reading() as session:
        assert session.query(EditorSession).count() == 0


def test_a_forgotten_password_is_answered_alike_for_everybody(client: FlaskClient, db: Database) -> None:
    editor, _ = make_editor_with_password(db)
    other = "other@newsroom.example"

    known = post(client, "/desk/forgotten", {"email": editor.email}, page="/desk/forgotten")
    unknown = post(client, "/desk/forgotten", {"email": other}, page="/desk/forgotten")

    assert known.status_code == unknown.status_code == 200
    assert known.get_data(as_text=True) == unknown.get_data(as_text=True)


def test_a_new_password_is_chosen_through_the_mailbox(client: FlaskClient, db: Database) -> None:
    editor, _ = make_editor_with_password(db)
    post(client, "/desk/forgotten", {"email": editor.email}, page="/desk/forgotten")
    path = mailed_path(db)

    seen_by_scanner = client.head(path).status_code, client.get(path).status_code
    post(client, path, {"password": ANOTHER, "again": ANOTHER}, page=path)
    again = client.get(path)
    answer = post(client, SIGN_IN, {"email": editor.email, "password": ANOTHER}, page=SIGN_IN)

    assert seen_by_scanner == (200, 200)
    assert again.status_code == 410
    assert "Mail me a new link" in again.get_data(as_text=True)
    assert answer.location == "/desk"


def test_a_weak_new_password_can_be_typed_again(client: FlaskClient, db: Database) -> None:
    editor, _ = make_editor_with_password(db)
    post(client, "/desk/forgotten", {"email": editor.email}, page="/desk/forgotten")
    path = mailed_path(db)

    weak = post(client, path, {"password": "password", "again": "password"}, page=path)
    strong = post(client, path, {"password": ANOTHER, "again": ANOTHER}, page=path)

    assert weak.status_code == 422
    assert "easily guessed" in weak.get_data(as_text=True)
    assert strong.status_code == 303


def test_somebody_invited_begins_at_the_desk(app: Flask, client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    post(client, "/desk/editors/invitations", {"email": "Grace@newsroom.example", "role": "editor"})
    path, guest = mailed_path(db), app.test_client()

    shown = guest.get(path)
    answer = post(guest, path, {"name": "Grace", "password": ANOTHER, "again": ANOTHER}, page=path)

    assert "Grace@newsroom.example" in shown.get_data(as_text=True)
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert answer.location == "/desk"
    assert guest.get("/desk").status_code == 200
    assert guest.get("/desk/editors").status_code == 403
    assert guest.get(path).status_code == 410


def test_a_withdrawn_invitation_opens_nothing(app: Flask, client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    post(client, "/desk/editors/invitations", {"email": "grace@newsroom.example", "role": "owner"})
    path = mailed_path(db)
    number = re.search(r"/invitations/(\d+)/withdraw", client.get("/desk/editors").get_data(as_text=True))
    assert number is not None

    post(client, f"/desk/editors/invitations/{number[1]}/withdraw")

    assert app.test_client().get(path).status_code == 410


@pytest.mark.parametrize("token", ["x", "AQ", "A" * 60, "%00", "é"])
def test_a_forged_link_gets_a_page_that_helps(client: FlaskClient, token: str) -> None:
    reset = client.get(f"/desk/password/{token}")
    invitation = client.get(f"/desk/invitation/{token}")

    assert (reset.status_code, invitation.status_code) == (410, 410)
    assert "/desk/sign-in" in invitation.get_data(as_text=True)


@pytest.mark.parametrize("role", ["boss", "", "OWNER"])
def test_nobody_is_invited_as_something_else(client: FlaskClient, db: Database, role: str) -> None:
    signed_in(client, db)

    answer = post(client, "/desk/editors/invitations", {"email": "grace@newsroom.example", "role": role})

    assert answer.status_code == 422
    with db.reading() as session:
        assert session.query(OutboxMail).count() == 0


def test_the_last_owner_stays(client: FlaskClient, db: Database) -> None:
    owner = signed_in(client, db)

    disabled = post(client, f"/desk/editors/{owner.id}/disable", follow_redirects=True)
    demoted = post(client, f"/desk/editors/{owner.id}/role/editor", follow_redirects=True)

    assert "Somebody must stay owner" in disabled.get_data(as_text=True)
    assert "Somebody must stay owner" in demoted.get_data(as_text=True)


def test_a_role_changes_what_somebody_may_do_at_once(app: Flask, client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    colleague = app.test_client()
    editor = signed_in(colleague, db, Role.EDITOR)
    before = colleague.get("/desk/audit").status_code

    post(client, f"/desk/editors/{editor.id}/role/owner")

    assert (before, colleague.get("/desk/audit").status_code) == (403, 200)


def test_somebody_disabled_is_out_at_once(app: Flask, client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    colleague = app.test_client()
    editor = signed_in(colleague, db, Role.EDITOR)

    post(client, f"/desk/editors/{editor.id}/disable")

    assert colleague.get("/desk").status_code == 303


def test_the_log_says_in_words_who_did_what(client: FlaskClient, db: Database) -> None:
    owner = signed_in(client, db)
    with db.transaction() as session:
        editor = make_editor(session)
    post(client, f"/desk/editors/{editor.id}/role/owner")

    page = client.get("/desk/audit").get_data(as_text=True)

    assert owner.name in page
    assert "changed a role" in page
    assert (
        client.get(f"/desk/audit?editor={owner.id}&kind=editor")
        .get_data(as_text=True)
        .count("changed a role")
        == 1
    )
    assert "Nothing of this kind yet" in client.get("/desk/audit?kind=issue").get_data(as_text=True)


@pytest.mark.parametrize("language", ["en", "uk"])
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (
            "invitation",
            {"url": "https://x.example/i/t", "inviter": "<b>Ada</b>", "newsroom": "N & N", "days": 7},
        ),
        ("password_reset", {"url": "https://x.example/p/t", "newsroom": "N & N"}),
    ],
)
def test_our_mails_to_editors_can_be_read(kind: str, params: dict[str, object], language: str) -> None:
    templates = MailTemplates(newsroom="N & N", public_url="https://x.example")

    mail = templates.render(kind, language=language, params={"newsroom": "N & N", **params})

    assert "N & N" in mail.subject
    assert str(params["url"]) in mail.text
    assert f'href="{params["url"]}"' in mail.html
    assert "<b>Ada" not in mail.html

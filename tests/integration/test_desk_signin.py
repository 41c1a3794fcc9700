"""Signing in to the desk through its pages."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletters.accounts.models import Editor, EditorSession
from newsletters.accounts.signin import PER_ACCOUNT, PER_CLIENT_AND_ACCOUNT
from newsletters.kernel.db import Database
from tests.conftest import NOW
from tests.desk import PASSWORD, make_editor_with_password, post

SIGN_IN = "/desk/sign-in"


def try_password(
    client: FlaskClient, password: str, *, email: str = "owner@newsroom.example", client_ip: str = "192.0.2.1"
) -> int:
    answer = post(
        client,
        SIGN_IN,
        {"email": email, "password": password},
        page=SIGN_IN,
        environ_overrides={"REMOTE_ADDR": client_ip},
    )
    return answer.status_code


def test_the_right_password_opens_the_desk(client: FlaskClient, db: Database) -> None:
    make_editor_with_password(db)

    answer = post(client, SIGN_IN, {"email": "owner@newsroom.example", "password": PASSWORD}, page=SIGN_IN)

    assert answer.status_code == 303
    assert answer.location == "/desk"
    assert client.get("/desk").status_code == 200


def test_a_wrong_password_an_unknown_address_and_a_disabled_account_are_answered_alike(
    client: FlaskClient, db: Database
) -> None:
    editor, _ = make_editor_with_password(db)
    wrong = post(client, SIGN_IN, {"email": editor.email, "password": "not it at all"}, page=SIGN_IN)
    unknown = post(
        client, SIGN_IN, {"email": editor.email.replace("owner", "other"), "password": PASSWORD}, page=SIGN_IN
    )
    with db.transaction() as session:
        session.get_one(Editor, editor.id).disabled_at = NOW

    disabled = post(client, SIGN_IN, {"email": editor.email, "password": PASSWORD}, page=SIGN_IN)

    assert wrong.status_code == unknown.status_code == disabled.status_code == 422
    pages = {
        answer.get_data(as_text=True).replace("other@", "owner@").split("csrf_token")[0]
        for answer in (wrong, unknown, disabled)
    }
    assert len(pages) == 1


def test_a_page_asked_for_before_signing_in_is_shown_after_it(client: FlaskClient, db: Database) -> None:
    make_editor_with_password(db)

    asked = client.get("/desk/account?tab=sessions")
    answer = post(
        client,
        SIGN_IN,
        {"email": "owner@newsroom.example", "password": PASSWORD, "next": "/desk/account?tab=sessions"},
        page=asked.location,
    )

    assert answer.location == "/desk/account?tab=sessions"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/desk",
        "//evil.example/desk",
        "/\\evil.example/desk",
        "/deskevil",
        "/desk\\..\\",
        "javascript:alert(1)",
        "http://[::1",
    ],
)
def test_signing_in_never_leads_to_another_site(client: FlaskClient, db: Database, elsewhere: str) -> None:
    make_editor_with_password(db)

    answer = post(
        client,
        SIGN_IN,
        {"email": "owner@newsroom.example", "password": PASSWORD, "next": elsewhere},
        page=SIGN_IN,
    )

    assert answer.location == "/desk"


def test_a_planted_session_cookie_is_not_the_one_after_signing_in(client: FlaskClient, db: Database) -> None:
    make_editor_with_password(db)
    client.set_cookie("desk", "planted-by-somebody-else")

    post(client, SIGN_IN, {"email": "owner@newsroom.example", "password": PASSWORD}, page=SIGN_IN)

    cookie = client.get_cookie("desk")
    assert cookie is not None
    assert cookie.value != "planted-by-somebody-else"
    assert cookie.http_only and cookie.same_site == "Lax" and cookie.path == "/"


def test_the_database_knows_no_cookie(client: FlaskClient, db: Database) -> None:
    make_editor_with_password(db)
    post(client, SIGN_IN, {"email": "owner@newsroom.example", "password": PASSWORD}, page=SIGN_IN)
    cookie = client.get_cookie("desk")

    with db.reading() as session:
        stored = session.query(EditorSession).one()

    assert cookie is not None
    assert cookie.value not in (stored.token_hash, stored.browser)


def test_guessing_from_elsewhere_does_not_lock_out_a_known_browser(
    client: FlaskClient, db: Database, app: Flask
) -> None:
    make_editor_with_password(db)
    assert try_password(client, PASSWORD) == 303
    post(client, "/desk/sign-out")
    stranger = app.test_client()
    clients = PER_ACCOUNT.most // PER_CLIENT_AND_ACCOUNT.most + 1
    for number in range(clients):
        for _ in range(PER_CLIENT_AND_ACCOUNT.most):
            try_password(stranger, "wrong guess", client_ip=f"198.51.100.{number}")

    refused = try_password(stranger, PASSWORD, client_ip="203.0.113.9")
    let_in = try_password(client, PASSWORD)

    assert refused == 429
    assert let_in == 303

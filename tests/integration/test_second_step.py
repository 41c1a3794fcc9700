"""Signing in with a second factor: the password first, then the code, and no session between."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.accounts import editors, second_step
from newsletters.accounts.factor_models import SecondFactor, SignInStep
from newsletters.accounts.factor_proof import about
from newsletters.accounts.invitations import Letterhead
from newsletters.accounts.models import Editor, EditorSession
from newsletters.accounts.signin import Attempt, browser_cookie
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.sealing import Sealer
from newsletters.mail.models import OutboxMail
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.desk import PASSWORD, audited, post
from tests.second_factor import (
    HALF_MINUTE,
    RECOVERY,
    SECRET,
    WRONG,
    app_code,
    give_code,
    give_password,
    guarded_editor,
)


@pytest.fixture
def editor(db: Database, runtime: Runtime) -> Editor:
    return guarded_editor(db, runtime)


def sessions_open(db: Database) -> int:
    with db.reading() as session:
        return session.query(EditorSession).count()


def mails(db: Database) -> list[OutboxMail]:
    with db.reading() as session:
        return list(session.scalars(select(OutboxMail).order_by(OutboxMail.id)))


def test_the_password_alone_opens_nothing(client: FlaskClient, db: Database, editor: Editor) -> None:
    answer = give_password(client, editor)

    assert answer.location == "/desk/sign-in/code"
    assert client.get_cookie("desk") is None
    assert sessions_open(db) == 0
    for path in ("/desk", "/desk/account", "/desk/account/second-factor", "/desk/editors", "/desk/issues"):
        assert (client.get(path).location or "").startswith("/desk/sign-in?")


def test_the_code_after_it_opens_the_desk(client: FlaskClient, db: Database, editor: Editor) -> None:
    give_password(client, editor)

    answer = give_code(client, f" {app_code()[:3]} {app_code()[3:]} ")

    assert answer.location == "/desk"
    assert client.get("/desk").status_code == 200
    assert client.get_cookie("desk-step") is None
    assert audited(db)[-2:] == ["editor.code_asked", "editor.signed_in"]


def test_signing_in_goes_on_to_where_one_wanted_to_go(client: FlaskClient, editor: Editor) -> None:
    form = {"email": editor.email, "password": PASSWORD, "next": "/desk/readers?search=a"}
    asked = post(client, "/desk/sign-in", form, page="/desk/sign-in")
    elsewhere = {"code": app_code(), "next": "https://evil.example/desk"}

    shown = client.get(asked.location or "").get_data(as_text=True)
    answer = post(client, "/desk/sign-in/code", elsewhere, page="/desk/sign-in/code")

    assert 'value="/desk/readers?search=a"' in shown
    assert answer.location == "/desk"


@pytest.mark.parametrize("code", [WRONG, "", "12345", "x" * 70, "abcd-efgh-jkm2"])
def test_a_wrong_code_opens_nothing(client: FlaskClient, db: Database, editor: Editor, code: str) -> None:
    give_password(client, editor)

    answer = give_code(client, code)

    assert answer.status_code == 422
    assert sessions_open(db) == 0
    assert client.get("/desk").status_code == 303


def test_without_the_first_step_there_is_no_second(client: FlaskClient, db: Database, editor: Editor) -> None:
    shown = client.get("/desk/sign-in/code")
    client.set_cookie("desk-step", "x" * 43, domain="localhost")

    answer = post(client, "/desk/sign-in/code", {"code": app_code()}, page="/desk/sign-in")

    assert (shown.location, answer.location) == ("/desk/sign-in", "/desk/sign-in")
    assert sessions_open(db) == 0


def test_a_code_is_good_once(
    app: Flask, client: FlaskClient, db: Database, clock: FixedClock, editor: Editor
) -> None:
    thief = app.test_client()
    for browser in (client, thief):
        give_password(browser, editor)
    give_code(client, app_code())

    over_the_shoulder = give_code(thief, app_code())
    clock.advance(HALF_MINUTE)
    the_one_before = give_code(thief, app_code())

    assert over_the_shoulder.status_code == the_one_before.status_code == 422
    assert sessions_open(db) == 1


def test_the_second_step_is_open_for_five_minutes(
    client: FlaskClient, db: Database, clock: FixedClock, editor: Editor
) -> None:
    give_password(client, editor)
    clock.advance(timedelta(minutes=5))

    answer = post(client, "/desk/sign-in/code", {"code": app_code(clock.now())}, page="/desk/sign-in")

    assert answer.location == "/desk/sign-in"
    assert sessions_open(db) == 0


def test_a_new_password_voids_a_sign_in_that_is_half_done(
    client: FlaskClient, db: Database, editor: Editor
) -> None:
    give_password(client, editor)
    with db.transaction() as session:
        editors.set_password(session, session.get_one(Editor, editor.id), None, now=NOW)

    answer = post(client, "/desk/sign-in/code", {"code": app_code()}, page="/desk/sign-in")

    assert answer.location == "/desk/sign-in"
    assert sessions_open(db) == 0


def test_a_forgotten_password_does_not_turn_the_second_factor_off(
    client: FlaskClient, db: Database, editor: Editor
) -> None:
    another = "eleven paper boats downstream"
    post(client, "/desk/forgotten", {"email": editor.email}, page="/desk/forgotten")
    path = str(mails(db)[-1].params["url"]).removeprefix("http://localhost")
    post(client, path, {"password": another, "again": another}, page=path)

    asked = give_password(client, editor, another)
    wrong, right = give_code(client, WRONG), give_code(client, app_code())

    assert asked.location == "/desk/sign-in/code"
    assert (wrong.status_code, right.location) == (422, "/desk")


def test_a_recovery_code_does_instead_once_and_its_owner_hears_of_it(
    app: Flask, client: FlaskClient, db: Database, editor: Editor
) -> None:
    give_password(client, editor)
    shown = client.get("/desk/sign-in/code?recovery=1").get_data(as_text=True)

    let_in = give_code(client, RECOVERY[0].upper().replace("-", " "), is_recovery=True)
    page = client.get("/desk").get_data(as_text=True)
    thief = app.test_client()
    give_password(thief, editor)
    again = give_code(thief, RECOVERY[0], is_recovery=True)

    assert "A recovery code" in shown
    assert let_in.location == "/desk"
    assert "You used a recovery code. 1 is left." in page
    assert (mails(db)[-1].kind, mails(db)[-1].params["event"]) == ("second_factor", "recovery_used")
    assert mails(db)[-1].params["left"] == 1
    assert again.status_code == 422
    assert "editor.recovery_code_used" in audited(db)


def test_five_wrong_codes_end_one_attempt(client: FlaskClient, editor: Editor) -> None:
    give_password(client, editor)
    for _ in range(second_step.PER_STEP.most):
        give_code(client, WRONG)

    answer = give_code(client, app_code())

    assert answer.status_code == 429
    assert "too many wrong codes" in answer.get_data(as_text=True)


def _tries(
    db: Database, runtime: Runtime, editor: Editor, times: int, *, client: str = "", browser: str = ""
) -> list[bool]:
    """What is said to ``times`` attempts, each after a right password; each from its own network."""
    letterhead = Letterhead(runtime.signer, runtime.urls, "The Newsroom", "en")
    with db.transaction() as session:
        return [
            second_step.may_try_code(
                session,
                session.get_one(Editor, editor.id),
                Attempt("", client or f"192.0.2.{number}", browser),
                cookie=f"{client} {browser} {number}",
                digester=runtime.digester,
                letterhead=letterhead,
                now=NOW,
            )
            for number in range(times)
        ]


def test_guessing_codes_is_slow_and_its_owner_is_told_and_not_locked_out(
    db: Database, runtime: Runtime, editor: Editor
) -> None:
    most = second_step.PER_ACCOUNT.most
    one_client = _tries(db, runtime, editor, 20, client="198.51.100.1")
    spent = sum(one_client)

    many_clients = _tries(db, runtime, editor, most)
    at_home = _tries(db, runtime, editor, 5, browser=browser_cookie(editor, signer=runtime.signer, now=NOW))

    assert spent == second_step.PER_CLIENT_AND_ACCOUNT.most
    assert many_clients == [True] * (most - spent) + [False] * spent
    assert at_home == [True] * 5
    assert [mail.params["event"] for mail in mails(db)] == ["guessed"]


def test_a_secret_sealed_with_an_older_key_opens_and_is_sealed_anew(
    client: FlaskClient, db: Database, runtime: Runtime, editor: Editor
) -> None:
    rotated = Sealer([b"n" * 40, b"k" * 40])
    with db.transaction() as session:
        factor = session.get_one(SecondFactor, editor.id)
        factor.secret = Sealer([b"k" * 40]).seal(SECRET, about=about(editor.id))
    object.__setattr__(runtime, "sealer", rotated)
    give_password(client, editor)

    answer = give_code(client, app_code())

    assert answer.location == "/desk"
    with db.reading() as session:
        kept = session.get_one(SecondFactor, editor.id).secret or ""
    assert not rotated.is_outdated(kept, about=about(editor.id))


def test_without_the_key_a_recovery_code_still_lets_in(
    client: FlaskClient, db: Database, runtime: Runtime, editor: Editor
) -> None:
    object.__setattr__(runtime, "sealer", Sealer([b"n" * 40]))
    give_password(client, editor)

    by_app = give_code(client, app_code())
    by_recovery = give_code(client, RECOVERY[0], is_recovery=True)

    assert (by_app.status_code, by_recovery.location) == (422, "/desk")
    assert sessions_open(db) == 1


def test_a_step_that_ran_out_is_not_kept(client: FlaskClient, db: Database, editor: Editor) -> None:
    with db.transaction() as session:
        session.add(SignInStep(token_hash="x", editor_id=editor.id, expires_at=NOW))

    give_password(client, editor)

    with db.reading() as session:
        assert session.query(SignInStep).count() == 1

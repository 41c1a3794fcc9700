"""A second factor turned on, moved, turned off and reset; required of everybody or left to each."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from newsletters.accounts import house, recovery
from newsletters.accounts.factor_models import RecoveryCode, SecondFactor
from newsletters.accounts.models import Editor, Role
from newsletters.cli.editors import NoSuchEditor, lines, take_factor
from newsletters.kernel import totp
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail
from newsletters.mail.render import MailTemplates
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.desk import PASSWORD, audited, post, sign_in_as, signed_in
from tests.second_factor import (
    HALF_MINUTE,
    RECOVERY,
    WRONG,
    app_code,
    give_code,
    give_password,
    guarded_editor,
    plain_editor,
    secret_in,
)
from tests.spoken import english_words
from tests.ukrainian import ASKED, browser

PAGE = "/desk/account/second-factor"
NAMES = ("QR", "Aegis", "Google Authenticator", "2FAS", "The Newsroom", "Test", "Editor", "UTC")


def entered(client: FlaskClient, db: Database, editor: Editor) -> Editor:
    with db.transaction() as session:
        sign_in_as(client, session, editor)
    return editor


def offered_secret(client: FlaskClient) -> bytes:
    """What an editor would type into the app."""
    return secret_in(client.get(PAGE).get_data(as_text=True))


def wrong_code(secret: bytes) -> str:
    """Six digits that the app shows at none of the moments that count."""
    right = {totp.code(secret, totp.step_at(NOW) + near) for near in (-1, 0, 1)}
    return next(code for code in ("111111", "222222", "333333", "444444") if code not in right)


def set_up(client: FlaskClient, *, now: FixedClock) -> tuple[bytes, TestResponse]:
    post(client, f"{PAGE}/begin", {"password": PASSWORD}, page=PAGE)
    secret = offered_secret(client)
    code = totp.code(secret, totp.step_at(now.now()))
    return secret, post(client, f"{PAGE}/confirm", {"code": code}, page=PAGE)


def has_factor(db: Database, editor: Editor) -> bool:
    with db.reading() as session:
        return session.get_one(Editor, editor.id).has_second_factor


def events(db: Database) -> list[str]:
    with db.reading() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id))
        return [mail.params["event"] for mail in mails]


def test_it_takes_effect_when_the_app_has_shown_that_it_has_the_secret(
    app: Flask, client: FlaskClient, db: Database, clock: FixedClock
) -> None:
    editor = entered(client, db, plain_editor(db))
    elsewhere = app.test_client()
    entered(elsewhere, db, editor)
    post(client, f"{PAGE}/begin", {"password": PASSWORD}, page=PAGE)
    secret = offered_secret(client)

    wrong = post(client, f"{PAGE}/confirm", {"code": wrong_code(secret)}, page=PAGE)
    before = has_factor(db, editor)
    right = post(client, f"{PAGE}/confirm", {"code": totp.code(secret, totp.step_at(NOW))}, page=PAGE)

    assert (wrong.status_code, before) == (422, False)
    assert (right.status_code, has_factor(db, editor)) == (200, True)
    assert client.get("/desk").status_code == 200
    assert elsewhere.get("/desk").status_code == 303
    assert (events(db), audited(db)[-1]) == (["on"], "editor.factor_on")


def test_ten_codes_are_shown_once_and_kept_as_hashes_and_the_secret_sealed(
    client: FlaskClient, db: Database, clock: FixedClock
) -> None:
    entered(client, db, plain_editor(db))

    secret, answer = set_up(client, now=clock)

    page = answer.get_data(as_text=True)
    codes = re.findall(rf"<code>({recovery.PATTERN.pattern})</code>", page)
    shown = [code[0] for code in codes]
    assert len(set(shown)) == recovery.HOW_MANY
    assert answer.headers["Cache-Control"] == "no-store"
    assert shown[0] not in client.get(PAGE).get_data(as_text=True)
    with db.reading() as session:
        factor = session.query(SecondFactor).one()
        hashes = set(session.scalars(select(RecoveryCode.code_hash)))
    assert recovery.hashed(shown[0], factor.recovery_salt) in hashes
    assert len(hashes) == recovery.HOW_MANY
    assert factor.offered is None
    assert totp.as_letters(secret) not in (factor.secret or "")


def test_the_codes_can_be_kept_as_a_file(client: FlaskClient, db: Database) -> None:
    editor = signed_in(client, db)

    answer = post(client, f"{PAGE}/codes.txt", {"codes": " ".join(RECOVERY)}, page=PAGE)
    forged = post(client, f"{PAGE}/codes.txt", {"codes": "<script>alert(1)</script>"}, page=PAGE)

    assert answer.headers["Content-Disposition"] == "attachment; filename=recovery-codes.txt"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.get_data(as_text=True).split("\r\n")[3:] == ["", *RECOVERY, ""]
    assert editor.email in answer.get_data(as_text=True)
    assert forged.status_code == 400


def test_an_offer_runs_out_and_can_be_withdrawn(client: FlaskClient, db: Database, clock: FixedClock) -> None:
    editor = entered(client, db, plain_editor(db))
    post(client, f"{PAGE}/begin", {"password": PASSWORD}, page=PAGE)
    post(client, f"{PAGE}/withdraw", page=PAGE)
    withdrawn = client.get(PAGE).get_data(as_text=True)
    post(client, f"{PAGE}/begin", {"password": PASSWORD}, page=PAGE)
    secret = offered_secret(client)
    clock.advance(timedelta(minutes=30))

    late = post(client, f"{PAGE}/confirm", {"code": totp.code(secret, totp.step_at(clock.now()))}, page=PAGE)

    assert "Show me the secret" in withdrawn
    assert late.location == PAGE
    assert not has_factor(db, editor)


@pytest.mark.parametrize(
    ("path", "password", "code"),
    [
        ("begin", "wrong", app_code()),
        ("begin", PASSWORD, ""),
        ("codes", PASSWORD, WRONG),
        ("codes", "", app_code()),
        ("off", "wrong", app_code()),
        ("off", PASSWORD, WRONG),
    ],
)
def test_changing_it_takes_the_password_and_a_code(
    client: FlaskClient, db: Database, runtime: Runtime, path: str, password: str, code: str
) -> None:
    editor = entered(client, db, guarded_editor(db, runtime))

    answer = post(client, f"{PAGE}/{path}", {"password": password, "code": code}, page=PAGE)

    assert answer.status_code == 422
    assert has_factor(db, editor)
    with db.reading() as session:
        assert session.query(RecoveryCode).count() == len(RECOVERY)
        assert session.query(SecondFactor).one().offered is None


def test_turning_it_off_lets_the_password_do_again(
    app: Flask, client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    editor = entered(client, db, guarded_editor(db, runtime))

    post(client, f"{PAGE}/off", {"password": PASSWORD, "code": app_code()}, page=PAGE)
    answer = give_password(app.test_client(), editor)

    assert answer.location == "/desk"
    assert (events(db), "editor.factor_off" in audited(db)) == (["off"], True)
    with db.reading() as session:
        assert session.query(RecoveryCode).count() == session.query(SecondFactor).count() == 0


def test_new_recovery_codes_void_the_old_ones(
    app: Flask, client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    editor = entered(client, db, guarded_editor(db, runtime))

    answer = post(client, f"{PAGE}/codes", {"password": PASSWORD, "code": RECOVERY[0]}, page=PAGE)
    thief = app.test_client()
    give_password(thief, editor)
    old = give_code(thief, RECOVERY[1], is_recovery=True)

    assert answer.get_data(as_text=True).count("<li><code>") == recovery.HOW_MANY
    assert old.status_code == 422
    assert events(db) == ["recovery_used", "codes"]


def test_moving_to_another_app_keeps_the_old_one_until_the_new_one_is_confirmed(
    app: Flask, client: FlaskClient, db: Database, runtime: Runtime, clock: FixedClock
) -> None:
    editor = entered(client, db, guarded_editor(db, runtime))
    post(client, f"{PAGE}/begin", {"password": PASSWORD, "code": app_code()}, page=PAGE)
    secret = offered_secret(client)
    clock.advance(HALF_MINUTE)
    phone = app.test_client()
    give_password(phone, editor)

    by_old = give_code(phone, app_code(clock.now()))
    clock.advance(HALF_MINUTE)
    post(client, f"{PAGE}/confirm", {"code": totp.code(secret, totp.step_at(clock.now()))}, page=PAGE)
    clock.advance(HALF_MINUTE)
    other = app.test_client()
    give_password(other, editor)
    by_new = give_code(other, totp.code(secret, totp.step_at(clock.now())))

    assert (by_old.location, by_new.location) == ("/desk", "/desk")
    assert events(db) == ["replaced"]


def test_an_unlocked_desk_is_no_place_to_guess(client: FlaskClient, db: Database) -> None:
    entered(client, db, plain_editor(db))
    for _ in range(10):
        post(client, f"{PAGE}/begin", {"password": "x" * 2000}, page=PAGE)

    answer = post(client, f"{PAGE}/begin", {"password": PASSWORD}, page=PAGE)

    assert answer.status_code == 422
    assert "too many attempts" in answer.get_data(as_text=True)


def test_when_it_is_required_the_next_sign_in_leads_to_it_and_nowhere_else(
    app: Flask, client: FlaskClient, db: Database, runtime: Runtime, clock: FixedClock
) -> None:
    owner, colleague = guarded_editor(db, runtime), plain_editor(db, Role.EDITOR)
    entered(client, db, owner)
    writing, returning = app.test_client(), app.test_client()
    entered(writing, db, colleague)
    clock.advance(timedelta(minutes=1))

    post(client, "/desk/editors/second-factor", {"required": "1"})
    give_password(returning, colleague)
    led = {path: returning.get(path).location for path in ("/desk", "/desk/account", "/desk/issues")}
    script = returning.get("/desk/readers", headers={"Accept": "application/json"})
    shown = returning.get(PAGE).get_data(as_text=True)
    undisturbed = writing.get("/desk").status_code
    _, answer = set_up(returning, now=clock)

    assert undisturbed == 200
    assert led == dict.fromkeys(led, PAGE)
    assert script.status_code == 403
    assert "everybody signs in with a second step" in shown
    assert answer.status_code == 200
    assert returning.get("/desk").status_code == 200
    assert "editor.factor_required" in audited(db)


def test_who_must_set_it_up_can_sign_out(client: FlaskClient, db: Database, runtime: Runtime) -> None:
    with db.transaction() as session:
        owner = session.get_one(Editor, guarded_editor(db, runtime).id)
        house.require_factor(session, is_required=True, actor=owner, now=NOW)
    signed_in(client, db)

    answer = post(client, "/desk/sign-out", page=PAGE)

    assert answer.location == "/desk/sign-in"


def test_what_is_required_is_not_turned_off_and_can_be_left_to_each_again(
    client: FlaskClient, db: Database, runtime: Runtime, clock: FixedClock
) -> None:
    editor = entered(client, db, guarded_editor(db, runtime))
    post(client, "/desk/editors/second-factor", {"required": "1"})

    refused = post(client, f"{PAGE}/off", {"password": PASSWORD, "code": app_code()}, page=PAGE)
    still_on = has_factor(db, editor)
    post(client, "/desk/editors/second-factor")
    post(client, f"{PAGE}/off", {"password": PASSWORD, "code": app_code()}, page=PAGE)

    assert refused.location == PAGE
    assert (still_on, has_factor(db, editor)) == (True, False)
    assert "editor.factor_left_to_each" in audited(db)


def test_only_an_owner_who_has_one_requires_it(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)

    answer = post(client, "/desk/editors/second-factor", {"required": "1"}, follow_redirects=True)

    assert "for yourself first" in answer.get_data(as_text=True)
    with db.reading() as session:
        assert house.factor_required_at(session) is None


def test_an_owner_sees_who_has_it_and_resets_a_colleague_s(
    app: Flask, client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    signed_in(client, db)
    colleague = app.test_client()
    editor = entered(colleague, db, guarded_editor(db, runtime, Role.EDITOR))
    path = f"/desk/editors/{editor.id}/second-factor/reset"
    seen = client.get("/desk/editors").get_data(as_text=True)

    post(client, path)

    assert path in seen
    assert path not in client.get("/desk/editors").get_data(as_text=True)
    assert colleague.get("/desk").status_code == 303
    assert give_password(colleague, editor).location == "/desk"
    assert (events(db), "editor.factor_reset" in audited(db)) == (["reset"], True)


def test_nobody_resets_their_own(client: FlaskClient, db: Database, runtime: Runtime) -> None:
    owner = entered(client, db, guarded_editor(db, runtime))

    post(client, f"/desk/editors/{owner.id}/second-factor/reset")

    assert has_factor(db, owner)


def test_every_page_of_it_speaks_ukrainian(
    app: Flask, db: Database, runtime: Runtime, clock: FixedClock
) -> None:
    client = browser(app, ASKED)
    editor = entered(client, db, plain_editor(db))
    post(client, f"{PAGE}/begin", {"password": PASSWORD}, page=PAGE)
    pages = [client.get(PAGE)]
    secret = offered_secret(client)
    wrong, right = wrong_code(secret), totp.code(secret, totp.step_at(NOW))

    pages += [post(client, f"{PAGE}/confirm", {"code": code}, page=PAGE) for code in (wrong, right)]
    pages += [client.get(path) for path in (PAGE, "/desk/account", "/desk/editors")]
    client.delete_cookie("desk")
    give_password(client, editor)
    pages += [give_code(client, wrong), client.get("/desk/sign-in/code?recovery=1")]
    pages += [give_code(client, RECOVERY[0], is_recovery=True)]

    said = [english_words(answer.get_data(as_text=True), language="uk", but=NAMES) for answer in pages]
    assert [answer.status_code for answer in pages] == [200, 422, 200, 200, 200, 200, 422, 200, 422]
    assert said == [[]] * len(pages)


@pytest.mark.parametrize("language", ["en", "uk"])
def test_every_mail_about_it_has_words_of_its_own(language: str) -> None:
    templates = MailTemplates(newsroom="N & N", public_url="https://x.example")
    facts = {"newsroom": "N & N", "left": 2, "url": "https://x.example/a"}
    events = ("on", "replaced", "off", "codes", "reset", "recovery_used", "guessed")
    told = [(event, "") for event in events] + [("reset", "<b>Ada")]

    mails = [
        templates.render("second_factor", language=language, params={**facts, "event": event, "by": by})
        for event, by in told
    ]

    assert len({mail.text for mail in mails}) == len(told)
    assert all("N & N" in mail.subject for mail in mails)
    assert "<b>Ada" in mails[-1].text
    assert "<b>Ada" not in mails[-1].html


def test_an_operator_resets_it_from_the_shell(db: Database, runtime: Runtime) -> None:
    owner = guarded_editor(db, runtime)
    before = lines(runtime)

    was_on, again = take_factor(runtime, owner.email), take_factor(runtime, owner.email)

    assert before == [f"{owner.email}  owner  can sign in  second factor"]
    assert lines(runtime) == [f"{owner.email}  owner  can sign in  password alone"]
    assert (was_on, again, events(db)) == (True, False, ["reset"])
    with pytest.raises(NoSuchEditor):
        take_factor(runtime, "nobody@newsroom.example")

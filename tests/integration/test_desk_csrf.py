"""No form of the whole application works without its token, outside a list written by hand."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from newsletters.kernel.db import Database
from newsletters.subscribers.models import Subscriber
from tests.desk import PASSWORD, csrf_token, make_editor_with_password, signed_in
from tests.factories import make_newsletter
from tests.routes import READING, all_routes

# Embedded forms stand on other sites and carry no cookie.
EMBEDDED = {"embed.embed_subscribe", "embed.embed_code", "embed.embed_again", "embed.embed_shown"}
# The token in the address is the credential, as in a mail program's one-click post (RFC 8058).
BY_TOKEN = {
    "public.unsubscribe_now",
    "public.leave_all",
    "public.pause_instead",
    "public.end_pause",
    "public.undo",
    "public.tell_why",
    "public.confirm_now",
    "public.confirm_opened",
    "public.send_new_link",
    "public.change_address",
}
# Mail providers prove themselves by a signature or a secret of their own.
PROVIDERS = {
    "webhooks.ses_events",
    "webhooks.postmark_events",
    "webhooks.mailgun_events",
    "webhooks.sendgrid_events",
}
# The form checks its own token, so that a stale page comes back with what was typed.
CHECKED_BY_FORM = {"public.front", "public.newsletter"}
# Whoever posts it, it changes nothing.
ONLY_READS = {"public.genuine_answer"}
EXEMPT = EMBEDDED | BY_TOKEN | CHECKED_BY_FORM | PROVIDERS | ONLY_READS


def test_every_post_without_a_token_fails(app: Flask, client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    posts = [route for route in all_routes(app) if route.method not in READING]

    passed = {
        route.endpoint
        for route in posts
        if client.open(route.path, method=route.method, data={"x": "y"}).status_code != 400
    }

    assert len(posts) > 40
    assert passed <= EXEMPT


def test_the_list_of_exceptions_is_the_one_that_was_agreed(app: Flask) -> None:
    csrf = app.extensions["csrf"]
    names = {f"{view.__module__}.{view.__name__}": endpoint for endpoint, view in app.view_functions.items()}

    assert {names[view] for view in csrf._exempt_views} == EXEMPT
    assert csrf._exempt_blueprints == set()


def test_what_needs_no_csrf_token_has_one_in_its_address(app: Flask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint in BY_TOKEN]

    assert len(rules) >= len(BY_TOKEN)
    assert [rule for rule in rules if "token" not in rule.arguments] == []


@pytest.mark.parametrize("path", ["/", "/newsletters/x"])
def test_a_form_that_checks_its_own_token_does_nothing_without_it(
    client: FlaskClient, db: Database, path: str
) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="x")

    answer = client.post(path, data={"email": "reader@readers.example", "newsletter": "x"})

    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0
    assert answer.status_code != 303


def test_a_token_of_another_browser_is_worth_nothing(app: Flask, client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    theirs = csrf_token(app.test_client(), "/desk/sign-in")

    answer = client.post("/desk/account/name", data={"csrf_token": theirs, "name": "Mallory"})

    assert answer.status_code == 400


def test_signing_in_makes_the_token_before_it_worthless(client: FlaskClient, db: Database) -> None:
    from_before = csrf_token(client, "/desk/sign-in")
    editor, _ = make_editor_with_password(db)
    form = {"csrf_token": from_before, "email": editor.email, "password": PASSWORD}
    assert client.post("/desk/sign-in", data=form).status_code == 303

    answer = client.post("/desk/account/name", data={"csrf_token": from_before, "name": "Mallory"})

    assert answer.status_code == 400

"""Who gets in where: every route of the desk for every role, made from the routes themselves.

The tables below are written by hand on purpose: a new route is for editors unless it is named here.
"""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from newsletters.accounts.models import Role
from newsletters.kernel.db import Database
from newsletters.web.admin.access import MARK
from tests.desk import csrf_token, signed_in
from tests.factories import make_editor, make_newsletter, make_subscriber
from tests.routes import Route, all_routes

FOR_EVERYBODY = {
    "desk.sign_in",
    "desk.enter",
    "desk.forgotten",
    "desk.ask_for_reset",
    "desk.choose_password",
    "desk.set_password",
    "desk.invitation",
    "desk.accept_invitation",
    "desk.second_step",
    "desk.take_code",
}
FOR_OWNERS = {
    "desk.editors",
    "desk.invite",
    "desk.withdraw_invitation",
    "desk.change_role",
    "desk.disable_editor",
    "desk.enable_editor",
    "desk.require_second_factor",
    "desk.reset_second_factor",
    "desk.audit",
    "desk.release",
    "desk.servers",
    "desk.try_server",
    "desk.try_provider",
    "desk.workers",
    "desk.new_newsletter",
    "desk.create_newsletter",
    "desk.edit_newsletter",
    "desk.save_newsletter",
    "desk.upload_logo",
    "desk.remove_logo",
    "desk.add_wording",
    "desk.preview_form",
    "desk.preview_confirmation_mail",
    "desk.retire_newsletter",
    "desk.restore_newsletter",
    "desk.export_page",
    "desk.export_readers",
    "desk.export_reader",
    "desk.erase_reader",
    "desk.issue_readers_csv",
}


@pytest.fixture(autouse=True)
def rows(db: Database) -> None:
    """What number 1 in a path means."""
    with db.transaction() as session:
        make_editor(session)
        make_newsletter(session)
        make_subscriber(session)


@pytest.fixture
def routes(app: Flask) -> list[Route]:
    return [route for route in all_routes(app) if route.is_desk]


class Visitor:
    """Somebody who walks through the desk in one browser."""

    def __init__(self, app: Flask, db: Database, role: Role | None) -> None:
        self.client = app.test_client()
        if role is not None:
            signed_in(self.client, db, role)
        self.token = csrf_token(self.client, "/desk/account" if role else "/desk/sign-in")

    def ask(self, route: Route) -> TestResponse:
        """Follow ``route``, with a CSRF token where it posts."""
        if route.method == "GET":
            return self.client.get(route.path)
        return self.client.open(route.path, method=route.method, data={"csrf_token": self.token})


def is_shut(answer: TestResponse) -> bool:
    """Whether the view was not reached."""
    return answer.status_code in (401, 403) or "/desk/sign-in" in (answer.location or "")


def is_wrong(answer: TestResponse) -> bool:
    """Whether the view was not reached, or broke."""
    return is_shut(answer) or answer.status_code >= 500


def is_sent_to_sign_in(answer: TestResponse) -> bool:
    return answer.status_code == 303 and (answer.location or "").startswith("/desk/sign-in")


def test_every_table_names_routes_that_exist(routes: list[Route]) -> None:
    names = {route.endpoint for route in routes}

    assert names >= FOR_EVERYBODY | FOR_OWNERS


def test_every_route_of_the_desk_says_whom_it_is_for(app: Flask, routes: list[Route]) -> None:
    unmarked = [route for route in routes if not hasattr(app.view_functions[route.endpoint], MARK)]

    assert unmarked == []


def test_nobody_gets_anywhere_without_signing_in(app: Flask, db: Database, routes: list[Route]) -> None:
    closed = [route for route in routes if route.endpoint not in FOR_EVERYBODY]
    visitor = Visitor(app, db, None)

    open_to_anybody = [route for route in closed if not is_sent_to_sign_in(visitor.ask(route))]

    assert len(closed) > 30
    assert open_to_anybody == []


def test_the_ways_in_are_open_to_everybody(app: Flask, db: Database, routes: list[Route]) -> None:
    ways_in = [route for route in routes if route.endpoint in FOR_EVERYBODY]
    visitor = Visitor(app, db, None)

    shut = [route for route in ways_in if visitor.ask(route).status_code in (401, 403)]

    assert shut == []


def test_an_editor_reaches_everything_but_the_owners_rooms(
    app: Flask, db: Database, routes: list[Route]
) -> None:
    theirs = [route for route in routes if route.endpoint not in FOR_OWNERS | {"desk.sign_out"}]
    editor = Visitor(app, db, Role.EDITOR)

    shut = [route for route in theirs if is_wrong(editor.ask(route))]

    assert shut == []


def test_an_editor_is_refused_in_every_room_of_the_owners(
    app: Flask, db: Database, routes: list[Route]
) -> None:
    owners = [route for route in routes if route.endpoint in FOR_OWNERS]
    editor = Visitor(app, db, Role.EDITOR)

    entered = [route for route in owners if editor.ask(route).status_code != 403]

    assert len(owners) == len(FOR_OWNERS)
    assert entered == []


def test_an_owner_reaches_everything(app: Flask, db: Database, routes: list[Route]) -> None:
    theirs = [route for route in routes if route.endpoint != "desk.sign_out"]
    owner = Visitor(app, db, Role.OWNER)

    shut = [route for route in theirs if is_wrong(owner.ask(route))]

    assert shut == []


@pytest.mark.parametrize("ending", ["/", "//", "/.", "%2f", "%00", ";x", "/..;/"])
def test_another_ending_of_a_path_opens_nothing(app: Flask, routes: list[Route], ending: str) -> None:
    closed = [r for r in routes if r.endpoint not in FOR_EVERYBODY and r.method == "GET"]

    answers = {route.path: app.test_client().get(route.path + ending) for route in closed}

    opened = [path for path, answer in answers.items() if answer.status_code == 200]
    assert opened == []


@pytest.mark.parametrize("beginning", ["//desk", "/DESK", "/desk//", "/./desk", "/%64esk", "/x/../desk"])
def test_another_beginning_of_a_path_opens_nothing(app: Flask, routes: list[Route], beginning: str) -> None:
    closed = [r for r in routes if r.endpoint not in FOR_EVERYBODY and r.method == "GET"]

    answers = {
        route.path: app.test_client().get(route.path.replace("/desk", beginning, 1)) for route in closed
    }

    opened = [path for path, answer in answers.items() if answer.status_code == 200]
    assert opened == []


def test_a_view_that_says_nothing_is_closed_to_owners_too(
    app: Flask, client: FlaskClient, db: Database
) -> None:
    app.add_url_rule("/desk/forgotten-mark", "desk.forgotten_mark", lambda: "secret")
    signed_in(client, db, Role.OWNER)

    answer = client.get("/desk/forgotten-mark")

    assert answer.status_code == 403
    assert "secret" not in answer.get_data(as_text=True)


def test_a_script_without_a_session_gets_the_bare_truth(client: FlaskClient) -> None:
    answer = client.get("/desk/readers", headers={"Accept": "application/json"})

    assert answer.status_code == 401


def test_what_is_on_the_desk_stays_out_of_caches(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)

    assert client.get("/desk/readers").headers["Cache-Control"] == "no-store"
    assert client.get("/desk/sign-in").headers["Cache-Control"] == "no-store"

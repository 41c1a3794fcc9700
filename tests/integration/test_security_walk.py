"""What holds for every address of the application, taken from its own map."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config import Config
from newsletters.app import create_app
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.runtime import build
from tests.factories import make_newsletter
from tests.readers import sign_up
from tests.routes import all_routes

HOST = "https://news.example"


@pytest.fixture
def https(config: Config, clock: FixedClock) -> Iterator[FlaskClient]:
    """A browser of a newsroom that runs on HTTPS."""
    secure = replace(config, public_url=HOST)
    runtime = build(secure, clock=clock)
    with runtime.db.transaction() as session:
        make_newsletter(session, slug="x")
    client = create_app(secure, runtime=runtime).test_client()
    client.environ_base.update({"wsgi.url_scheme": "https", "HTTP_HOST": "news.example"})
    yield client
    runtime.close()


def test_every_cookie_is_bound_to_its_host_and_hidden_from_scripts(https: FlaskClient) -> None:
    routes = [route for route in all_routes(https.application) if route.method == "GET"]

    set_anywhere = {
        cookie
        for route in routes
        for cookie in https.get(f"{route.path}?lang=uk", buffered=True).headers.getlist("Set-Cookie")
    }

    assert {cookie.partition("=")[0] for cookie in set_anywhere} == {"__Host-session", "__Host-language"}
    for cookie in set_anywhere:
        assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
        assert "Domain=" not in cookie
        assert len(cookie) < 4096


def test_a_language_chosen_over_https_is_remembered(https: FlaskClient) -> None:
    https.get("/?lang=uk")

    assert '<html lang="uk"' in https.get("/").get_data(as_text=True)


def test_every_answer_has_all_headers_of_the_house(https: FlaskClient) -> None:
    for route in all_routes(https.application):
        headers = https.open(route.path, method=route.method, buffered=True).headers
        assert headers["X-Content-Type-Options"] == "nosniff", str(route)
        assert "includeSubDomains" in headers["Strict-Transport-Security"], str(route)
        assert headers["Referrer-Policy"] in ("same-origin", "no-referrer"), str(route)
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin", str(route)
        assert (
            "frame-ancestors" in headers["Content-Security-Policy"]
            or "sandbox" in (headers["Content-Security-Policy"])
        ), str(route)


def test_every_text_says_its_letters(https: FlaskClient) -> None:
    for route in all_routes(https.application):
        kind = https.open(route.path, method=route.method, buffered=True).headers.get("Content-Type", "")
        assert not kind.startswith("text/") or "charset=utf-8" in kind.lower(), str(route)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "PROPFIND", "X"])
def test_a_method_nobody_asked_for_is_refused(client: FlaskClient, method: str) -> None:
    for path in ("/", "/preferences", "/desk", "/embed/subscribe", "/healthz"):
        assert client.open(path, method=method).status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/css/",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/.git/config",
        "/.env",
        "/config.py",
        "/var/newsletters.sqlite3",
        "/media/..%2f..%2fconfig.py",
        "/metrics",
        "/debug",
        "/console",
    ],
)
def test_no_folder_is_listed_and_no_file_of_ours_is_served(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 404


def test_a_body_of_json_is_no_form(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="x")

    for path in ("/", "/newsletters/x", "/genuine", "/embed/subscribe"):
        for body in ("[" * 5000, "5", '{"email": ["a"]}', "null"):
            answer = client.post(path, data=body, content_type="application/json")
            assert answer.status_code in (400, 422)


def test_the_last_of_two_equal_fields_does_not_slip_past_the_first(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="x")

    answer = sign_up(client, email="no address", newsletters=["x"], page="/newsletters/x?email=a@b.example")

    assert answer.status_code == 422


def test_debugging_is_off(app: Flask) -> None:
    assert not app.debug
    assert not app.config["PROPAGATE_EXCEPTIONS"]

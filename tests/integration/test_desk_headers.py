"""What every answer of the application tells the browser not to do."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config import Config
from newsletters.app import create_app
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.runtime import build
from tests.desk import PASSWORD, make_editor_with_password, post, signed_in
from tests.factories import make_newsletter, make_subscriber
from tests.routes import Route, all_routes

FRAMED = {
    "desk.preview_form",
    "desk.preview_confirmation_mail",
    "desk.preview_mail",
    "desk.embedding_preview",
}


@pytest.fixture
def answers(app: Flask, client: FlaskClient, db: Database) -> dict[Route, dict[str, str]]:
    """The headers of everything that can be read, as an owner gets it."""
    signed_in(client, db)
    with db.transaction() as session:
        make_newsletter(session, slug="x")
        make_subscriber(session)
    routes = [route for route in all_routes(app) if route.method == "GET"]
    return {route: headers_of(client, route) for route in routes}


@pytest.fixture
def https(config: Config, clock: FixedClock) -> Iterator[FlaskClient]:
    """A browser of a newsroom that runs on HTTPS."""
    secure = Config(
        **{field: getattr(config, field) for field in Config.__slots__}
        | {"public_url": "https://news.example"}
    )
    runtime = build(secure, clock=clock)
    client = create_app(secure, runtime=runtime).test_client()
    client.environ_base["wsgi.url_scheme"] = "https"
    client.environ_base["HTTP_HOST"] = "news.example"
    yield client
    runtime.db.close()


def headers_of(client: FlaskClient, route: Route) -> dict[str, str]:
    with client.get(route.path) as answer:
        return dict(answer.headers)


def lacking(answers: dict[Route, dict[str, str]], header: str, *parts: str) -> list[str]:
    """The routes whose ``header`` is missing one of ``parts``."""
    return [
        str(route)
        for route, headers in answers.items()
        if not all(part in headers.get(header, "") for part in parts)
    ]


def test_no_page_runs_or_loads_what_is_not_ours(answers: dict[Route, dict[str, str]]) -> None:
    assert lacking(answers, "Content-Security-Policy", "default-src 'none'", "base-uri 'none'") == []
    loose = [r for r, h in answers.items() if "script-src 'unsafe" in h.get("Content-Security-Policy", "")]
    assert loose == []


def test_no_page_is_framed_by_others(answers: dict[Route, dict[str, str]]) -> None:
    pages = {route: headers for route, headers in answers.items() if route.endpoint not in FRAMED}

    assert lacking(pages, "Content-Security-Policy", "frame-ancestors 'none'") == []


def test_no_answer_is_guessed_to_be_something_else(answers: dict[Route, dict[str, str]]) -> None:
    assert lacking(answers, "X-Content-Type-Options", "nosniff") == []


def test_pages_with_a_token_in_their_address_tell_nobody_of_it(answers: dict[Route, dict[str, str]]) -> None:
    with_token = {route: headers for route, headers in answers.items() if "token" in route.arguments}

    assert len(with_token) >= 6
    assert lacking(with_token, "Referrer-Policy", "no-referrer") == []


@pytest.mark.parametrize(
    "path", ["/issues", "/issues/new", "/readers", "/readers/funnel", "/readers/leaving"]
)
def test_a_number_that_no_newsletter_can_have_breaks_no_page(
    client: FlaskClient, db: Database, path: str
) -> None:
    signed_in(client, db)

    assert client.get(f"/desk{path}?newsletter={2**63}").status_code == 200


def test_with_https_every_answer_asks_for_https(https: FlaskClient) -> None:
    for path in ("/", "/desk/sign-in", "/nowhere"):
        assert "max-age=31536000" in https.get(path).headers["Strict-Transport-Security"]


def test_with_https_every_cookie_of_the_desk_is_bound_to_the_host(https: FlaskClient, db: Database) -> None:
    editor, _ = make_editor_with_password(db)

    answer = post(
        https,
        "/desk/sign-in",
        {"email": editor.email, "password": PASSWORD},
        page="/desk/sign-in",
        headers={"Referer": "https://news.example/desk/sign-in"},
    )

    cookies = answer.headers.getlist("Set-Cookie")
    names = {cookie.partition("=")[0] for cookie in cookies}
    assert answer.status_code == 303
    assert names >= {"__Host-desk", "__Host-desk-browser"}
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
        assert "Domain=" not in cookie

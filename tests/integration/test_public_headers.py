"""What stands beside the readers' pages: a policy without exceptions, cookies; and the barest of clients."""

import socket
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from config import Config
from newsletters.app import create_app
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.runtime import Runtime, build
from newsletters.subscribers.models import SubscriptionState
from tests.browser.serving import serving
from tests.factories import make_newsletter, make_subscription
from tests.readers import EMAIL, embed_sign_up, sign_up, states

PAGES = ["/", "/newsletters/weekly", "/newsletters/weekly/archive", "/preferences", "/confirm/x", "/nowhere"]


@pytest.fixture(autouse=True)
def newsroom(db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="weekly")


@pytest.mark.parametrize(
    "path",
    [
        "/newsletters/a%00b",
        "/newsletters/weekly/issues/a%00b",
        "/newsletters/a%00b/feed.atom",
        "/media/a%00b.jpg",
        "/confirm/a%00b",
    ],
)
def test_an_address_with_nul_in_it_is_nowhere(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("fields", [{"issue": "a\0b"}, {"wording": ["1", "\0"]}, {"a\0b": "1"}])
def test_a_form_with_nul_in_it_is_no_form(client: FlaskClient, db: Database, fields: dict[str, Any]) -> None:
    answer = sign_up(client, newsletters=["weekly"], page="/newsletters/weekly", **fields)

    assert answer.status_code == 400
    assert states(db) == []


@pytest.mark.parametrize("path", PAGES)
def test_no_page_needs_what_the_policy_forbids(client: FlaskClient, path: str) -> None:
    page = client.get(path).get_data(as_text=True)

    assert " style=" not in page
    assert "<style" not in page
    assert " onclick=" not in page
    assert all(script.startswith(' type="module" src="/static/') for script in page.split("<script")[1:])


def test_over_https_the_cookies_are_bound_to_the_host(config: Config, clock: FixedClock) -> None:
    secure = replace(config, public_url="https://letters.example")
    runtime = build(secure, clock=clock)
    client = create_app(secure, runtime=runtime).test_client()

    page = client.get("/", base_url=secure.public_url).get_data(as_text=True)
    token = page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
    data = {"csrf_token": token, "email": EMAIL, "newsletter": "weekly"}
    answer = client.post("/", data=data, base_url=secure.public_url)
    runtime.db.close()

    cookies = {value.split("=")[0]: value for value in answer.headers.getlist("Set-Cookie")}
    assert set(cookies) == {"__Host-signup", "__Host-session"}
    for cookie in cookies.values():
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_looking_at_a_newsletter_sets_no_cookie_but_the_forms_own(client: FlaskClient) -> None:
    archive = client.get("/newsletters/weekly/archive")
    embedded = embed_sign_up(client, newsletters=["weekly"])

    assert "Set-Cookie" not in archive.headers
    assert "Set-Cookie" not in embedded.headers


def test_a_page_of_ours_cannot_be_asked_under_another_name(client: FlaskClient) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_one_click_from_a_bare_socket(app: Flask, db: Database, runtime: Runtime) -> None:
    with db.transaction() as session:
        number = make_subscription(session, make_newsletter(session)).id
    token = runtime.signer.sign(Purpose.UNSUBSCRIBE, number, 0)

    with serving(app) as address:
        host, port = urlsplit(address).hostname or "", urlsplit(address).port or 0
        with socket.create_connection((host, port)) as connection:
            body = b"List-Unsubscribe=One-Click"
            connection.sendall(
                f"POST /unsubscribe/{token} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
                f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
                "\r\n".encode()
                + body
            )
            answer = b"".join(iter(lambda: connection.recv(65536), b""))

    head = answer.partition(b"\r\n\r\n")[0]
    assert head.split()[1] == b"200"
    assert b"Set-Cookie" not in head
    assert states(db) == [SubscriptionState.UNSUBSCRIBED]

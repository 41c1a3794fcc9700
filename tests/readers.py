"""What a reader does over HTTP: sign up through a form, open what waits in the mailbox, press its button."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail
from newsletters.runtime import Runtime
from newsletters.subscribers.guard import CLIENT, Post, admit
from newsletters.subscribers.models import Subscription, SubscriptionState
from tests.desk import csrf_token
from tests.factories import make_newsletter
from tests.mailbox import take_all

EMAIL = "olena@readers.example"


@pytest.fixture
def newsroom(db: Database) -> None:
    """Two newsletters that anybody may join."""
    with db.transaction() as session:
        make_newsletter(session, slug="explaining-ukraine")
        make_newsletter(session, slug="morning-brief", name="Morning Brief")


def sign_up(
    client: FlaskClient,
    *,
    email: str = EMAIL,
    newsletters: Sequence[str] = ("explaining-ukraine",),
    page: str = "/",
    **fields: Any,
) -> TestResponse:
    """Send the form of ``page`` as a browser would."""
    data = {"csrf_token": csrf_token(client, page), "email": email, "newsletter": list(newsletters)}
    return post_form(client, page, data={**data, **fields})


def embed_sign_up(
    client: FlaskClient,
    *,
    email: str = EMAIL,
    newsletters: Sequence[str] = ("explaining-ukraine",),
    json: bool = False,
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> TestResponse:
    """Send an embedded form, by the browser itself or by embed.js."""
    sent = {"Origin": "https://newsroom.example", **(headers or {})}
    if json:
        sent["Accept"] = "application/json"
    data = {"email": email, "newsletter": list(newsletters), **fields}
    return post_form(client, "/embed/subscribe", data=data, headers=sent)


def post_form(client: FlaskClient, path: str, **sent: Any) -> TestResponse:
    """Post, and let what was posted be taken, as a worker does moments later."""
    answer = client.post(path, **sent)
    runtime = client.application.extensions["newsletters"]
    with runtime.db.transaction() as session:
        take_all(session, runtime)
    return answer


def use_up_posts(runtime: Runtime, *, but: int = 0) -> None:
    """Post from the test client's address as often as one client may in an hour, but for ``but`` posts."""
    with runtime.db.transaction() as session:
        for _ in range(CLIENT.most - but):
            admit(session, Post("127.0.0.1", is_proven=True), means=runtime, now=runtime.clock.now())


def mails(db: Database, kind: str) -> list[OutboxMail]:
    """What waits to be sent, oldest first."""
    with db.reading() as session:
        return list(
            session.scalars(select(OutboxMail).where(OutboxMail.kind == kind).order_by(OutboxMail.id))
        )


def mailed_path(db: Database, kind: str, name: str) -> str:
    """The path of the link called ``name`` in the newest mail of a kind."""
    return urlsplit(mails(db, kind)[-1].params[name]).path


def states(db: Database) -> list[SubscriptionState]:
    """Where every subscription stands, oldest first."""
    with db.reading() as session:
        return list(session.scalars(select(Subscription.state).order_by(Subscription.id)))


def press(client: FlaskClient, path: str) -> TestResponse:
    """Press the button of a page that a token opens: without a cookie, a CSRF token or anything else."""
    return client.post(path)

"""Whatever is sent to any address of the application: never a 500, and an answer that can be read.

The addresses are taken from the application itself, so a new one is attacked from its first day. Each example
is one attack on all of them: most of its form is what a reader would send, and something in it is put wrong.
"""

import json
import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from werkzeug.test import TestResponse

from newsletters.accounts.models import Role
from newsletters.kernel.limits import RateWindow
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import IssueState, Newsletter
from newsletters.publishing.signatures import sign_missing
from newsletters.runtime import Runtime
from newsletters.subscribers.mails import preferences_token
from newsletters.subscribers.models import AddressChange, Confirmation
from tests.conftest import NOW
from tests.desk import csrf_token, sign_in_as
from tests.factories import make_editor, make_issue, make_newsletter, make_subscriber, make_subscription
from tests.routes import Route, all_routes

SPOOFED = "spoofed.example"
LATER = NOW + timedelta(days=1)
TOKEN_FOR = {
    "/confirm/": Purpose.CONFIRM,
    "/c/": Purpose.CANARY,
    "/unsubscribe/": Purpose.UNSUBSCRIBE,
    "/change-address/": Purpose.CHANGE_ADDRESS,
    "/preferences/": Purpose.PREFERENCES,
    "/welcome/": Purpose.PREFERENCES,
}
SENSIBLE: dict[str, str] = {
    "email": "olena@readers.example",
    "newsletter": "weekly",
    "name": "Олена",
    "language": "uk",
    "code": "123456",
    "request": "1",
    "wording": "1",
    "form": "article",
    "page": "https://newsroom.example/article",
    "campaign": "utm_source=front",
    "started": "x",
    "homepage": "",
    "issue": "one",
    "from": "welcome",
    "sure": "y",
    "reason": "too_many",
    "words": "Enough.",
    "until": "2026-04-01",
    "weekly-until": "2026-04-01",
    "link": "http://localhost/newsletters/weekly/issues/one",
    "subject": "Issue one",
    "date": "2026-03-02",
    "List-Unsubscribe": "One-Click",
    "altcha": "e30=",
    "ticket": "x",
    "saved": "1",
    "lang": "uk",
    "after": "MQ",
    "v": "1",
}
EVIL = st.sampled_from(
    [
        "",
        " ",
        "\x00",
        "a\x00b",
        "a\r\nBcc: victim@readers.example",
        "\u2028\u202e\ufeff",
        "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
        "😀" * 300,
        "a" * 100_000,
        "{{7*7}}",
        "<script>alert(1)</script>",
        "' OR 1=1 --",
        "=cmd|'/c calc'!A1",
        "../../etc/passwd",
        "https://evil.example\\@localhost/",
        "https://[::1",
        "http://\uff0f\uff0e:99999999",
        "xn--a",
        "९९९९९९",
        "²",
        "-1",
        "9" * 400,
        "1e309",
        "NaN",
        "0000-00-00",
        "9999-12-31",
        "0001-01-01",
        "null",
        "[]",
        "e30=" * 50,
        f"{'a' * 65}@readers.example",
        f"a@{'b' * 64}.example",
        '"a b"@readers.example',
        "a@[127.0.0.1]",
        "а@пошта.укр",
        "a@b@c",
    ]
)
VALUES = EVIL | st.text(max_size=20)
SEGMENTS = st.sampled_from(
    [
        "x",
        "%ff%fe",
        "%00",
        "%2e%2e%2f",
        "%E2%80%AE",
        "a" * 3000,
        "%0d%0aX-Evil:1",
        "-1",
        "9" * 40,
        "%25",
        "~",
        "a.b.c",
    ]
)
TYPES = st.sampled_from(
    [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-7",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "application/json",
        "text/plain",
        "\x80/;;;=",
        "",
    ]
)
HEADERS: dict[str, list[str]] = {
    "X-Forwarded-For": ["203.0.113.9", "' OR 1", "::1, unknown, 999.1.1.1", ",,,", "a" * 5000],
    "X-Forwarded-Host": [SPOOFED],
    "X-Forwarded-Proto": ["javascript"],
    "Forwarded": [f"for=_x;host={SPOOFED}"],
    "Origin": ["null", "https://evil.example", "://", "https://[", "\xff"],
    "Referer": ["https://evil.example/x", "http://[::1", "\xff\xfe"],
    "Accept": ["application/json", "*/*;q=x", ";", "text/html;level=9999"],
    "Accept-Language": ["uk", "*", "xx-" + "y" * 200, ";q=", "en;q=nan"],
    "Cookie": ["session=x; signup=y; language=zz; desk=%ff", "=;=;", "session=" + "A" * 4000],
    "If-None-Match": ['"', "*", "W/"],
    "If-Modified-Since": ["yesterday", "Mon, 99 Foo 99999 99:99:99 GMT"],
    "Range": ["bytes=-1", "bytes=9-1", "lines=1"],
    "Authorization": ["Basic !!!", "Basic ////", "Bearer \xff"],
    "X-Requested-With": ["fetch"],
    "Content-Encoding": ["gzip"],
    "Transfer-Encoding": ["chunked, chunked"],
}


@dataclass(frozen=True)
class Attack:
    """One thing put wrong, or several."""

    segment: str | None
    wrong: dict[str, str]
    missing: frozenset[str]
    headers: dict[str, str]
    content_type: str | None
    raw: bytes | None
    host: str | None
    length: int | None
    twice: bool

    def body(self, fields: dict[str, str]) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.content_type == "application/json":
            return json.dumps({**fields, **self.wrong}).encode()
        kept = {name: value for name, value in fields.items() if name not in self.missing}
        return urlencode({**kept, **self.wrong}).encode()

    def query(self, route: Route) -> str:
        return urlencode({**SENSIBLE, **self.wrong})[:8000] if route.method == "GET" else ""

    def sent_headers(self) -> dict[str, str]:
        return {**({"Host": self.host} if self.host is not None else {}), **self.headers}


@st.composite
def attacks(draw: st.DrawFn) -> Attack:
    names = draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=3, unique=True))
    raw = st.sampled_from(
        [b"", b"\xff\xfe=%ff&%=&&==", b"{", b"[" * 5000, b"--x\r\n", b"a=" + b"%" * 999, b"&" * 9999]
    )
    return Attack(
        segment=draw(st.none() | st.none() | SEGMENTS),
        wrong=draw(
            st.dictionaries(st.sampled_from(sorted(SENSIBLE)) | st.text(max_size=5), VALUES, max_size=4)
        ),
        missing=draw(st.frozensets(st.sampled_from([*SENSIBLE, "csrf_token"]), max_size=2)),
        headers={name: draw(st.sampled_from(HEADERS[name])) for name in names},
        content_type=draw(st.none() | TYPES),
        raw=draw(st.none() | st.none() | st.none() | st.none() | raw),
        host=draw(st.sampled_from([*[None] * 9, SPOOFED, "localhost:99999", f"localhost@{SPOOFED}"])),
        length=draw(st.sampled_from([*[None] * 9, 10**13])),
        twice=draw(st.booleans()),
    )


ONE_BY_ONE = settings(
    max_examples=10,
    derandomize=True,  # the same attacks in every run: what is found is found by whoever broke it
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)


@pytest.fixture
def newsroom(app: Flask, runtime: Runtime, quiet: None) -> Flask:
    with runtime.db.transaction() as session:
        weekly = make_newsletter(session, slug="weekly")
        make_issue(
            session,
            weekly,
            slug="one",
            state=IssueState.SENT,
            content_hash="0" * 64,
            started_at=NOW,
            sent_at=NOW,
        )
        make_issue(session, weekly)
        sign_missing(session, notary=runtime, now=NOW)
    return app


@ONE_BY_ONE
@given(attack=attacks())
def test_nothing_a_stranger_sends_breaks_a_public_page(
    newsroom: Flask, runtime: Runtime, attack: Attack
) -> None:
    client = newsroom.test_client()
    csrf = csrf_token(client, "/preferences")

    answers = [
        (route, answer)
        for route in all_routes(newsroom)
        if not route.is_desk
        for answer in send(client, route, attack, csrf=csrf)
    ]

    assert [f"{route}: {answer.status}" for route, answer in answers if not is_calm(answer)] == []


@settings(ONE_BY_ONE, max_examples=2)
@given(attack=attacks())
def test_nothing_an_editor_sends_breaks_the_desk(newsroom: Flask, runtime: Runtime, attack: Attack) -> None:
    client = newsroom.test_client()
    csrf = signed_in_anew(client, runtime)
    broken = []

    for route in all_routes(newsroom):
        answers = send(client, route, attack, csrf=csrf) if route.is_desk else []
        broken += [f"{route}: {answer.status}" for answer in answers if not is_calm(answer)]
        if any("/desk/sign-in" in answer.headers.get("Location", "") for answer in answers):
            csrf = signed_in_anew(client, runtime)

    assert broken == []


def signed_in_anew(client: FlaskClient, runtime: Runtime) -> str:
    """Give the browser the session of a new owner, and say its CSRF token."""
    with runtime.db.transaction() as session:
        sign_in_as(client, session, make_editor(session, role=Role.OWNER))
    return csrf_token(client, "/desk/account")


def fresh_token(runtime: Runtime, path: str) -> str:
    """Forget all limits, make a reader with everything a link can open, and say the token for a path."""
    purpose = next((kind for start, kind in TOKEN_FOR.items() if path.startswith(start)), Purpose.PREFERENCES)
    with runtime.db.transaction() as session:
        session.execute(delete(RateWindow))
        reader = make_subscriber(session)
        weekly = session.scalars(select(Newsletter).where(Newsletter.slug == "weekly")).one()
        subscription = make_subscription(session, weekly, reader)
        asked = Confirmation(
            subscriber_id=reader.id, email=reader.email, code_hash="", created_at=NOW, expires_at=LATER
        )
        moved = {"email": "new@x.example", "email_key": "new@x.example", "created_at": NOW}
        change = AddressChange(subscriber_id=reader.id, expires_at=LATER, **moved)
        session.add_all([asked, change])
        session.flush()
        if purpose is Purpose.PREFERENCES:
            return preferences_token(runtime, reader, now=NOW)
        rows = {
            Purpose.CONFIRM: (asked.id,),
            Purpose.CANARY: (asked.id,),
            Purpose.UNSUBSCRIBE: (subscription.id, 0),
            Purpose.CHANGE_ADDRESS: (change.id,),
        }
    return runtime.signer.sign(purpose, *rows[purpose], expires_at=LATER)


def send(client: FlaskClient, route: Route, attack: Attack, *, csrf: str) -> list[TestResponse]:
    """The attack on one address, once or twice."""
    runtime: Runtime = client.application.extensions["newsletters"]
    good = {"slug": "weekly", "issue_slug": "one"}
    if "token" in route.arguments:
        good["token"] = fresh_token(runtime, route.path)
    path = route.path
    for name in names_in_order(client.application, route):
        path = path.replace("/x", f"/{attack.segment or good.get(name, 'x')}", 1)
    data = None if route.method == "GET" else attack.body({**SENSIBLE, "csrf_token": csrf})
    headers = attack.sent_headers()
    if attack.length is not None and data is not None:
        headers["Content-Length"] = str(attack.length)
    sent: dict[str, Any] = {
        "method": route.method,
        "query_string": attack.query(route),
        "headers": headers,
        "data": data,
        "content_type": None if data is None else attack.content_type or "application/x-www-form-urlencoded",
    }
    return [client.open(path, buffered=True, **sent) for _ in range(1 + attack.twice)]


def names_in_order(app: Flask, route: Route) -> list[str]:
    """The words of a route's address, as they follow each other in it."""
    rules = [rule for rule in app.url_map.iter_rules(route.endpoint) if rule.arguments == route.arguments]
    return [name for name in re.findall(r"<(?:[^<>:]+:)?(\w+)>", rules[0].rule) if name in route.arguments]


def is_calm(answer: TestResponse) -> bool:
    """Not a 500, in UTF-8, a page or data as it says, and nothing of a host that is not ours."""
    if answer.status_code >= 500 or SPOOFED in str(answer.headers):
        return False
    is_text = (answer.mimetype or "").startswith(("text/", "application/json"))
    text = answer.get_data().decode() if is_text else ""
    if answer.mimetype == "application/json":
        json.loads(text)
    if answer.mimetype == "text/html" and answer.status_code >= 400 and "<h1" not in text:
        return False
    return SPOOFED not in text

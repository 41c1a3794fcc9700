"""Whatever is posted to the webhooks, forged or genuine, they answer calmly and lose nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from config import Config
from newsletters.api import webhooks
from newsletters.api.amazon import Amazon
from newsletters.app import create_app
from newsletters.bounces.providers.mailgun import read_mailgun
from newsletters.bounces.providers.models import WebhookToken
from newsletters.bounces.providers.postmark import read_postmark
from newsletters.bounces.providers.report import Report, Unreadable, moment
from newsletters.bounces.providers.sendgrid import read_sendgrid
from newsletters.bounces.providers.ses import read_ses
from newsletters.bounces.quarantined import QuarantinedMail
from newsletters.kernel.clock import FixedClock
from newsletters.runtime import Runtime, build
from tests import providers
from tests.conftest import NOW, fresh_database
from tests.providers import MAILGUN_KEY, POSTMARK_LOGIN, TOPIC, SendGrid, Sns, basic, mailgun_body

SNS, SENDGRID = Sns(), SendGrid()
WORDS = st.sampled_from(
    [
        "event", "failed", "complained", "bounce", "dropped", "spamreport", "Bounce", "Complaint",
        "RecordType", "HardBounce", "SpamComplaint", "Type", "ID", "Email", "email", "recipient",
        "severity", "permanent", "sg_event_id", "smtp-id", "notificationType", "bouncedRecipients",
        "complainedRecipients", "feedbackId", "emailAddress", "mail", "source", "commonHeaders",
        "messageId", "delivery-status", "code", "message", "headers", "message-id", "timestamp", "at",
        "id", "reason", "status", "5.1.1", "reader@readers.example", "<issue.1.1@newsroom.example>",
        "<issue.99999999999999999999.1@newsroom.example>", "\x00", "\ud800",
    ]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(WORDS | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=25,
)
EVENTS: list[dict[str, Any]] = [
    providers.ses_bounce("reader@readers.example"),
    providers.ses_complaint("reader@readers.example"),
    providers.mailgun_failure("reader@readers.example"),
    providers.postmark_bounce("reader@readers.example"),
    providers.sendgrid_bounce("reader@readers.example"),
]


@st.composite
def nearly(draw: st.DrawFn) -> Any:
    """A real event with something in it put wrong, at any depth."""
    event = json.loads(json.dumps(draw(st.sampled_from(EVENTS))))
    for _ in range(draw(st.integers(1, 3))):
        place = event
        while True:
            name = draw(st.sampled_from(sorted(place)))
            inner = place[name]
            if isinstance(inner, dict) and inner and draw(st.booleans()):
                place = inner
                continue
            place[name] = draw(JSON)
            break
    return event


ANYTHING = JSON | nearly()


@pytest.fixture(scope="module")
def runtime_for_all(migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """One database for every example: what they leave is counted, not compared."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    with fresh_database(migrated, folder) as url:
        config = Config.from_env(
            {
                "DATA_DIR": str(folder / "var"),
                "DATABASE_URL": url,
                "ENGINE_URL": "memory://",
                "SECRET_KEY": "k" * 40,
                "ADDRESS_HASH_KEY": "h" * 40,
                "PUBLIC_URL": "http://localhost",
                "WEBHOOK_SES_TOPICS": TOPIC,
                "WEBHOOK_POSTMARK_LOGIN": POSTMARK_LOGIN,
                "WEBHOOK_MAILGUN_KEY": MAILGUN_KEY,
                "WEBHOOK_SENDGRID_KEY": SENDGRID.public,
            }
        )
        runtime = build(config, clock=FixedClock(NOW))
        yield runtime
        runtime.db.close()


@pytest.fixture(scope="module")
def door(runtime_for_all: Runtime) -> Iterator[FlaskClient]:
    kept, webhooks.amazon = webhooks.amazon, Amazon(lambda _url: SNS.certificate)
    yield create_app(runtime_for_all.config, runtime=runtime_for_all).test_client()
    webhooks.amazon = kept


def _written(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "replace")


def _forget(runtime: Runtime) -> None:
    with runtime.db.transaction(durable=False) as session:
        session.execute(delete(WebhookToken))
        session.execute(delete(QuarantinedMail))


@given(
    raw=st.binary(max_size=300) | ANYTHING.map(_written), kind=st.sampled_from(["json", "form", "plain", ""])
)
@settings(max_examples=35)
def test_what_is_not_signed_is_refused(door: FlaskClient, raw: bytes, kind: str) -> None:
    types = {
        "json": "application/json",
        "form": "application/x-www-form-urlencoded",
        "plain": "text/plain",
        "": "",
    }

    statuses = {
        door.post(f"/webhooks/{name}", data=raw, content_type=types[kind]).status_code
        for name in ("ses", "postmark", "mailgun", "sendgrid")
    }

    assert statuses <= {400, 401}


@given(event=ANYTHING)
@settings(max_examples=35)
def test_what_is_signed_is_taken_or_set_aside(
    door: FlaskClient, runtime_for_all: Runtime, event: Any
) -> None:
    _forget(runtime_for_all)
    batch = _written([event, event])

    statuses = [
        door.post("/webhooks/ses", data=SNS.notification(_written(event).decode())).status_code,
        door.post("/webhooks/postmark", data=_written(event), headers=basic()).status_code,
        door.post("/webhooks/mailgun", data=mailgun_body(event)).status_code,
        door.post("/webhooks/sendgrid", data=batch, headers=SENDGRID.headers(batch)).status_code,
    ]

    assert statuses == [200, 200, 200, 200]


def test_a_report_that_nobody_can_place_is_always_kept(door: FlaskClient, runtime_for_all: Runtime) -> None:
    _forget(runtime_for_all)

    for number, event in enumerate(EVENTS[2:]):
        raw = _written([event] if "sg_event_id" in event else event)
        if "sg_event_id" in event:
            door.post("/webhooks/sendgrid", data=raw, headers=SENDGRID.headers(raw))
        elif "RecordType" in event:
            door.post("/webhooks/postmark", data=raw, headers=basic())
        else:
            door.post("/webhooks/mailgun", data=mailgun_body(event, token=str(number)))

    with runtime_for_all.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(QuarantinedMail)) == 3


@given(event=ANYTHING)
@settings(max_examples=70)
def test_a_reading_is_whole_or_says_that_it_is_none(event: Any) -> None:
    reports: list[Report] = []
    for read in (read_postmark, read_mailgun, read_sendgrid, lambda raw: read_ses(raw.decode())):
        try:
            reports += read(_written(event)).reports
        except Unreadable:
            continue

    for report in reports:
        assert report.event_id
        assert report.address
        assert len(report.text) <= 500
        assert "\0" not in f"{report.text}{report.address}{report.message_id}"
        assert report.at is None or report.at.tzinfo is not None


@given(value=JSON | st.text())
def test_a_moment_is_aware_or_nothing(value: Any) -> None:
    found = moment(value)

    assert found is None or found.tzinfo is not None

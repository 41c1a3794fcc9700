"""What mail providers report: only their own signature opens the door, and every report is heard once."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from config import Config
from newsletters.api import webhooks
from newsletters.bounces.models import Bounce, Complaint
from newsletters.bounces.quarantined import QuarantinedMail, QuarantineReason
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression_models import SuppressionReason
from tests import providers
from tests.conftest import NOW
from tests.factories import make_subscriber
from tests.providers import MAILGUN_KEY, POSTMARK_LOGIN, SendGrid, basic, mailgun_body
from tests.returning import count_of, mailed, suppressed

SENDGRID = SendGrid()
Posting = Callable[..., TestResponse]


@pytest.fixture
def config(config: Config) -> Config:
    return replace(
        config,
        webhook_postmark_login=(POSTMARK_LOGIN, "postmark:the-next-long-password"),
        webhook_mailgun_key=(MAILGUN_KEY,),
        webhook_sendgrid_key=(SENDGRID.public,),
    )


@pytest.fixture
def reader(db: Database) -> Subscriber:
    """Somebody whom a mail was sent to."""
    with db.transaction() as session:
        reader = make_subscriber(session, "reader@readers.example")
        mailed(session, reader)
    return reader


def postmark(client: FlaskClient, event: Any, **headers: str) -> TestResponse:
    return client.post("/webhooks/postmark", json=event, headers=headers or basic())


def mailgun(client: FlaskClient, event: Any, **signature: Any) -> TestResponse:
    body = mailgun_body(event, **signature)
    return client.post("/webhooks/mailgun", data=body, content_type="application/json")


def sendgrid(client: FlaskClient, events: Any, **signature: Any) -> TestResponse:
    raw = json.dumps(events).encode()
    return client.post("/webhooks/sendgrid", data=raw, headers=SENDGRID.headers(raw, **signature))


BOUNCES: dict[str, tuple[Posting, Any]] = {
    "postmark": (postmark, providers.postmark_bounce("reader@readers.example")),
    "mailgun": (mailgun, providers.mailgun_failure("reader@readers.example")),
    "sendgrid": (sendgrid, [providers.sendgrid_bounce("reader@readers.example")]),
}
COMPLAINTS: dict[str, tuple[Posting, Any]] = {
    "postmark": (
        postmark,
        providers.postmark_bounce("reader@readers.example", RecordType="SpamComplaint", Type="SpamComplaint"),
    ),
    "mailgun": (mailgun, providers.mailgun_failure("reader@readers.example", event="complained")),
    "sendgrid": (sendgrid, [providers.sendgrid_bounce("reader@readers.example", event="spamreport")]),
}


@pytest.mark.parametrize("name", BOUNCES)
def test_a_signed_bounce_of_a_dead_address_suppresses_it(
    name: str, client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    post, event = BOUNCES[name]

    answer = post(client, event)

    assert (answer.status_code, answer.json) == (200, {"status": "taken"})
    assert suppressed(db, reader) is SuppressionReason.HARD_BOUNCE


@pytest.mark.parametrize("name", COMPLAINTS)
def test_a_signed_complaint_suppresses_at_once(
    name: str, client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    post, event = COMPLAINTS[name]

    answer = post(client, event)

    assert answer.status_code == 200
    assert suppressed(db, reader) is SuppressionReason.COMPLAINT
    assert count_of(db, Complaint) == 1


@pytest.mark.parametrize("name", BOUNCES)
def test_the_same_request_twice_is_taken_once(
    name: str, client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    post, event = BOUNCES[name]

    answers = [post(client, event).status_code for _ in range(3)]

    assert answers == [200, 200, 200]
    assert count_of(db, Bounce) == 1


@pytest.mark.parametrize("name", ["postmark", "mailgun", "sendgrid", "ses"])
def test_without_a_secret_the_door_is_closed(
    name: str, client: FlaskClient, config: Config, db: Database, reader: Subscriber
) -> None:
    closed = replace(
        config,
        webhook_postmark_login=(),
        webhook_mailgun_key=(),
        webhook_sendgrid_key=(),
        webhook_ses_topics=(),
    )
    client.application.extensions["newsletters"] = replace(
        client.application.extensions["newsletters"], config=closed
    )
    empty = mailgun_body(providers.mailgun_failure("reader@readers.example"), key="")

    answers = [
        client.post(f"/webhooks/{name}", data=empty, headers=headers).status_code
        for headers in ({}, basic(":"), basic(""))
    ]

    assert answers == [401, 401, 401]
    assert suppressed(db, reader) is None


def test_what_is_missing_is_said_in_the_log_once(
    client: FlaskClient, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    webhooks._say_closed.cache_clear()

    for _ in range(3):
        client.post("/webhooks/ses", data=b"{}")

    assert [record.getMessage() for record in caplog.records if "closed" in record.getMessage()] == [
        "the ses webhook is closed: WEBHOOK_SES_TOPICS is not set"
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Bearer cG9zdG1hcms6YS1sb25nLXBhc3N3b3JkLW9mLW91cnM="},
        basic("postmark:"),
        basic(f"{POSTMARK_LOGIN}x"),
        basic(POSTMARK_LOGIN[:-1]),
        basic(""),
    ],
)
def test_a_wrong_postmark_login_changes_nothing(
    headers: dict[str, str], client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    event = providers.postmark_bounce("reader@readers.example")

    answer = client.post("/webhooks/postmark", json=event, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert suppressed(db, reader) is None


def test_the_next_postmark_login_works_beside_the_old_one(client: FlaskClient, reader: Subscriber) -> None:
    event = providers.postmark_bounce("reader@readers.example")

    answer = client.post("/webhooks/postmark", json=event, headers=basic("postmark:the-next-long-password"))

    assert answer.status_code == 200


def test_a_mailgun_token_is_good_for_one_body_only(
    client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    mailgun(client, providers.mailgun_failure("nobody@readers.example"))

    answer = mailgun(client, providers.mailgun_failure("reader@readers.example", id="another"))

    assert answer.status_code == 401
    assert suppressed(db, reader) is None


@pytest.mark.parametrize("change", [{"key": "another key"}, {"token": "é"}])
def test_a_wrong_mailgun_signature_changes_nothing(
    change: dict[str, Any], client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    answer = mailgun(client, providers.mailgun_failure("reader@readers.example"), **change)

    assert answer.status_code == 401
    assert suppressed(db, reader) is None


def test_a_changed_byte_breaks_sendgrids_signature(
    client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    raw = json.dumps([providers.sendgrid_bounce("nobody@readers.example")]).encode()
    forged = raw.replace(b"nobody@", b"reader@")

    answer = client.post("/webhooks/sendgrid", data=forged, headers=SENDGRID.headers(raw))

    assert answer.status_code == 401
    assert suppressed(db, reader) is None


def test_sendgrids_signature_is_for_its_timestamp(client: FlaskClient, reader: Subscriber) -> None:
    raw = json.dumps([providers.sendgrid_bounce("reader@readers.example")]).encode()
    old = SENDGRID.headers(raw, at=NOW - timedelta(days=1))
    fresh = {**old, "X-Twilio-Email-Event-Webhook-Timestamp": str(int(NOW.timestamp()))}

    answer = client.post("/webhooks/sendgrid", data=raw, headers=fresh)

    assert answer.status_code == 401


def test_an_unusable_key_of_ours_closes_the_door(client: FlaskClient, config: Config) -> None:
    app = client.application
    app.extensions["newsletters"] = replace(
        app.extensions["newsletters"], config=replace(config, webhook_sendgrid_key=("nonsense",))
    )

    answer = sendgrid(client, [providers.sendgrid_bounce("reader@readers.example")])

    assert answer.status_code == 401


@pytest.mark.parametrize("post", [mailgun, sendgrid])
@pytest.mark.parametrize(
    ("off", "status"),
    [
        (timedelta(minutes=-5), 200),
        (timedelta(minutes=5), 200),
        (timedelta(minutes=-5, seconds=-1), 401),
        (timedelta(minutes=5, seconds=1), 401),
        (timedelta(days=-400), 401),
    ],
)
def test_a_request_must_be_of_these_minutes(
    post: Posting, off: timedelta, status: int, client: FlaskClient, reader: Subscriber
) -> None:
    name = "mailgun" if post is mailgun else "sendgrid"

    answer = post(client, BOUNCES[name][1], at=NOW + off)

    assert answer.status_code == status


def test_a_token_is_remembered_for_as_long_as_its_time_is_believed(
    client: FlaskClient, clock: FixedClock, reader: Subscriber
) -> None:
    mailgun(client, providers.mailgun_failure("nobody@readers.example"), at=NOW + timedelta(minutes=5))
    clock.advance(timedelta(minutes=10))

    answer = mailgun(
        client, providers.mailgun_failure("reader@readers.example"), at=NOW + timedelta(minutes=5)
    )

    assert answer.status_code == 401


def test_events_of_one_batch_may_come_in_any_order_and_number(
    client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    events = [
        providers.sendgrid_bounce(
            "reader@readers.example", sg_event_id=f"soft-{day}", status="4.2.2", reason="full"
        )
        for day in range(3)
    ] + [providers.sendgrid_bounce("reader@readers.example", event="spamreport", sg_event_id="spam")]
    chance = random.Random(7)

    statuses = {sendgrid(client, chance.sample(events * 2, k=8)).status_code for _ in range(4)}

    assert statuses == {200}
    assert suppressed(db, reader) is SuppressionReason.COMPLAINT
    assert (count_of(db, Bounce), count_of(db, Complaint)) == (3, 1)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"event=bounce&email=a%00b"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--",
        ),
    ],
)
def test_what_calls_itself_a_form_is_kept_byte_by_byte(
    client: FlaskClient, db: Database, kind: str, body: bytes
) -> None:
    answer = client.post("/webhooks/postmark", data=body, content_type=kind, headers=basic())

    assert answer.status_code == 200
    with db.reading() as session:
        kept = session.scalars(select(QuarantinedMail)).one()
    assert (kept.why, kept.raw) == (QuarantineReason.UNREADABLE, body)


def test_a_broken_event_holds_up_no_other_and_lands_in_quarantine(
    client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    good = providers.sendgrid_bounce("reader@readers.example")
    broken = [{"event": "bounce", "sg_event_id": "x"}, 7, None, {"event": "spamreport", "email": ["a"]}]

    answer = sendgrid(client, [*broken, good])

    assert answer.status_code == 200
    assert suppressed(db, reader) is SuppressionReason.HARD_BOUNCE
    with db.reading() as session:
        kept = session.scalars(select(QuarantinedMail)).all()
    assert {row.why for row in kept} == {QuarantineReason.UNREADABLE}
    assert len(kept) == len(broken)


@pytest.mark.parametrize("name", BOUNCES)
def test_a_report_about_somebody_we_never_wrote_to_lands_in_quarantine(
    name: str, client: FlaskClient, db: Database
) -> None:
    with db.transaction() as session:
        stranger = make_subscriber(session, "reader@readers.example")
    post, event = BOUNCES[name]

    answer = post(client, event)

    assert answer.status_code == 200
    assert suppressed(db, stranger) is None
    with db.reading() as session:
        kept = session.scalars(select(QuarantinedMail)).one()
    assert (kept.door, kept.why) == (name, QuarantineReason.FOREIGN)


def test_our_message_id_says_which_reader_is_meant(
    client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    with db.transaction() as session:
        moved = make_subscriber(session, "moved@readers.example")
        mailed(session, moved, message_id="f" * 32)
    event = providers.mailgun_failure(
        "old-address@readers.example", message_id=f"<{'f' * 32}@newsroom.example>", event="complained"
    )

    mailgun(client, event)

    assert suppressed(db, moved) is SuppressionReason.COMPLAINT


def test_postmark_names_our_mail_by_its_metadata(
    client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    with db.transaction() as session:
        moved = make_subscriber(session, "moved@readers.example")
        mailed(session, moved, message_id="f" * 32)
    named = {"mail": f"{'f' * 32}@newsroom.example"}

    postmark(client, providers.postmark_bounce("other@readers.example", Metadata=named))

    assert suppressed(db, moved) is SuppressionReason.HARD_BOUNCE
    assert suppressed(db, reader) is None


@pytest.mark.parametrize(
    "message_id",
    [
        "<issue.1.1@newsroom.example>",
        f"<{'e' * 32}@newsroom.example>",
        f"<{'0' * 32}@elsewhere.example>",
        "<@>",
    ],
)
def test_a_message_id_that_is_not_ours_is_no_proof(
    message_id: str, client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    mailgun(client, providers.mailgun_failure("stranger@readers.example", message_id=message_id))

    assert suppressed(db, reader) is None
    assert count_of(db, QuarantinedMail) == 1


def test_events_that_call_for_nothing_leave_nothing(
    client: FlaskClient, db: Database, reader: Subscriber
) -> None:
    address = "reader@readers.example"

    answers = [
        postmark(client, {"RecordType": "Delivery", "Email": address}).status_code,
        postmark(client, providers.postmark_bounce(address, Type="AutoResponder")).status_code,
        mailgun(client, providers.mailgun_failure(address, severity="temporary")).status_code,
        sendgrid(client, [{"event": "delivered", "email": address}, {"event": "open"}]).status_code,
    ]

    assert answers == [200] * 4
    assert (count_of(db, Bounce), count_of(db, QuarantinedMail)) == (0, 0)


@pytest.mark.parametrize("path", ["ses", "postmark", "mailgun", "sendgrid"])
def test_nothing_larger_than_a_provider_sends_is_read(path: str, client: FlaskClient) -> None:
    answer = client.post(
        f"/webhooks/{path}", data=b"x" * (2 * 1024 * 1024 + 1), content_type="application/json"
    )

    assert answer.status_code in (401, 413)


def test_the_door_sets_no_cookie_and_stays_out_of_caches(client: FlaskClient, reader: Subscriber) -> None:
    answer = postmark(client, providers.postmark_bounce("reader@readers.example"))

    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.mimetype == "application/json"


def test_nothing_a_provider_says_reaches_the_log(
    client: FlaskClient, reader: Subscriber, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="newsletters")

    postmark(client, providers.postmark_bounce("reader@readers.example"))
    mailgun(client, providers.mailgun_failure("reader@readers.example"), key="wrong")

    assert "readers.example" not in caplog.text

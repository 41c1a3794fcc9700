"""A low-trace newsletter: what an inbox shows says nothing, and no reader's network address is kept."""

import html
import logging
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from config import Config
from newsletters.app import create_app
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.publishing import genuine, lifecycle
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.publishing.genuine import Verdict
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.signatures import sign_missing
from newsletters.runtime import Runtime, build
from newsletters.schema import metadata
from newsletters.subscribers.guard import client_digest, network_digest
from newsletters.subscribers.mails import preferences_token
from newsletters.subscribers.models import FormKind
from newsletters.tasks.periodic import purge_subscribers
from newsletters.tasks.register import register
from tests.conftest import NOW
from tests.delivering import work
from tests.desk import csrf_token, post, signed_in
from tests.factories import make_issue, make_newsletter, make_subscriber
from tests.mailbox import Reader
from tests.mailbox import newsletter as committed
from tests.readers import EMAIL, embed_sign_up, press
from tests.sink import SinkProcess

PROXY, CLIENT = "192.0.2.10", "203.0.113.77"
ARTICLE = "https://newsroom.example/front-line"
QUIET: dict[str, Any] = {"slug": "quiet", "name": "Voices from Occupation", "is_low_trace": True}
BODY = "[Hear them](https://voices.example/a?b=c)."
TELLING = {"Voices", "Occupation", "Torture", "Kherson", "testimony", "Newsroom", "confirm"}


@pytest.fixture
def reader(app: Flask) -> FlaskClient:
    """A browser behind a proxy of ours."""
    client = app.test_client()
    client.environ_base.update({"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": CLIENT})
    return client


def test_nothing_shows_outside_and_no_network_address_is_kept(
    config: Config, clock: FixedClock, sink: SinkProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    proxies = (ip_network(f"{PROXY}/32"),)
    config = replace(config, smtp_url=f"{sink.smtp_url}?connections=1", trusted_proxies=proxies)
    web, worker = build(config, clock=clock), build(config, clock=clock)
    tasks, reader = register(worker), create_app(config, runtime=web).test_client()
    reader.environ_base.update({"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": CLIENT})
    with web.db.transaction() as session:
        newsletter = make_newsletter(session, has_neutral_issues=True, **QUIET)

    embed_sign_up(reader, newsletters=["quiet"], page=ARTICLE)
    work(worker, tasks)
    asked = sink.message(to=EMAIL)
    link = urlsplit(next(word for word in asked.text.split() if "/confirm/" in word)).path
    reader.get(link)
    press(reader, link)
    reader.post("/preferences", data={"email": EMAIL, "csrf_token": csrf_token(reader, "/preferences")})
    reader.post("/genuine", data={"link": "https://evil.example"})
    with web.db.transaction() as session:
        issue = make_issue(
            session, newsletter, subject="Torture in Kherson", body=BODY, preheader="A testimony"
        )
        lifecycle.send_now(session, issue, undo_seconds=0, editor_id=None, now=NOW)
    work(worker, tasks)
    sent = next(each for each in sink.messages(to=EMAIL) if each.header("List-Id"))
    press(reader, urlsplit(sent.header("List-Unsubscribe").partition(">")[0].lstrip("<")).path)
    hashes = {client_digest(web, CLIENT), network_digest(web, CLIENT)}
    kept = everything(web.db)
    clock.advance(timedelta(hours=2))
    purge_subscribers(worker)
    kept_later = everything(web.db)
    tasks.deliveries.stop()
    web.close()
    worker.close()

    assert "unsubscribed" in kept
    for address in (CLIENT, PROXY, str(int(ip_address(CLIENT)))):
        assert address not in kept
        assert address not in caplog.text
    assert any(each in kept for each in hashes)
    assert not any(each in kept_later for each in hashes)
    for mail in (asked, sent):
        assert mail.header("Subject") == "A letter for you"
        assert mail.header("From").startswith("Letters <")
        assert not seen_from_outside(mail.parsed) & TELLING
    assert "Voices from Occupation" in asked.text
    assert "One click, and it begins." not in asked.html
    assert "Torture in Kherson" in sent.text
    assert "A testimony" not in sent.html
    assert 'href="https://voices.example/a?b=c"' in sent.html
    assert "https://voices.example/a?b=c" in sent.text
    assert "<img" not in sent.html


@pytest.mark.parametrize("language", ["en", "uk"])
def test_mails_about_the_subscription_are_neutral(runtime: Runtime, language: str) -> None:
    newsletter = committed(runtime, **QUIET)
    reader = Reader(runtime, EMAIL)

    reader.signs_up(newsletter, language=language)
    reader.confirms(reader.token())
    reader.signs_up(newsletter, language=language)
    reader.asks(FormKind.WAY_IN)

    mails = {mail.kind: mail for mail in reader.mails()}
    assert set(mails) >= {"confirm", "already_subscribed", "preferences"}
    words = {"en": ("Letters", "A letter for you"), "uk": ("Листи", "Лист для вас")}[language]
    for mail in mails.values():
        assert (mail.sender_name, mail.params["neutral_subject"]) == words


def test_the_editors_own_neutral_words_win_over_their_confirmation_subject(runtime: Runtime) -> None:
    newsletter = committed(runtime, neutral_sender="Oksana", neutral_subject="See you", **QUIET)
    reader = Reader(runtime, EMAIL)

    reader.signs_up(newsletter)

    (mail,) = reader.mails()
    assert (mail.sender_name, mail.params["neutral_subject"]) == ("Oksana", "See you")


def test_other_newsletters_are_as_they_were(runtime: Runtime) -> None:
    open_one = committed(runtime, slug="open", name="The Open One", neutral_subject="Unused")
    reader = Reader(runtime, EMAIL)

    reader.signs_up(open_one)

    (mail,) = reader.mails()
    assert mail.sender_name == "The Open One"
    assert "neutral_subject" not in mail.params


def test_neutral_words_are_part_of_what_is_frozen(runtime: Runtime) -> None:
    issue = Issue(subject="A", preheader="B", body="C", slug="d")
    plain = Newsletter(slug="x", name="X", neutral_subject="One")
    renamed = Newsletter(slug="x", name="X", neutral_subject="Two")
    hidden = Newsletter(slug="x", name="X", neutral_subject="One", is_low_trace=True, has_neutral_issues=True)
    hidden_renamed = Newsletter(
        slug="x", name="X", neutral_subject="Two", is_low_trace=True, has_neutral_issues=True
    )

    hashes = [frozen_hash(issue, each) for each in (plain, renamed, hidden, hidden_renamed)]

    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3


def test_a_neutral_subject_is_known_for_ours(runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        newsletter = make_newsletter(session, has_neutral_issues=True, **QUIET)
        make_issue(session, newsletter, state="sent", content_hash="0" * 64, started_at=NOW)
        sign_missing(session, notary=runtime, now=NOW)
        finding = genuine.by_subject(session, "A letter for you", NOW.date(), notary=runtime)

    assert finding.verdict is Verdict.OURS


@pytest.mark.parametrize(
    "path", ["/", "/newsletters/quiet", "/embed/frame?newsletter=quiet", "/newsletters/quiet/issues/one"]
)
def test_the_forms_say_so(reader: FlaskClient, db: Database, path: str) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session, **QUIET)
        make_newsletter(session, slug="open", name="The Open One")
        make_issue(session, newsletter, slug="one", state="sent", content_hash="0" * 64, started_at=NOW)

    page = reader.get(path).get_data(as_text=True)

    assert "Voices from Occupation leaves few traces" in page


def test_where_one_press_joins_it_is_said_too(reader: FlaskClient, db: Database, runtime: Runtime) -> None:
    with db.transaction() as session:
        make_newsletter(session, **QUIET)
        somebody = make_subscriber(session, EMAIL)
    token = preferences_token(runtime, somebody, now=NOW)

    pages = [reader.get(f"/{page}/{token}").get_data(as_text=True) for page in ("preferences", "welcome")]

    assert ["Voices from Occupation leaves few traces" in page for page in pages] == [True, True]


def test_what_is_added_with_one_tap_after_a_sign_up_says_so_too(reader: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, **QUIET)
        make_newsletter(session, slug="open", name="The Open One")
        make_newsletter(session, slug="third", name="The Third")

    data = embed_sign_up(reader, newsletters=["open"], json=True).json
    page = embed_sign_up(reader, newsletters=["open"]).get_data(as_text=True)

    assert data is not None
    notes = {other["slug"]: other["note"] for other in data["others"]["newsletters"]}
    assert notes["quiet"].startswith("Voices from Occupation leaves few traces: ")
    assert notes["third"] == ""
    assert notes["quiet"] in html.unescape(page)


def test_a_form_of_other_newsletters_says_nothing_of_it(reader: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="open", name="The Open One")

    assert "few traces" not in reader.get("/newsletters/open").get_data(as_text=True)


def test_an_owner_sets_it_at_the_desk(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        number = make_newsletter(session, slug="quiet", name="Voices").id
    fields = {
        "name": "Voices",
        "slug": "quiet",
        "sender_email": "a@newsroom.example",
        "accent": "cobalt",
        "language": "en",
        "timezone": "UTC",
        "is_low_trace": "y",
        "neutral_subject": "See you",
    }

    answer = post(client, f"/desk/newsletters/{number}/edit", fields)

    assert answer.status_code == 303
    with db.reading() as session:
        saved = session.get_one(Newsletter, number)
    assert (saved.is_low_trace, saved.neutral_subject, saved.has_neutral_issues) == (True, "See you", False)
    shown = client.get(f"/desk/newsletters/{number}").get_data(as_text=True)
    assert "Few: neutral sender and subject" in shown
    code = client.get(f"/desk/newsletters/{number}/embed").get_data(as_text=True)
    assert "Voices leaves few traces" in code


def test_no_neutral_words_smuggle_a_header(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        number = make_newsletter(session, slug="quiet", name="Voices").id
    fields = {"name": "Voices", "slug": "quiet", "sender_email": "a@newsroom.example", "accent": "cobalt"}

    answer = post(
        client,
        f"/desk/newsletters/{number}/edit",
        {**fields, "language": "en", "timezone": "UTC", "neutral_subject": "A\nBcc: x@y.example"},
    )

    assert answer.status_code == 422


def everything(db: Database) -> str:
    """Every value of every row of every table, as one text."""
    with db.reading() as session:
        rows = [row for table in metadata.sorted_tables for row in session.execute(select(table))]
    return "\n".join(repr(tuple(row)) for row in rows)


def seen_from_outside(message: EmailMessage) -> set[str]:
    """The words of the headers that an inbox or a notification shows."""
    shown = (str(message[name] or "") for name in ("Subject", "From", "To", "List-Id", "Reply-To"))
    return {word.strip('"<>,.') for text in shown for word in text.split()}

"""The desk's page about mail servers, with and without anything to tell, and its two buttons."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.accounts.models import AuditEntry, Role
from newsletters.app import create_app
from newsletters.delivery import servers_books
from newsletters.delivery.servers import Breaker
from newsletters.delivery.servers_books import Count
from newsletters.delivery.shaping_models import MailServer, ProviderRest
from newsletters.kernel.db import Database
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.desk import post, signed_in
from tests.dispatching import ONE, OTHER, POLICY, PUT_OFF, Flow
from tests.factories import make_issue, make_newsletter

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def _app(runtime: Runtime, *, rules: Path | None = None) -> Flask:
    """The application with one mail server that tests know by name."""
    config = replace(runtime.config, smtp_url=f"smtp://{ONE}", shaping_file=rules)
    return create_app(config, runtime=replace(runtime, config=config))


@pytest.fixture
def desk(runtime: Runtime, db: Database) -> FlaskClient:
    """An owner at a desk whose only server is ONE."""
    client = _app(runtime).test_client()
    signed_in(client, db)
    return client


def _page(client: FlaskClient) -> str:
    return client.get("/desk/servers").get_data(as_text=True)


def _resting(db: Database, tmp_path: Path) -> Flow:
    """A flow of a moment ago, in which Google refused everything and the server then went away."""
    flow = Flow(db, tmp_path, now=NOW - 5 * SECOND)
    flow.add(40, "gmail.com")
    flow.add(20, "ukr.net")
    while placed := flow.take():
        for letter in placed:
            flow.end([letter], POLICY if letter.group == "google" else PUT_OFF)
    flow.now = NOW - SECOND
    flow.fail(ONE)
    flow.refresh()
    return flow


def test_before_anything_was_sent_the_page_says_what_will_stand_there(desk: FlaskClient) -> None:
    page = _page(desk)

    assert "Nothing has been sent yet" in page
    assert ONE in page
    assert "Never used" in page


def test_what_a_server_took_is_told_and_drawn(desk: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        for minutes, letters in ((3, 40), (2, 60), (90, 999)):
            counts = {(ONE, "google"): Count(accepted=letters), (ONE, ""): Count(accepted=1, refused=2)}
            servers_books.add_counts(session, counts, now=NOW - minutes * MINUTE)

    page = _page(desk)

    assert "102 letters in the last hour" in page
    assert "<svg" in page and "plot-line" in page
    assert "Google" in page and "All other domains" in page
    assert "5 connections at a time, 50 messages each, TLS required" in page
    assert "Nothing has been sent yet" not in page


def test_a_server_for_single_mails_alone_stands_there_too(runtime: Runtime, db: Database) -> None:
    config = replace(
        runtime.config, smtp_url=f"smtp://{ONE}", single_smtp_url=f"smtp://{ONE} smtp://{OTHER}?rate=14"
    )
    client = create_app(config, runtime=replace(runtime, config=config)).test_client()
    signed_in(client, db)

    page = _page(client)

    assert [page.count(f">{name}</h2>") for name in (ONE, OTHER)] == [1, 1]
    assert page.count("only confirmations and other single mails") == 1
    assert "14 a second" in page


def test_a_resting_server_and_provider_say_since_when_why_and_until_when(
    desk: FlaskClient, db: Database, tmp_path: Path
) -> None:
    _resting(db, tmp_path)

    page = _page(desk)

    assert "Resting" in page
    assert "Connection refused" in page
    assert "5.7.1 blocked" in page
    assert "one@readers.example" not in page
    assert (
        page.count("Try again now") == 2
    )  # the server and Google; ukr.net was put off by what became of the server


def test_a_server_can_be_tried_at_once_with_the_issues_that_wait_for_it(
    desk: FlaskClient, db: Database, tmp_path: Path
) -> None:
    _resting(db, tmp_path)
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session))
        issue.state, issue.pause_reason = IssueState.PAUSED, PauseReason.SERVER
        issue.paused_at, issue.resume_at = NOW, NOW + 5 * MINUTE
        issue_id = issue.id

    answer = post(desk, "/desk/servers/try-server", {"server": ONE}, page="/desk/servers")

    assert answer.status_code == 303
    with db.reading() as session:
        assert session.get_one(MailServer, ONE).rests_until == NOW
        assert session.get_one(Issue, issue_id).resume_at == NOW
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "server.tried")).one()
        assert entry.detail == ONE
    assert "Tried with the next letter" in _page(desk)


def test_a_provider_can_be_tried_at_once(desk: FlaskClient, db: Database, tmp_path: Path) -> None:
    flow = _resting(db, tmp_path)
    flow.dispatcher.add(("gmail.com", 99), domain="gmail.com", issue_id=1)

    answer = post(desk, "/desk/servers/try-provider", {"provider": "google"}, page="/desk/servers")

    assert answer.status_code == 303
    with db.reading() as session:
        rest = session.get_one(ProviderRest, (ONE, "google"))
        assert rest.until == NOW
        assert session.scalars(select(AuditEntry).where(AuditEntry.action == "provider.tried")).one()


@pytest.mark.parametrize(
    ("path", "form"),
    [("try-server", {"server": "unknown.example:25"}), ("try-provider", {"provider": "google"})],
)
def test_what_is_unknown_or_does_not_rest_cannot_be_tried(
    desk: FlaskClient, path: str, form: dict[str, str]
) -> None:
    assert post(desk, f"/desk/servers/{path}", form, page="/desk/servers").status_code == 404


def test_a_slowed_server_says_how_fast_it_is(desk: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        session.add(MailServer(name=ONE, first_used_at=NOW, slowed_to=7.0, slowed_at=NOW))

    page = _page(desk)

    assert "Slowed down" in page
    assert "7.0 letters a second" in page


def test_a_warm_up_tells_its_day(runtime: Runtime, db: Database, tmp_path: Path) -> None:
    rules = f'[servers."{ONE}"]\nwarm_up = {{ since = 2026-03-01, days = [50, 80, 100] }}\n'
    flow = Flow(db, tmp_path, rules=rules)
    flow.add(30)
    flow.send_all()
    flow.dispatcher.close()
    client = _app(runtime, rules=flow.path).test_client()
    signed_in(client, db)

    assert "day 2 of 3: 30 of 80 letters today" in _page(client)


def test_a_broken_file_is_told_and_the_rules_before_it_shown(
    runtime: Runtime, db: Database, tmp_path: Path
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('[providers.google]\nrate = "600/minute"\n')
    client = _app(runtime, rules=path).test_client()
    signed_in(client, db)
    well = _page(client)
    path.write_text("[providers.google]\nrat = 1\n")

    page = _page(client)

    assert "600 a minute" in well and "mistake" not in well
    assert "The file with your rules has a mistake" in page
    assert "[providers.google] rat: unknown" in page
    assert "600 a minute" in page


def test_the_words_of_a_server_are_never_markup(desk: FlaskClient, db: Database) -> None:
    breaker = Breaker(3, MINUTE, NOW, NOW + MINUTE, "<script>alert(1)</script>")
    with db.transaction() as session:
        servers_books.write_rest(session, ONE, "<b>domain</b>.example", breaker)

    page = _page(desk)

    assert "<script>alert(1)" not in page
    assert "<b>domain" not in page


def test_the_page_is_for_owners(runtime: Runtime, db: Database) -> None:
    client = _app(runtime).test_client()
    signed_in(client, db, Role.EDITOR)

    assert client.get("/desk/servers").status_code == 403

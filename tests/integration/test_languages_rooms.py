"""The desk's rooms that are empty in a newsroom without trouble, filled, and read in Ukrainian."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from newsletters.accounts import audit
from newsletters.bounces import quarantine
from newsletters.bounces.event import EventKind
from newsletters.bounces.models import BounceSpike, Level, Measure, RateAlert
from newsletters.bounces.quarantine import Guess
from newsletters.bounces.quarantined import QuarantineReason
from newsletters.delivery.shaping_reading import read_rules
from newsletters.kernel.db import Database
from newsletters.mail.domains.findings import Check, Fact, Finding
from newsletters.mail.domains.findings import Level as Health
from newsletters.mail.replies import Deferred, Phase, Refused, Reply
from newsletters.publishing.models import IssueState, Newsletter
from newsletters.reports.why import Answer, Why
from newsletters.runtime import Runtime
from newsletters.subscribers.queries import person
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.web.admin.audit_words import ACTIONS, KINDS
from newsletters.web.admin.why_words import advice
from newsletters.web.domain_words import check_words, fact_words, level_words
from tests.conftest import NOW
from tests.desk import signed_in
from tests.dispatching import ONE, Flow
from tests.factories import DIGESTER, make_issue, make_subscriber
from tests.mailbox import Reader
from tests.spoken import english_words, language_of
from tests.ukrainian import ASKED, browser, found_newsletter

NAMES = ("The Newsroom", "English", "Українська", "CSV", "TLS", "UTC")
TERMS = ("SPF", "DKIM", "DMARC", "DNS", "PTR", "RSA", "TLS", "all", "pct", "null", "none", "tls", "MX")
SETTINGS = (
    "DKIM_KEY",
    "DKIM_SELECTOR",
    "BOUNCE_DOMAIN",
    "SENDING_ADDRESSES",
    "python -m newsletters.cli dkim-key",
)
REFUSED = Refused(Reply.of(550, "5.7.1 заборонено"), Phase.DOT)
PUT_OFF = Deferred(Reply.of(451, "4.7.1 зачекайте"), Phase.RCPT)
REASON = {Why.STOPPED: "editor", Why.REFUSED: "soft", Why.NOT_SENT: "soft"}
FACTS = {
    Check.SPF: "spf_",
    Check.DKIM: "dkim_",
    Check.DMARC: "dmarc_",
    Check.ALIGNMENT: "align",
    Check.REVERSE_DNS: "reverse_",
    Check.TLS: "tls_",
}


@pytest.fixture
def newsletter(db: Database) -> Newsletter:
    with db.transaction() as session:
        return found_newsletter(session)


@pytest.fixture
def desk(app: Flask, db: Database, newsletter: Newsletter) -> FlaskClient:
    """An owner's browser that asks for Ukrainian."""
    client = browser(app, ASKED)
    signed_in(client, db, name="Олена")
    return client


def english(client: FlaskClient, *paths: str, but: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """What every page says in Latin letters."""
    pages = {path: client.get(path).get_data(as_text=True) for path in paths}
    assert {language_of(page) for page in pages.values()} == {"uk"}
    found = {path: english_words(page, language="uk", but=(*NAMES, *but)) for path, page in pages.items()}
    return {path: words for path, words in found.items() if words}


def said(*words: str) -> list[str]:
    return english_words(f'<p lang="uk">{" ".join(words)}</p>', language="uk", but=(*SETTINGS, *TERMS))


def spell_trouble(session: Session, newsletter: Newsletter) -> list[int]:
    """Returned mail of every kind and for every reason, a provider out of order, shares past their limits."""
    issue = make_issue(session, newsletter, subject="Неділя", state=IssueState.SENT, content_hash="x")
    issue.started_at = issue.sent_at = NOW
    session.add(BounceSpike(domain="приклад.укр", hour=NOW, hard=9, sent=10, opened_at=NOW, judged_at=NOW))
    for measure in Measure:
        session.add(
            RateAlert(issue_id=issue.id, measure=measure, level=Level.PAUSE, events=5, accepted=400, at=NOW)
        )
    kinds = [*EventKind, *[None] * len(QuarantineReason)]
    reasons = [*QuarantineReason, *[QuarantineReason.UNKNOWN] * len(EventKind)]
    return [
        quarantine.keep(
            session,
            door="smtp",
            why=why,
            raw=f"Subject: =?utf-8?b?0JrRltC90LXRhtGM?=\r\n\r\n{number}\r\n".encode(),
            recipient="скарги@newsroom.example",
            sender="feedback@provider.example",
            guess=Guess(kind=kind),
            now=NOW,
        ).id
        for number, (why, kind) in enumerate(zip(reasons, kinds, strict=False))
    ]


def test_the_audit_log_says_every_action_and_what_it_was_done_to(desk: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        for action in ACTIONS:
            audit.record(session, "Олена", action, now=NOW, subject=action.partition(".")[0], subject_id=7)
        for subject in KINDS:
            audit.record(session, "Олена", "issue.sent", now=NOW, subject=subject)
        audit.record(session, "Олена", "returned.forgiven", now=NOW, subject="spike", subject_id=7)

    assert english(desk, "/desk/audit") == {}


def test_returned_mail_and_what_is_said_of_it_on_the_first_page(
    desk: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        kept = spell_trouble(session, newsletter)

    pages = ["/desk", "/desk/quarantine", *(f"/desk/quarantine/{number}" for number in kept)]

    assert english(desk, *pages) == {}
    assert "1,25 %" in desk.get("/desk").get_data(as_text=True)


def test_held_sign_ups_and_the_suppression_list(
    desk: FlaskClient, db: Database, runtime: Runtime, newsletter: Newsletter
) -> None:
    Reader(runtime, email="info@paper.example").signs_up(newsletter)
    Reader(runtime).signs_up(newsletter, trap="x", name="casino.top", filled_in_seconds=0.1)
    with db.transaction() as session:
        for reason in SuppressionReason:
            digest = DIGESTER.address(f"{reason.value}@a.example")
            suppress(session, address_hash=digest, reason=reason, detail="слово", actor="Олена", now=NOW)

    pages = ("/desk", "/desk/readers/held", "/desk/suppressions", "/desk/suppressions?state=lifted")

    assert english(desk, *pages, "/desk/suppressions?search=hard@a.example") == {}


def test_mail_servers_and_providers_that_rest(desk: FlaskClient, db: Database, tmp_path: Path) -> None:
    names = [provider.name for provider in read_rules().providers.values()]
    flow = Flow(db, tmp_path, now=NOW - timedelta(seconds=5))
    flow.add(40, "gmail.com")
    flow.add(20, "ukr.net")
    while placed := flow.take():
        for letter in placed:
            flow.end([letter], REFUSED if letter.group == "google" else PUT_OFF)
    flow.fail(ONE)
    flow.refresh()

    assert english(desk, "/desk/servers", but=("SHAPING_FILE", *names)) == {}


def test_why_nothing_came(app: Flask, db: Database, newsletter: Newsletter) -> None:
    with db.transaction() as session:
        reader = make_subscriber(session, "olena@readers.example")
        issue = make_issue(session, newsletter, subject="Неділя")
        known = person(session, reader.id)
        assert known is not None

    with app.test_request_context("/", headers={"Accept-Language": ASKED}):
        answers = [
            advice(
                Answer(newsletter=newsletter, why=why, issue=issue, reply="так", reason=REASON.get(why, "")),
                known,
            )
            for why in Why
        ]

    assert said(*(" ".join((one.what, one.do, one.label)) for one in answers)) == []


def test_everything_that_can_be_found_out_about_a_domain(app: Flask) -> None:
    findings = [
        Finding(check, Health.OK, fact, "приклад.укр", "7")
        for check, begins in FACTS.items()
        for fact in Fact
        if begins in fact.value
    ]

    with app.test_request_context("/", headers={"Accept-Language": ASKED}):
        words = [
            *(fact_words(finding) for finding in findings),
            *(check_words(check) for check in Check),
            *(level_words(level) for level in (*Health, None)),
        ]

    assert said(*words) == []

"""The sending domain at the desk, in the background and in the way of an issue for many."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from config import Config
from newsletters.accounts.models import AuditEntry, Role
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.mail.domains.checks import Pair, ask, due, keep, standing
from newsletters.mail.domains.dns import Dns
from newsletters.mail.domains.findings import Check, Fact, Finding, Level, Record
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.runtime import Runtime
from newsletters.tasks.domains import DomainLooks, due_senders, want_looks
from newsletters.web.domain_words import check_words, fact_words, level_words
from tests.conftest import NOW
from tests.desk import post, signed_in
from tests.factories import make_issue, make_newsletter, make_subscription
from tests.nameserver import NameServer, Zone, name_server

PAIR = Pair("news.press", "news.press")
BROKEN = [
    Finding(
        Check.DMARC,
        Level.BROKEN,
        Fact.DMARC_MISSING,
        "news.press",
        "<b>found</b>",
        (Record("_dmarc.news.press", "TXT", "v=DMARC1; p=none"),),
    ),
    Finding(Check.SPF, Level.OK, Fact.FINE, "news.press", "v=spf1 mx -all"),
]
GOOD = [Finding(Check.SPF, Level.OK, Fact.FINE, "news.press")]
ZONE: Zone = {
    ("news.press", "TXT"): ['"v=spf1 ip4:203.0.113.7 -all"'],
    ("news.press", "MX"): ["10 mx.news.press."],
}


@pytest.fixture
def config(config: Config) -> Config:
    """A newsroom that writes to real readers through a relay of its own."""
    return replace(
        config,
        smtp_url="smtp://127.0.0.1:9?tls=none",
        mail_from="desk@news.press",
        sending_addresses=("203.0.113.7",),
        large_audience=1,
    )


@pytest.fixture
def newsletter(db: Database) -> Newsletter:
    with db.transaction() as session:
        return make_newsletter(session, sender_email="letters@news.press")


@pytest.fixture
def dns_server() -> Iterator[NameServer]:
    with name_server(ZONE) as server:
        yield server


def _issue(db: Database, newsletter: Newsletter, *, readers: int = 3) -> Issue:
    with db.transaction() as session:
        for _ in range(readers):
            make_subscription(session, newsletter)
        return make_issue(session, newsletter, body="Hello, here is the news of the week.")


def _keep(db: Database, found: list[Finding]) -> None:
    with db.transaction() as session:
        keep(session, PAIR, found, now=NOW)


# In the background


def test_a_worker_looks_at_every_sender_and_keeps_what_it_found(
    runtime: Runtime, db: Database, newsletter: Newsletter, dns_server: NameServer
) -> None:
    DomainLooks(runtime, dns=lambda: Dns(dns_server.resolver())).run()

    with db.reading() as session:
        kept = standing(session, PAIR)
    assert kept.level is Level.BROKEN
    assert kept.checked_at == NOW
    assert {finding.check for finding in kept.findings} == set(Check)
    assert due_senders(runtime) == []


def test_a_look_is_renewed_when_it_is_old_or_asked_for(db: Database, clock: FixedClock) -> None:
    with db.transaction() as session:
        missing = due(session, [PAIR], now=NOW)
        keep(session, PAIR, GOOD, now=NOW)
        fresh = due(session, [PAIR, PAIR], now=NOW + timedelta(hours=11))
        old = due(session, [PAIR], now=NOW + timedelta(hours=13))
        ask(session, PAIR, now=NOW + timedelta(minutes=1))
        asked = due(session, [PAIR], now=NOW + timedelta(minutes=2))
        waiting = standing(session, PAIR).is_waiting

    assert (missing, fresh, old, asked, waiting) == ([PAIR], [], [PAIR], [PAIR], True)


def test_somebodys_wish_is_a_nudge_and_not_a_look(
    runtime: Runtime, db: Database, newsletter: Newsletter
) -> None:
    nudged: list[str] = []
    runtime.engine.tasks["look_at_domains"] = None
    runtime.engine.nudge = lambda task, *_, **__: nudged.append(task)  # type: ignore[method-assign]

    want_looks(runtime)
    _keep(db, GOOD)
    want_looks(runtime)

    assert nudged == ["look_at_domains"]


def test_a_rehearsal_is_never_looked_at(runtime: Runtime, newsletter: Newsletter) -> None:
    sink = replace(runtime, config=replace(runtime.config, smtp_url="smtp://127.0.0.1:1025"))

    assert due_senders(sink) == []
    assert due_senders(runtime) != []


# On the desk


def test_the_page_shows_what_is_broken_first_with_the_record_to_publish(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    signed_in(client, db, Role.EDITOR)
    _keep(db, [*reversed(BROKEN)])

    page = client.get(f"/desk/newsletters/{newsletter.id}/sending-domain").get_data(as_text=True)

    assert page.index("has no DMARC record") < page.index("says who may send for it")
    assert "_dmarc.news.press" in page
    assert "v=DMARC1; p=none" in page
    assert "<b>found</b>" not in page
    assert "Broken" in client.get(f"/desk/newsletters/{newsletter.id}").get_data(as_text=True)


def test_asking_again_leaves_the_look_to_a_worker(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    signed_in(client, db, Role.EDITOR)
    path = f"/desk/newsletters/{newsletter.id}/sending-domain"
    _keep(db, GOOD)
    with db.transaction() as session:
        ask(session, PAIR, now=NOW - timedelta(minutes=1))

    before = client.get(path, headers={"Accept": "application/json"}).json
    client.application.extensions["newsletters"].clock.advance(timedelta(seconds=5))
    post(client, path, page=path)
    after = client.get(path, headers={"Accept": "application/json"}).json

    assert before is not None
    assert after is not None
    assert (before["waiting"], after["waiting"]) == (False, True)
    assert "A worker is looking" in after["html"]


def test_the_sink_needs_no_domain(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        sample = make_newsletter(session, sender_email="letters@newsroom.example")

    page = client.get(f"/desk/newsletters/{sample.id}/sending-domain").get_data(as_text=True)

    assert "Mail goes to the local sink" in page


def test_every_fact_has_its_words(app: object) -> None:
    said = {
        fact_words(Finding(check, Level.OK, fact, "news.press", "7"))
        for check, facts in {
            Check.SPF: [fact for fact in Fact if fact.value.startswith("spf_")],
            Check.DKIM: [fact for fact in Fact if fact.value.startswith("dkim_")],
            Check.DMARC: [fact for fact in Fact if fact.value.startswith("dmarc_")],
            Check.REVERSE_DNS: [fact for fact in Fact if fact.value.startswith("reverse_")],
            Check.TLS: [fact for fact in Fact if fact.value.startswith("tls_")] + [Fact.SERVER_AWAY],
            Check.REPLIES: [Fact.NULL_MX, Fact.NO_MAIL_HERE],
            Check.ALIGNMENT: [fact for fact in Fact if "align" in fact.value],
        }.items()
        for fact in facts
    }

    assert len(said) == len(Fact) - len({Fact.FINE, Fact.NO_ANSWER})
    assert all(check_words(check) for check in Check)
    assert len({level_words(level) for level in [*Level, None]}) == 5


# In the way of an issue


def _send(client: FlaskClient, issue: Issue, newsletter: Newsletter, **fields: str) -> tuple[int, str]:
    path = f"/desk/issues/{issue.id}/send"
    given = {"when": "now", "version": str(issue.version), "seen": "1", "name": newsletter.name, **fields}
    answer = post(client, path, given, page=path)
    return answer.status_code, answer.get_data(as_text=True)


def _state(db: Database, issue: Issue) -> IssueState:
    with db.reading() as session:
        return session.get_one(Issue, issue.id).state


def test_an_editor_cannot_send_to_many_from_a_broken_domain(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    signed_in(client, db, Role.EDITOR)
    issue = _issue(db, newsletter)
    _keep(db, BROKEN)
    page = client.get(f"/desk/issues/{issue.id}/send").get_data(as_text=True)

    answer = client.post(f"/desk/issues/{issue.id}/send")

    assert "The sending domain is broken" in page
    assert "An owner can send it all the same" in page
    assert 'name="domain_reason"' not in page
    assert answer.status_code == 400
    assert _state(db, issue) is IssueState.DRAFT


def test_an_editors_form_that_was_made_up_sends_nothing(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    signed_in(client, db, Role.EDITOR)
    issue = _issue(db, newsletter)
    _keep(db, BROKEN)
    given = {"when": "now", "version": str(issue.version), "seen": "1", "name": newsletter.name}

    answer = post(
        client, f"/desk/issues/{issue.id}/send", {**given, "domain_reason": "because"}, page="/desk/account"
    )

    assert answer.status_code == 422
    assert _state(db, issue) is IssueState.DRAFT


def test_an_owner_can_for_a_reason_that_is_kept(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    signed_in(client, db, Role.OWNER)
    issue = _issue(db, newsletter)
    _keep(db, BROKEN)

    without = _send(client, issue, newsletter)
    sent = _send(client, issue, newsletter, domain_reason="the DNS is being moved today")

    with db.reading() as session:
        logged = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "issue.domain_overruled")
        ).one()
    assert without[0] == 422
    assert "Please say why it goes out all the same" in without[1]
    assert sent[0] == 303
    assert _state(db, issue) is IssueState.SCHEDULED
    assert (logged.subject_id, logged.detail) == (issue.id, "the DNS is being moved today")


@pytest.mark.parametrize(
    ("found", "readers", "is_shut"),
    [(GOOD, 3, False), (BROKEN, 1, False), (BROKEN, 2, True), (None, 2, True), (None, 1, False)],
)
def test_only_a_large_audience_needs_a_domain_that_was_found_in_order(
    found: list[Finding] | None,
    readers: int,
    is_shut: bool,
    client: FlaskClient,
    db: Database,
    newsletter: Newsletter,
) -> None:
    signed_in(client, db, Role.OWNER)
    issue = _issue(db, newsletter, readers=readers)
    if found is not None:
        _keep(db, found)

    page = client.get(f"/desk/issues/{issue.id}/send").get_data(as_text=True)

    assert ("domain_reason" in page) is is_shut


def test_a_dns_that_does_not_answer_holds_up_nothing(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    signed_in(client, db, Role.EDITOR)
    issue = _issue(db, newsletter)
    _keep(db, [Finding(Check.SPF, Level.UNKNOWN, Fact.NO_ANSWER, "news.press")])

    assert _send(client, issue, newsletter)[0] == 303


def test_a_sample_domain_holds_up_nothing(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        sample = make_newsletter(session, sender_email="letters@newsroom.example")
    issue = _issue(db, sample)

    assert _send(client, issue, sample)[0] == 303

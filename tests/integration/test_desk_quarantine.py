"""The room of returned mail: a stranger's text is shown as text, and an editor's word decides about it."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from newsletters.accounts.models import AuditEntry, Role
from newsletters.bounces import quarantine
from newsletters.bounces.event import EventKind
from newsletters.bounces.models import Bounce, BounceSpike, SpikeVerdict
from newsletters.bounces.quarantine import NO_GUESS, Guess
from newsletters.bounces.quarantined import Decision, QuarantinedMail, QuarantineReason
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.mail.verp import IssueBounce
from newsletters.runtime import Runtime
from newsletters.subscribers.erasure import erase
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.tasks.returned import forget_quarantined, judge_spikes
from tests.conftest import NOW
from tests.corpus.returned.building import dsn, mail
from tests.desk import post, signed_in
from tests.factories import DIGESTER, make_subscriber
from tests.returning import Door, event_about, how_suppressed, issue_to, mail_door, record

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 1237*7919 }}'
DAYS_KEPT = timedelta(days=30, seconds=1)
ROOM = "/desk/quarantine"


def put_aside(db: Database, raw: bytes = b"Subject: odd\r\n\r\nodd\r\n", guess: Guess = NO_GUESS) -> int:
    with db.transaction() as session:
        kept = quarantine.keep(
            session,
            door="smtp",
            why=QuarantineReason.UNPROVEN,
            raw=raw,
            recipient="fbl@newsroom.example",
            sender="feedback@provider.example",
            guess=guess,
            now=NOW,
        )
        return kept.id


def row(db: Database, mail_id: int) -> QuarantinedMail:
    with db.reading() as session:
        return session.get_one(QuarantinedMail, mail_id)


def audited(db: Database) -> list[str]:
    with db.reading() as session:
        return list(
            session.scalars(select(AuditEntry.action).where(AuditEntry.action.startswith("returned.")))
        )


EVIL_MAILS = {
    "subject": mail(f"From: a@b.example\nSubject: {EVIL}", "x"),
    "sender": mail(f"From: {EVIL} <a@b.example>\nSubject: x", "x"),
    "body": mail("From: a@b.example\nSubject: x", EVIL),
    "encoded subject": mail("Subject: =?utf-8?q?=3Cscript=3Ealert(1)=3C/script=3E?=", "x"),
    "html": mail("Subject: x\nContent-Type: text/html", f"<html>{EVIL}</html>"),
    "diagnostic": dsn(
        notice=EVIL, status=f"Reporting-MTA: {EVIL}\n\nAction: {EVIL}\nDiagnostic-Code: smtp; {EVIL}"
    ),
    "control characters": mail("Subject: x\u202e\u2066gnp.exe", "\x1b[31mred\x00\x07\u202e"),
}


@pytest.mark.parametrize("name", EVIL_MAILS)
def test_nothing_in_a_mail_is_ever_markup(client: FlaskClient, db: Database, name: str) -> None:
    guess = Guess(kind=EventKind.HARD, reply=f"550 5.1.1 {EVIL}")
    mail_id = put_aside(db, EVIL_MAILS[name], guess)
    signed_in(client, db)

    pages = [client.get(path).get_data(as_text=True) for path in (ROOM, f"{ROOM}/{mail_id}", "/desk")]

    for html in pages:
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        assert "9795803" not in html, "a template evaluated a stranger's words"
        assert not {"\x00", "\x07", "\x1b", "\u202e", "\u2066"} & set(html)


def test_words_of_a_server_are_text_wherever_they_are_shown(
    client: FlaskClient, runtime: Runtime, db: Database
) -> None:
    issue_id, readers = issue_to(runtime, 1)
    record(db, event_about(issue_id, readers[0], EventKind.HARD, reply=f"550 5.1.1 {EVIL}"))
    signed_in(client, db)

    paths = [
        f"/desk/readers/{readers[0]}",
        f"/desk/issues/{issue_id}/report",
        f"/desk/issues/{issue_id}/readers/bounced",
    ]
    pages = [client.get(path).get_data(as_text=True) for path in paths]

    assert "&lt;script&gt;alert" in pages[0]
    assert [html for html in pages if "<script>alert" in html or "<img src=x" in html] == []


@pytest.mark.parametrize("role", Role)
def test_an_editor_says_that_it_is_a_bounce(
    client: FlaskClient, runtime: Runtime, db: Database, role: Role
) -> None:
    issue_id, readers = issue_to(runtime, 1)
    mail_id = put_aside(db, guess=Guess(about=IssueBounce(issue_id, readers[0]), kind=EventKind.HARD))
    signed_in(client, db, role)

    post(client, f"{ROOM}/{mail_id}/act", {"kind": "hard"}, page=f"{ROOM}/{mail_id}")

    assert how_suppressed(db, readers[0]) is SuppressionReason.HARD_BOUNCE
    decided = row(db, mail_id)
    assert (decided.decision, decided.raw) == (Decision.ACTED, b"")
    assert audited(db) == ["returned.acted"]
    assert client.get(f"{ROOM}/{mail_id}").status_code == 404


def test_the_editors_word_counts_over_the_guess(client: FlaskClient, runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 1)
    mail_id = put_aside(db, guess=Guess(about=IssueBounce(issue_id, readers[0]), kind=EventKind.HARD))
    signed_in(client, db)

    post(client, f"{ROOM}/{mail_id}/act", {"kind": "policy"}, page=f"{ROOM}/{mail_id}")

    assert how_suppressed(db, readers[0]) is None


@pytest.mark.parametrize("kind", ["", "nonsense", "notice"])
def test_a_choice_that_is_none_decides_nothing(client: FlaskClient, db: Database, kind: str) -> None:
    mail_id = put_aside(db)
    signed_in(client, db)

    post(client, f"{ROOM}/{mail_id}/act", {"kind": kind}, page=f"{ROOM}/{mail_id}")

    assert row(db, mail_id).decision is None


def test_what_names_no_mail_of_ours_cannot_be_acted_on(client: FlaskClient, db: Database) -> None:
    mail_id = put_aside(db)
    signed_in(client, db)

    post(client, f"{ROOM}/{mail_id}/act", {"kind": "hard"}, page=f"{ROOM}/{mail_id}")

    assert row(db, mail_id).decision is None
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Bounce)) == 0


def test_what_an_editor_drops_keeps_no_content(client: FlaskClient, db: Database) -> None:
    mail_id = put_aside(db)
    signed_in(client, db)

    post(client, f"{ROOM}/{mail_id}/drop", page=f"{ROOM}/{mail_id}")

    assert (row(db, mail_id).decision, row(db, mail_id).raw) == (Decision.DROPPED, b"")
    assert "Nothing waits" in client.get(ROOM).get_data(as_text=True)


def test_the_same_mail_lies_here_once(db: Database) -> None:
    again = b"Received: from a by b;\r\n\tMon, 2 Mar 2026 09:00:00 +0000\r\nSubject: odd\r\n\r\nodd\r\n"

    numbers = {put_aside(db), put_aside(db), put_aside(db, b"Subject: another\r\n\r\n")}
    stamped = put_aside(db, again)

    assert len(numbers) == 2
    assert stamped not in numbers  # another length: another mail


@pytest.mark.parametrize(
    ("verdict", "meant"), [("forgive", SpikeVerdict.FORGIVEN), ("condemn", SpikeVerdict.CONDEMNED)]
)
def test_an_editor_judges_a_domain(
    client: FlaskClient, runtime: Runtime, db: Database, verdict: str, meant: SpikeVerdict
) -> None:
    issue_id, readers = issue_to(runtime, 12)
    for reader in readers:
        record(db, event_about(issue_id, reader, EventKind.HARD))
    judge_spikes(runtime)
    signed_in(client, db)
    with db.reading() as session:
        spike = session.scalars(select(BounceSpike)).one()

    said = client.get(ROOM).get_data(as_text=True)
    post(client, f"{ROOM}/spikes/{spike.id}/{verdict}", page=ROOM)
    judge_spikes(runtime)

    assert "12 of 12 messages to readers.example came back" in said
    with db.reading() as session:
        assert session.get_one(BounceSpike, spike.id).verdict is meant
    assert (how_suppressed(db, readers[0]) is None) is (meant is SpikeVerdict.FORGIVEN)
    assert audited(db) == [f"returned.{meant.value}"]


def test_what_nobody_decides_about_is_deleted_in_time(
    runtime: Runtime, db: Database, clock: FixedClock
) -> None:
    put_aside(db)
    forget_quarantined(runtime)
    with db.reading() as session:
        early = session.scalar(select(func.count()).select_from(QuarantinedMail))

    clock.advance(DAYS_KEPT)
    forget_quarantined(runtime)

    with db.reading() as session:
        assert (early, session.scalar(select(func.count()).select_from(QuarantinedMail))) == (1, 0)


def test_what_speaks_of_an_erased_reader_goes_with_them(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        newsletter_reader = make_subscriber(session, "olha@readers.example")
    put_aside(db, guess=Guess(address_hash=DIGESTER.address("olha@readers.example")))

    with db.transaction() as session:
        erase(session, session.get_one(Subscriber, newsletter_reader.id), means=runtime, now=NOW)
    forget_quarantined(runtime)

    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(QuarantinedMail)) == 0


def test_a_mail_from_the_door_can_be_read_here(client: FlaskClient, runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 1)
    signed_in(client, db)

    with mail_door(runtime) as door:
        assert isinstance(door, Door)
        door.deliver(door.paths.for_issue(issue_id, readers[0]), mail("Subject: Re: news", "Am I here? €5"))

    with db.reading() as session:
        mail_id = session.scalars(select(QuarantinedMail.id)).one()
    html = client.get(f"{ROOM}/{mail_id}").get_data(as_text=True)
    assert "Am I here? €5" in html
    assert "reader0@readers.example" in html

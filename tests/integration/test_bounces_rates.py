"""Shares of complaints and dead addresses: told to the editors once, and an issue that goes too far
stands still.
"""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from newsletters.accounts.models import AuditEntry
from newsletters.bounces.event import EventKind
from newsletters.bounces.models import Level, Measure, RateAlert
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber
from newsletters.tasks.returned import watch_rates
from tests.corpus.returned.building import our_mail
from tests.corpus.returned.complaints import yahoo
from tests.delivering import stored
from tests.desk import post, signed_in
from tests.factories import make_editor
from tests.returning import DOMAIN, event_about, issue_to, mail_door, record


def complain(db: Database, issue_id: int, readers: list[int]) -> None:
    for reader in readers:
        record(db, event_about(issue_id, reader, EventKind.COMPLAINT, reply="abuse"))


def alerts(db: Database) -> list[tuple[Measure, Level, str, int, int]]:
    with db.reading() as session:
        rows = session.scalars(select(RateAlert).order_by(RateAlert.id)).all()
    return [(row.measure, row.level, row.provider, row.events, row.accepted) for row in rows]


def mails(db: Database) -> list[OutboxMail]:
    with db.reading() as session:
        return list(session.scalars(select(OutboxMail).where(OutboxMail.kind == "rate_alert")))


def test_one_complaint_of_ten_readers_is_no_share(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 10)

    complain(db, issue_id, readers[:2])

    assert alerts(db) == []
    assert stored(db, issue_id).state is IssueState.SENDING


def test_the_third_complaint_is_told_to_every_editor_once(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        make_editor(session)
        make_editor(session)
    issue_id, readers = issue_to(runtime, 40)

    complain(db, issue_id, readers[:4])

    assert alerts(db) == [(Measure.COMPLAINTS, Level.ALERT, "", 3, 40)]
    assert len(mails(db)) == 2
    assert stored(db, issue_id).state is IssueState.SENDING


def test_too_many_complaints_pause_the_issue(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 40)

    complain(db, issue_id, readers[:5])

    paused = stored(db, issue_id)
    assert (paused.state, paused.pause_reason) == (IssueState.PAUSED, PauseReason.COMPLAINTS)
    assert paused.pause_detail == "5 / 40"
    assert [level for _, level, *_rest in alerts(db)] == [Level.ALERT, Level.PAUSE]


def test_complaints_through_the_real_mail_door_pause_the_issue(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 40)

    with mail_door(runtime) as door:
        for number, reader in enumerate(readers[:5]):
            original = our_mail(to="redacted", return_path=door.paths.for_issue(issue_id, reader))
            raw = yahoo(original).replace(b"3.arf", b"%d.arf" % number)
            code, _ = door.deliver(f"fbl@{DOMAIN}", raw, sender="feedback@arf.mail.yahoo.example")
            assert code == 250

    assert stored(db, issue_id).pause_reason is PauseReason.COMPLAINTS


def test_going_on_takes_a_reason_that_is_kept(runtime: Runtime, db: Database, client: FlaskClient) -> None:
    issue_id, readers = issue_to(runtime, 40)
    complain(db, issue_id, readers[:5])
    signed_in(client, db)
    path = f"/desk/issues/{issue_id}/confirm/resume"

    asked = client.get(path).get_data(as_text=True)
    post(client, path, page=path)
    still = stored(db, issue_id).state
    post(client, path, {"reason": "the subject was misleading; it is a list of ours"}, page=path)

    assert 'name="reason"' in asked
    assert still is IssueState.PAUSED
    assert stored(db, issue_id).state is IssueState.SENDING
    with db.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "issue.resumed")).one()
    assert entry.detail == "the subject was misleading; it is a list of ours"


def test_after_an_editor_let_it_go_on_it_pauses_again_only_when_complaints_double(
    runtime: Runtime, db: Database
) -> None:
    issue_id, readers = issue_to(runtime, 40)
    complain(db, issue_id, readers[:5])
    with db.transaction() as session:
        session.execute(update(Issue).values(state=IssueState.SENDING, pause_reason=None))

    complain(db, issue_id, readers[5:9])
    before = stored(db, issue_id).state
    complain(db, issue_id, readers[9:10])

    assert before is IssueState.SENDING
    assert stored(db, issue_id).state is IssueState.PAUSED


def test_a_provider_whose_readers_complain_is_named(runtime: Runtime, db: Database) -> None:
    """Over all readers the share is small; at one provider, under its two names, it is not."""
    issue_id, readers = issue_to(runtime, 40)
    with db.transaction() as session:
        for reader, domain in zip(readers[:6], ["gmail.com", "googlemail.com"] * 3, strict=True):
            session.get_one(Subscriber, reader).email_key = f"r{reader}@{domain}"

    complain(db, issue_id, readers[:3])
    watch_rates(runtime)

    assert (Measure.COMPLAINTS, Level.ALERT, "google", 3, 6) in alerts(db)


def test_many_dead_addresses_are_told_and_pause_nothing(runtime: Runtime, db: Database) -> None:
    issue_id, readers = issue_to(runtime, 100)

    for reader in readers[:20]:
        record(db, event_about(issue_id, reader, EventKind.HARD))
    watch_rates(runtime)

    assert (Measure.HARD_BOUNCES, Level.ALERT, "", 20, 100) in alerts(db)
    assert stored(db, issue_id).state is IssueState.SENDING


def test_looking_again_tells_nobody_again(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        make_editor(session)
    issue_id, readers = issue_to(runtime, 40)
    complain(db, issue_id, readers[:3])

    for _ in range(3):
        watch_rates(runtime)

    everywhere = [mail for mail in mails(db) if mail.params["provider"] == ""]
    assert len(everywhere) == 1


@pytest.mark.parametrize("page", ["/desk", "/desk/issues/{issue}/report"])
def test_the_desk_says_what_was_found(runtime: Runtime, db: Database, client: FlaskClient, page: str) -> None:
    issue_id, readers = issue_to(runtime, 40)
    complain(db, issue_id, readers[:3])
    signed_in(client, db)

    html = client.get(page.format(issue=issue_id)).get_data(as_text=True)

    assert "3 readers of 40 called it spam: 7.50 %." in html

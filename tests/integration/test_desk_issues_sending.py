"""The last page before an issue goes out, the undo window, the brakes, and tests to colleagues."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from config import Config
from newsletters.accounts.models import Editor, Role
from newsletters.delivery.gathering import gather
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.subscribers.models import SubscriptionState
from tests.conftest import NOW
from tests.delivering import stored
from tests.desk import audited, post, signed_in
from tests.factories import make_editor, make_issue, make_newsletter, make_subscriber, make_subscription

JSON = {"Accept": "application/json", "X-Requested-With": "fetch"}


@pytest.fixture
def editor(client: FlaskClient, db: Database) -> Editor:
    return signed_in(client, db, Role.EDITOR)


@pytest.fixture
def newsletter(db: Database) -> Newsletter:
    """With three readers, one who paused and one whose address bounced."""
    with db.transaction() as session:
        made = make_newsletter(session, timezone="Europe/Kyiv")
        for _ in range(3):
            make_subscription(session, made)
        make_subscription(session, made, state=SubscriptionState.PAUSED, paused_until=NOW + timedelta(days=7))
        make_subscription(session, made, state=SubscriptionState.BOUNCED)
        return made


@pytest.fixture
def issue(db: Database, newsletter: Newsletter) -> Issue:
    with db.transaction() as session:
        return make_issue(session, newsletter, subject="What the vote means", body="Good morning.")


def words(page: str) -> str:
    """The page's words without its marks."""
    return " ".join(re.sub(r"<[^>]+>", "", page).split())


def test_one_sentence_says_what_will_happen(client: FlaskClient, editor: Editor, issue: Issue) -> None:
    page = words(client.get(f"/desk/issues/{issue.id}/send").get_data(as_text=True))

    assert (
        "On 2 March 2026 at 11:00, that is right now, What the vote means goes from "
        "Explaining Ukraine to all 3 readers of Explaining Ukraine." in page
    )


def test_the_page_says_who_is_left_out_and_why(client: FlaskClient, editor: Editor, issue: Issue) -> None:
    page = words(client.get(f"/desk/issues/{issue.id}/send").get_data(as_text=True))

    assert "2 readers are left out:" in page
    assert "1 has paused" in page
    assert "1 has an address that bounced" in page


def test_looking_at_the_page_sends_nothing(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    client.get(f"/desk/issues/{issue.id}/send?when=now")
    client.head(f"/desk/issues/{issue.id}/send")

    assert stored(db, issue.id).state is IssueState.DRAFT


def test_sending_now_leaves_time_to_undo(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    answer = post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1})

    assert answer.status_code == 303
    sent = stored(db, issue.id)
    assert (sent.state, sent.send_at) == (IssueState.SCHEDULED, NOW + timedelta(seconds=30))
    page = client.get(f"/desk/issues/{issue.id}").get_data(as_text=True)
    assert "It goes out in 30 seconds." in words(page)
    assert "Undo" in page
    assert audited(db) == ["issue.sent"]


def test_undo_makes_it_a_draft_again(client: FlaskClient, db: Database, editor: Editor, issue: Issue) -> None:
    post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1})

    post(client, f"/desk/issues/{issue.id}/confirm/draft")

    assert stored(db, issue.id).state is IssueState.DRAFT
    assert audited(db) == ["issue.sent", "issue.unscheduled"]


def test_a_schedule_is_read_on_the_newsletters_clocks(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    timing = {"when": "later", "on": "2026-03-05", "at": "07:30"}

    page = words(client.get(f"/desk/issues/{issue.id}/send", query_string=timing).get_data(as_text=True))
    post(client, f"/desk/issues/{issue.id}/send", {**timing, "version": 1})

    assert "On 5 March 2026 at 07:30, What the vote means goes from" in page
    scheduled = stored(db, issue.id)
    assert scheduled.send_at is not None
    assert scheduled.send_at.isoformat() == "2026-03-05T05:30:00+00:00"
    assert scheduled.scheduled_by_id == editor.id
    assert "It goes out on Thursday, 5 March 2026 at 07:30" in words(
        client.get(f"/desk/issues/{issue.id}").get_data(as_text=True)
    )


@pytest.mark.parametrize(
    ("on", "at", "said"),
    [
        ("2026-03-29", "03:30", "there is no 03:30"),
        ("2026-10-25", "03:30", "show this time twice"),
        ("2026-03-02", "10:59", "has passed already"),
        ("2036-03-02", "10:59", "more than a year away"),
        ("soon", "10:59", "Please give a date and a time"),
        ("2026-03-05", "", "Please give a date and a time"),
    ],
)
def test_a_time_that_cannot_be_is_explained_and_not_sent_at(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue, on: str, at: str, said: str
) -> None:
    timing = {"when": "later", "on": on, "at": at}

    page = client.get(f"/desk/issues/{issue.id}/send", query_string=timing).get_data(as_text=True)
    answer = post(client, f"/desk/issues/{issue.id}/send", {**timing, "version": 1})

    assert said in page
    assert "Schedule it" not in page
    assert answer.status_code == 422
    assert stored(db, issue.id).state is IssueState.DRAFT


def test_of_two_equal_times_one_is_chosen(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    timing = {"when": "later", "on": "2026-10-25", "at": "03:30", "second": "1"}

    post(client, f"/desk/issues/{issue.id}/send", {**timing, "version": 1})

    scheduled = stored(db, issue.id).send_at
    assert scheduled is not None
    assert scheduled.isoformat() == "2026-10-25T01:30:00+00:00"


def test_a_large_audience_asks_for_the_newsletters_name(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Config, "large_audience", 2)
    page = client.get(f"/desk/issues/{issue.id}/send").get_data(as_text=True)

    wrong = post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1, "name": "Explaining"})
    right = post(
        client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1, "name": "explaining  ukraine"}
    )

    assert "please type “Explaining Ukraine”" in page
    assert (wrong.status_code, right.status_code) == (422, 303)


def test_what_blocks_leaves_no_button_and_no_way_round(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        issue = make_issue(session, newsletter, body="See [this](reports/1).")

    page = client.get(f"/desk/issues/{issue.id}/send").get_data(as_text=True)
    answer = post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1, "seen": "1"})

    assert "Send it to" not in page
    assert answer.status_code == 422
    assert stored(db, issue.id).state is IssueState.DRAFT


def test_warnings_want_to_be_seen(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        issue = make_issue(session, newsletter, body="A number: TK.")

    unseen = post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1})
    seen = post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1, "seen": "1"})

    assert (unseen.status_code, seen.status_code) == (422, 303)


def test_a_change_since_the_page_was_made_stops_it(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    post(
        client,
        f"/desk/issues/{issue.id}",
        {"subject": "Other", "preheader": "", "body": "Other", "version": 1},
    )

    answer = post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1, "seen": "1"})

    assert answer.status_code == 422
    assert "was changed since this page was made" in answer.get_data(as_text=True)


def test_nobody_to_write_to_is_no_send(client: FlaskClient, db: Database, editor: Editor) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session))

    answer = post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1})

    assert answer.status_code == 422
    assert "Nobody would get this issue" in answer.get_data(as_text=True)


def test_a_missed_schedule_asks_what_to_do(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        issue = make_issue(
            session, newsletter, state=IssueState.MISSED, send_at=NOW - timedelta(hours=5), body="Text"
        )

    page = words(client.get(f"/desk/issues/{issue.id}").get_data(as_text=True))
    answer = post(client, f"/desk/issues/{issue.id}/send", {"when": "now", "version": 1})

    assert "This issue missed its time" in page
    assert all(way in page for way in ("Send it now", "Another time", "Back to draft"))
    assert answer.status_code == 303
    assert stored(db, issue.id).state is IssueState.SCHEDULED


@pytest.fixture
def going_out(db: Database, newsletter: Newsletter) -> Issue:
    with db.transaction() as session:
        issue = make_issue(
            session,
            newsletter,
            state=IssueState.SENDING,
            content_hash="x",
            started_at=NOW - timedelta(minutes=1),
            prepared=3,
        )
        for state in (DeliveryState.ACCEPTED, DeliveryState.WAITING, DeliveryState.FAILED):
            session.add(Delivery(issue_id=issue.id, subscriber_id=make_subscriber(session).id, state=state))
        gather(session, issue.id, batch_size=2, now=NOW)
        return issue


def test_progress_is_shown_and_kept_fresh(client: FlaskClient, editor: Editor, going_out: Issue) -> None:
    page = client.get(f"/desk/issues/{going_out.id}").get_data(as_text=True)
    answer = client.get(f"/desk/issues/{going_out.id}/progress", headers=JSON)

    assert '<noscript><meta http-equiv="refresh"' in page
    assert "2 of 3 readers" in page
    assert answer.json is not None
    assert answer.json["state"] == "sending"
    assert "2 of 3 readers" in answer.json["html"]


@pytest.mark.parametrize(
    ("action", "state"), [("pause", IssueState.PAUSED), ("cancel", IssueState.CANCELLED)]
)
def test_a_brake_is_asked_for_once_more_and_logged(
    client: FlaskClient, db: Database, editor: Editor, going_out: Issue, action: str, state: IssueState
) -> None:
    question = client.get(f"/desk/issues/{going_out.id}/confirm/{action}")
    assert question.status_code == 200
    assert stored(db, going_out.id).state is IssueState.SENDING

    post(client, f"/desk/issues/{going_out.id}/confirm/{action}")

    assert stored(db, going_out.id).state is state
    assert audited(db) == [f"issue.{state.value}"]


def test_a_paused_issue_goes_on(client: FlaskClient, db: Database, editor: Editor, going_out: Issue) -> None:
    post(client, f"/desk/issues/{going_out.id}/confirm/pause")
    page = client.get(f"/desk/issues/{going_out.id}").get_data(as_text=True)

    post(client, f"/desk/issues/{going_out.id}/confirm/resume")

    assert "An editor paused it" in page
    assert stored(db, going_out.id).state is IssueState.SENDING
    assert audited(db) == ["issue.paused", "issue.resumed"]


def test_a_brake_pulled_too_late_does_nothing_and_says_so(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    answer = post(client, f"/desk/issues/{issue.id}/confirm/pause", follow_redirects=True)

    assert "It was too late for that" in answer.get_data(as_text=True)
    assert audited(db) == []


def test_an_unknown_brake_is_no_page(client: FlaskClient, editor: Editor, issue: Issue) -> None:
    assert client.get(f"/desk/issues/{issue.id}/confirm/explode").status_code == 404


def test_a_test_goes_to_the_chosen_colleagues_with_a_mark(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    with db.transaction() as session:
        colleague, other = make_editor(session), make_editor(session)

    post(client, f"/desk/issues/{issue.id}/test", {"colleagues": [editor.id, colleague.id]})

    with db.reading() as session:
        mails = session.scalars(select(OutboxMail).order_by(OutboxMail.id)).all()
    assert {mail.recipient for mail in mails} == {editor.email, colleague.email}
    assert other.email not in {mail.recipient for mail in mails}
    assert {mail.params["subject"] for mail in mails} == {"[TEST] What the vote means"}
    assert {mail.params["values"]["name"] for mail in mails} == {editor.name, colleague.name}
    assert audited(db) == ["issue.test_sent"]


def test_a_test_to_nobody_is_no_test(client: FlaskClient, db: Database, editor: Editor, issue: Issue) -> None:
    answer = post(client, f"/desk/issues/{issue.id}/test", {})

    assert answer.status_code == 422
    assert audited(db) == []


def test_a_test_reaches_nobody_who_left_the_newsroom(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    with db.transaction() as session:
        gone = make_editor(session, disabled_at=NOW)

    answer = post(client, f"/desk/issues/{issue.id}/test", {"colleagues": [gone.id]})

    assert answer.status_code == 422


def test_tests_have_a_limit(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue, clock: FixedClock
) -> None:
    statuses = [
        post(client, f"/desk/issues/{issue.id}/test", {"colleagues": [editor.id]}).status_code
        for _ in range(61)
    ]

    assert statuses == [303] * 60 + [429]

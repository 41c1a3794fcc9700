"""The report: numbers that add up, with their readers, and what an issue brought."""

import csv
import io
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.accounts.models import AuditEntry, Role
from newsletters.bounces.models import Complaint
from newsletters.delivery.gathering import gather
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.db import Database
from newsletters.publishing.models import Issue, IssueExclusion, IssueState, Newsletter
from newsletters.reports import issue_report
from newsletters.reports.issue_report import Effects, accepted_over_time, compared, effects
from newsletters.subscribers import funnel
from newsletters.subscribers.funnel import Place, Step
from newsletters.subscribers.models import SubscriptionState
from tests.conftest import NOW
from tests.desk import post, signed_in
from tests.factories import make_issue, make_newsletter, make_subscriber, make_subscription
from tests.readers import mailed_path, press, sign_up

OUTCOMES = {
    DeliveryState.ACCEPTED: 5,
    DeliveryState.BOUNCED: 2,
    DeliveryState.FAILED: 2,
    DeliveryState.UNKNOWN: 1,
    DeliveryState.CANCELLED: 1,
}
PAGE = "http://localhost/newsletters/weekly/issues/first"


@pytest.fixture
def issue(db: Database) -> Issue:
    """Sent to eleven readers an hour ago, with every outcome."""
    with db.transaction() as session:
        newsletter = make_newsletter(session, slug="weekly")
        began = NOW - timedelta(hours=1)
        sent = make_issue(
            session,
            newsletter,
            slug="first",
            subject="<b>First</b>",
            state=IssueState.SENT,
            content_hash="x",
            started_at=began,
            sent_at=NOW,
            prepared=11,
            candidates=12,
        )
        session.add(IssueExclusion(issue_id=sent.id, reason="paused", readers=1))
        session.flush()
        minute = 0
        for state, readers in OUTCOMES.items():
            for _ in range(readers):
                minute += 1
                session.add(
                    Delivery(
                        issue_id=sent.id,
                        subscriber_id=make_subscriber(session).id,
                        state=state,
                        reason={DeliveryState.BOUNCED: "hard", DeliveryState.FAILED: "expired"}.get(
                            state, ""
                        ),
                        attempts=1,
                        settled_at=began + timedelta(minutes=minute),
                        reply="550 5.1.1 <script>no such user</script>",
                    )
                )
        gather(session, sent.id, batch_size=4, now=NOW)
        return sent


def text(answer_html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer_html).split())


def test_the_report_adds_up_and_escapes_what_came_by_mail(
    client: FlaskClient, db: Database, issue: Issue
) -> None:
    signed_in(client, db, Role.EDITOR)

    page = client.get(f"/desk/issues/{issue.id}").get_data(as_text=True)

    assert "Accepted 5 45.5 %" in text(page)
    assert "Bounced 2 18.2 %" in text(page)
    assert "Together 11" in text(page)
    assert "1 has paused" in text(page)
    assert "tried again and again until time ran out" in page
    assert "<script>no" not in page
    assert "<b>First" not in page


@pytest.mark.parametrize(("state", "readers"), [*OUTCOMES.items(), (DeliveryState.WAITING, 0)])
def test_behind_every_number_stand_its_readers(
    client: FlaskClient, db: Database, issue: Issue, state: DeliveryState, readers: int
) -> None:
    signed_in(client, db, Role.EDITOR)

    page = client.get(f"/desk/issues/{issue.id}/readers/{state.value}").get_data(as_text=True)

    assert page.count('role="rowheader"') == readers
    assert "<script>no" not in page
    assert ("There is no such address." in page) == bool(readers)


def test_the_readers_come_a_page_at_a_time(client: FlaskClient, db: Database, issue: Issue) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        for _ in range(60):
            reader = make_subscriber(session)
            session.add(Delivery(issue_id=issue.id, subscriber_id=reader.id, state=DeliveryState.WAITING))
        gather(session, issue.id, batch_size=7, now=NOW)

    first = client.get(f"/desk/issues/{issue.id}/readers/waiting").get_data(as_text=True)
    following = re.search(r'href="([^"]+after=[^"]+)"', first)
    assert following is not None
    second = client.get(following[1].replace("&amp;", "&")).get_data(as_text=True)

    emails = [re.findall(r"reader\d+@readers\.example", page) for page in (first, second)]
    assert [len(found) for found in emails] == [50, 10]
    assert not set(emails[0]) & set(emails[1])


def test_an_unknown_outcome_is_no_page(client: FlaskClient, db: Database, issue: Issue) -> None:
    signed_in(client, db)

    assert client.get(f"/desk/issues/{issue.id}/readers/elsewhere").status_code == 404


def test_the_file_is_for_owners_and_safe_in_a_spreadsheet(
    client: FlaskClient, db: Database, issue: Issue
) -> None:
    with db.transaction() as session:
        for email in ("=cmd|x@evil.example", "+1@evil.example", "@x@evil.example"):
            reader = make_subscriber(session, email)
            session.add(
                Delivery(
                    issue_id=issue.id,
                    subscriber_id=reader.id,
                    state=DeliveryState.FAILED,
                    reply="-2+3 cmd",
                )
            )
        gather(session, issue.id, batch_size=2, now=NOW)
    signed_in(client, db, Role.OWNER)

    answer = client.get(f"/desk/issues/{issue.id}/readers/failed.csv")

    rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True).removeprefix("\ufeff"))))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="issue-{issue.id}-failed.csv"'
    assert len(rows) == 1 + 2 + 3
    assert {row[0] for row in rows[3:]} == {"'=cmd|x@evil.example", "'+1@evil.example", "'@x@evil.example"}
    assert {row[6] for row in rows[3:]} == {"'-2+3 cmd"}
    with db.reading() as session:
        assert session.scalars(select(AuditEntry.action)).all() == ["readers.exported"]


def test_every_time_on_the_page_is_by_the_newsletters_clocks(
    client: FlaskClient, db: Database, issue: Issue
) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        session.get_one(Newsletter, issue.newsletter_id).timezone = "Asia/Tokyo"
        entry = {"actor": "Olena", "action": "issue.sent", "subject": "issue", "subject_id": issue.id}
        session.add(AuditEntry(at=NOW, **entry))

    page = client.get(f"/desk/issues/{issue.id}/report").get_data(as_text=True)

    assert set(re.findall(r"2026, (\d\d):00</time>", page)) == {"17", "18"}


def test_the_file_is_not_for_editors(client: FlaskClient, db: Database, issue: Issue) -> None:
    signed_in(client, db, Role.EDITOR)

    assert client.get(f"/desk/issues/{issue.id}/readers/failed.csv").status_code == 403


def test_exactly_the_failed_are_tried_again(client: FlaskClient, db: Database, issue: Issue) -> None:
    signed_in(client, db, Role.EDITOR)
    question = client.get(f"/desk/issues/{issue.id}/confirm/retry").get_data(as_text=True)

    post(client, f"/desk/issues/{issue.id}/confirm/retry")

    with db.reading() as session:
        states = list(session.scalars(select(Delivery.state).where(Delivery.issue_id == issue.id)))
        state = session.get_one(Issue, issue.id).state
    assert "2 could not be reached" in question
    assert state is IssueState.SENDING
    assert states.count(DeliveryState.WAITING) == 2
    assert states.count(DeliveryState.FAILED) == 0
    assert states.count(DeliveryState.BOUNCED) == 2


def test_a_draft_has_no_report(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        draft = make_issue(session, make_newsletter(session))

    assert client.get(f"/desk/issues/{draft.id}/report").status_code == 404


def test_what_an_issue_set_in_motion_is_counted(db: Database, issue: Issue) -> None:
    with db.transaction() as session:
        newsletter_id = issue.newsletter_id
        newsletter = session.get_one(Newsletter, newsletter_id)
        for _ in range(2):
            make_subscription(
                session,
                newsletter,
                state=SubscriptionState.UNSUBSCRIBED,
                ended_at=NOW,
                unsubscribed_by_issue_id=issue.id,
            )
        session.add(Complaint(subscriber_id=make_subscriber(session).id, issue_id=issue.id, at=NOW))
        for page in (PAGE, f"{PAGE}?from=mail", f"{PAGE}-2", "http://localhost/"):
            place = Place(newsletter_id=newsletter_id, page=page)
            funnel.count(session, Step.SUBMITTED, [place], now=NOW)
            funnel.count(session, Step.CONFIRMED, [place], now=NOW)
        funnel.count(session, Step.SUBMITTED, [Place(newsletter_id=newsletter_id, page=PAGE)], now=NOW)

        found = effects(session, issue, page=PAGE)

    assert found == Effects(unsubscribed=2, complaints=1, signed_up=2)


def test_the_curve_of_the_accepted_ends_at_their_number(db: Database, issue: Issue) -> None:
    with db.reading() as session:
        series = accepted_over_time(session, issue, name="Accepted")

    times = [at for at, _ in series.points]
    values = [value for _, value in series.points]
    assert values[0] == 0
    assert values[-1] == OUTCOMES[DeliveryState.ACCEPTED]
    assert values == sorted(values)
    assert times == sorted(times)
    assert len(times) <= issue_report.BUCKETS + 2


def test_the_last_ten_issues_are_compared(db: Database, issue: Issue) -> None:
    with db.transaction() as session:
        newsletter = session.get_one(Newsletter, issue.newsletter_id)
        for day in range(12):
            make_issue(
                session,
                newsletter,
                state=IssueState.SENT,
                content_hash="x",
                started_at=NOW - timedelta(days=day + 1),
                sent_at=NOW - timedelta(days=day + 1),
            )

        found = compared(session, issue)

    assert len(found) == 10
    assert found[0].issue.id == issue.id
    assert (found[0].prepared, found[0].accepted, found[0].bounced) == (11, 5, 2)
    assert found[1].accepted_share == 0.0


def test_the_page_of_a_much_read_newsletter_shows_its_last_issues(
    client: FlaskClient, db: Database, issue: Issue
) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        newsletter = session.get_one(Newsletter, issue.newsletter_id)
        make_issue(
            session,
            newsletter,
            subject="The one before",
            state=IssueState.SENT,
            content_hash="x",
            started_at=NOW - timedelta(days=7),
            sent_at=NOW - timedelta(days=7),
        )

    page = client.get(f"/desk/issues/{issue.id}").get_data(as_text=True)

    assert "The one before" in page
    assert "Shares over the last issues" in page
    assert "<svg" in page


def test_a_sign_up_on_an_issues_own_page_is_counted_for_it(
    client: FlaskClient, db: Database, issue: Issue
) -> None:
    page = client.get("/newsletters/weekly/issues/first").get_data(as_text=True)
    assert 'name="issue" value="first"' in page

    sign_up(client, newsletters=["weekly"], page="/newsletters/weekly", issue="first")
    press(client, mailed_path(db, "confirm", "confirm_url"))
    sign_up(client, email="second@readers.example", newsletters=["weekly"], page="/newsletters/weekly")
    press(client, mailed_path(db, "confirm", "confirm_url"))

    with db.reading() as session:
        assert effects(session, issue, page=PAGE).signed_up == 1

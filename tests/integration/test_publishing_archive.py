"""What the public may read."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from newsletters.kernel.db import Database
from newsletters.kernel.urls import Urls
from newsletters.publishing import archive
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.publishing.web import issue_html, issue_preheader, issue_subject
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter


def public(session: Session, newsletter: Newsletter, *, day: int, **fields: object) -> Issue:
    at = NOW + timedelta(days=day)
    values = {"state": IssueState.SENT, "content_hash": "x", "started_at": at, "sent_at": at, **fields}
    return make_issue(session, newsletter, **values)


@pytest.mark.parametrize(
    "state", [IssueState.DRAFT, IssueState.SCHEDULED, IssueState.MISSED, IssueState.CANCELLED]
)
def test_what_was_not_sent_is_nobodys_business(db: Database, state: IssueState) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        issue = make_issue(session, newsletter, state=state)

        assert archive.public_issue(session, newsletter.id, issue.slug) is None
        assert archive.archive_page(session, newsletter.id).rows == []
        assert archive.latest_issues(session, [newsletter.id]) == {}


@pytest.mark.parametrize("state", [IssueState.SENDING, IssueState.PAUSED, IssueState.SENT])
def test_an_issue_is_public_once_its_sending_began(db: Database, state: IssueState) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        issue = public(session, newsletter, day=0, state=state)

        assert archive.public_issue(session, newsletter.id, issue.slug) is issue


def test_an_issue_has_no_address_in_another_newsletter(db: Database) -> None:
    with db.transaction() as session:
        issue = public(session, make_newsletter(session), day=0)

        assert archive.public_issue(session, make_newsletter(session).id, issue.slug) is None


def test_the_archive_pages_newest_first_and_shows_each_issue_once(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        made = [public(session, newsletter, day=day // 2).id for day in range(7)]
        seen, cursor = [], None
        while True:
            page = archive.archive_page(session, newsletter.id, cursor=cursor, size=3)
            seen += [issue.id for issue in page.rows]
            cursor = page.after
            if cursor is None:
                break

        assert seen == made[::-1]


@pytest.mark.parametrize("cursor", ["rubbish", "WyJ4Il0", "WzEwMDAwMF0"])
def test_a_strange_cursor_begins_at_the_beginning(db: Database, cursor: str) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        issue = public(session, newsletter, day=0)

        assert archive.archive_page(session, newsletter.id, cursor=cursor).rows == [issue]


def test_neighbours_are_the_public_issues_before_and_after(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        first, second, third = (public(session, newsletter, day=day) for day in range(3))
        make_issue(session, newsletter)

        assert archive.neighbours(session, first) == (None, second)
        assert archive.neighbours(session, second) == (first, third)
        assert archive.neighbours(session, third) == (second, None)


def test_the_latest_issue_of_each_newsletter_comes_in_one_go(db: Database) -> None:
    with db.transaction() as session:
        one, two, three = (make_newsletter(session) for _ in range(3))
        public(session, one, day=0)
        newest = public(session, one, day=2)
        only = public(session, two, day=1)

        latest = archive.latest_issues(session, [one.id, two.id, three.id])

        assert latest == {one.id: newest, two.id: only}
        assert archive.latest_issue(session, one.id) is newest


def test_retired_newsletters_are_not_listed_but_keep_their_address(db: Database) -> None:
    with db.transaction() as session:
        retired = make_newsletter(session, retired_at=NOW)
        second = make_newsletter(session, name="B", position=2)
        first = make_newsletter(session, name="Z", position=1)

        assert archive.listed_newsletters(session) == [first, second]
        assert archive.newsletter_by_slug(session, retired.slug) is retired


def test_the_web_shows_defaults_and_no_reader(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        issue = public(
            session,
            newsletter,
            day=0,
            subject='News for {{ name|"friends" }}',
            preheader="From {{ newsletter }}",
            body="Dear {{ name }}, <b>",
        )

        html = issue_html(session, issue, newsletter, urls=Urls("http://localhost"))

        assert issue_subject(issue, newsletter) == "News for friends"
        assert issue_preheader(issue, newsletter) == "From Explaining Ukraine"
        assert html == "<p>Dear reader, &lt;b&gt;</p>\n"

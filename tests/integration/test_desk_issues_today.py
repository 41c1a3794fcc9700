"""The desk's first page."""

from datetime import timedelta

from flask.testing import FlaskClient

from newsletters.accounts.models import Role
from newsletters.kernel.db import Database
from newsletters.publishing.models import IssueState
from newsletters.reports.growth import readerships
from newsletters.subscribers.models import SubscriptionState
from tests.conftest import NOW
from tests.desk import signed_in
from tests.factories import make_issue, make_newsletter, make_subscription


def test_a_new_newsroom_is_told_to_found_a_newsletter(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.OWNER)

    page = client.get("/desk").get_data(as_text=True)

    assert "No newsletter yet" in page


def test_everything_that_goes_on_is_on_the_first_page(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.EDITOR)
    states: dict[IssueState, dict[str, object]] = {
        IssueState.DRAFT: {},
        IssueState.SCHEDULED: {"send_at": NOW + timedelta(days=1)},
        IssueState.MISSED: {"send_at": NOW - timedelta(days=1)},
        IssueState.SENDING: {"content_hash": "x", "started_at": NOW},
        IssueState.SENT: {"content_hash": "x", "started_at": NOW, "sent_at": NOW},
    }
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        for state, fields in states.items():
            make_issue(session, newsletter, subject=f"One {state.value}", state=state, **fields)
        make_issue(session, newsletter, subject="One cancelled", state=IssueState.CANCELLED)

    page = client.get("/desk").get_data(as_text=True)

    assert all(f"One {state.value}" in page for state in states)
    assert "One cancelled" not in page


def test_the_growth_ends_at_todays_number_and_knows_who_came_and_went(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        make_subscription(session, newsletter, confirmed_at=NOW - timedelta(days=90))
        make_subscription(session, newsletter, confirmed_at=NOW - timedelta(days=2))
        make_subscription(session, newsletter, confirmed_at=NOW)
        make_subscription(
            session,
            newsletter,
            state=SubscriptionState.UNSUBSCRIBED,
            confirmed_at=NOW - timedelta(days=90),
            ended_at=NOW - timedelta(days=1),
        )
        make_subscription(session, newsletter, state=SubscriptionState.PENDING)

        (found,) = readerships(session, now=NOW, days=4)

    assert (found.active, found.pending, found.joined, found.left) == (3, 1, 2, 1)
    assert [value for _, value in found.series.points] == [2.0, 3.0, 2.0, 3.0]

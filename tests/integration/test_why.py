"""“Why didn't she get it?”: one box, one address, and the explanation with what to do."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.publishing.models import IssueState, Newsletter
from newsletters.reports.why import Answer, Why, answers
from newsletters.runtime import Runtime
from newsletters.subscribers import domains, intake, suppression
from newsletters.subscribers.confirm import note_opened
from newsletters.subscribers.models import SubscriptionState
from newsletters.subscribers.queries import person
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.web.admin.why_words import WORDS
from tests.desk import csrf_token, signed_in
from tests.factories import make_issue
from tests.mailbox import Reader, newsletter, take_all
from tests.readers import mails


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    return newsletter(runtime, name="Explaining Ukraine")


def answer_for(reader: Reader) -> Answer:
    with reader.runtime.db.reading() as session:
        known = person(session, reader.row.id)
        assert known is not None
        (answer,) = answers(session, known)
        return answer


def settle(reader: Reader, state: OutboxState, reply: str = "") -> None:
    with reader.runtime.db.transaction() as session:
        mail = session.get_one(OutboxMail, reader.mails()[-1].id)
        mail.state, mail.reply, mail.settled_at = state, reply, reader.now


def sent_issue(runtime: Runtime, news: Newsletter, reader: Reader, state: DeliveryState | None) -> None:
    """An issue that went out, and what became of it for one reader."""
    with runtime.db.transaction() as session:
        issue = make_issue(session, news)
        issue.content_hash, issue.state = "x", IssueState.SENT
        issue.started_at = issue.sent_at = runtime.clock.now()
        session.flush()
        if state is not None:
            settled = None if state is DeliveryState.WAITING else runtime.clock.now()
            session.add(
                Delivery(
                    issue_id=issue.id,
                    subscriber_id=reader.row.id,
                    state=state,
                    reason="" if state in (DeliveryState.WAITING, DeliveryState.ACCEPTED) else "soft",
                    settled_at=settled,
                    reply="250 2.0.0 queued",
                )
            )


def at_a_dead_domain(runtime: Runtime, news: Newsletter, email: str) -> Reader:
    """Somebody whose domain DNS was asked about once the form was in."""
    reader, now = Reader(runtime, email=email), runtime.clock.now()
    wanted = intake.Signup(email, [news.id], reader.client)
    with runtime.db.transaction() as session:
        intake.note_signup(session, wanted, is_proven=True, means=runtime, now=now)
        domains.remember(session, {email.rpartition("@")[2]: False}, now=now)
        take_all(session, runtime)
    return reader


def test_a_sign_up_whose_mail_waits_says_so(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)

    assert answer_for(reader).why is Why.MAIL_UNDER_WAY


def test_a_refused_confirmation_tells_what_the_server_said(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)
    settle(reader, OutboxState.FAILED, "550 5.1.1 no such user")

    found = answer_for(reader)

    assert (found.why, found.reply) == (Why.MAIL_REFUSED, "550 5.1.1 no such user")


def test_a_link_that_was_not_opened_and_one_that_was(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)
    token = reader.token()
    settle(reader, OutboxState.ACCEPTED)
    before = answer_for(reader).why
    with runtime.db.transaction() as session:
        note_opened(session, token, means=runtime, client="192.0.2.1", now=runtime.clock.now())

    assert (before, answer_for(reader).why) == (Why.NOT_OPENED, Why.NOT_CONFIRMED)


def test_an_office_waits_for_an_editor(runtime: Runtime, news: Newsletter) -> None:
    office = Reader(runtime, email="press@paper.example")
    office.signs_up(news)

    assert answer_for(office).why is Why.HELD


def test_a_domain_without_a_server_is_named(runtime: Runtime, news: Newsletter) -> None:
    reader = at_a_dead_domain(runtime, news, "olena@gmaul.com.ua")

    assert answer_for(reader).why is Why.NO_SERVER


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (None, Why.JOINED_LATER),
        (DeliveryState.ACCEPTED, Why.TAKEN),
        (DeliveryState.WAITING, Why.WAITING),
        (DeliveryState.UNKNOWN, Why.IN_DOUBT),
        (DeliveryState.BOUNCED, Why.REFUSED),
        (DeliveryState.FAILED, Why.REFUSED),
        (DeliveryState.CANCELLED, Why.NOT_SENT),
    ],
)
def test_an_active_reader_learns_of_the_newest_issue(
    runtime: Runtime, news: Newsletter, state: DeliveryState | None, why: Why
) -> None:
    reader = Reader(runtime)
    reader.joins(news)
    sent_issue(runtime, news, reader, state)

    assert answer_for(reader).why is why


def test_without_an_issue_all_is_well(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.joins(news)

    assert answer_for(reader).why is Why.NOTHING_SENT


def _leaves(reader: Reader, news: Newsletter) -> None:
    _set(reader, news, SubscriptionState.UNSUBSCRIBED)


def _pauses(reader: Reader, news: Newsletter) -> None:
    _set(reader, news, SubscriptionState.PAUSED)


def _is_stopped(reader: Reader, _news: Newsletter) -> None:
    with reader.runtime.db.transaction() as session:
        suppression.suppress(
            session,
            address_hash=reader.row.address_hash,
            reason=SuppressionReason.EDITOR,
            now=reader.now,
        )


def _set(reader: Reader, news: Newsletter, state: SubscriptionState) -> None:
    with reader.runtime.db.transaction() as session:
        row = session.merge(reader.subscription(news))
        row.state, row.paused_until = state, reader.now + timedelta(days=7)


@pytest.mark.parametrize(
    ("happens", "why"), [(_leaves, Why.LEFT), (_pauses, Why.PAUSED), (_is_stopped, Why.STOPPED)]
)
def test_whoever_gets_nothing_any_more_is_told_apart(
    runtime: Runtime, news: Newsletter, happens: Callable[[Reader, Newsletter], None], why: Why
) -> None:
    reader = Reader(runtime)
    reader.joins(news)
    happens(reader, news)

    assert answer_for(reader).why is why


# --- at the desk ----------------------------------------------------------------------------------


@pytest.fixture
def desk(client: FlaskClient, db: Database) -> FlaskClient:
    signed_in(client, db)
    return client


def test_the_box_explains_and_sends_the_mail_once_more(
    desk: FlaskClient, runtime: Runtime, news: Newsletter, db: Database
) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)
    settle(reader, OutboxState.ACCEPTED)
    token = csrf_token(desk, "/desk/readers/why")

    page = desk.get("/desk/readers/why", query_string={"address": "READER@readers.example"})
    answer = desk.post(
        f"/desk/readers/{reader.row.id}/confirmation", data={"csrf_token": token}, follow_redirects=True
    )

    assert "Explaining Ukraine" in page.get_data(as_text=True)
    assert "never opened" in page.get_data(as_text=True)
    assert "once more" in answer.get_data(as_text=True)
    assert len(mails(db, "confirm")) == 2


def test_a_pause_says_until_when_by_the_newsletters_clocks(
    desk: FlaskClient, runtime: Runtime, news: Newsletter, db: Database
) -> None:
    reader = Reader(runtime)
    reader.joins(news)
    with db.transaction() as session:
        session.get_one(Newsletter, news.id).timezone = "Europe/Kyiv"
        row = session.merge(reader.subscription(news))
        row.state, row.paused_until = SubscriptionState.PAUSED, datetime(2026, 5, 9, 21, tzinfo=UTC)

    page = desk.get("/desk/readers/why", query_string={"address": reader.email}).get_data(as_text=True)

    assert "The reader is pausing until 10 May 2026." in page


def test_a_slip_in_the_domain_leads_to_the_address_that_was_meant(
    desk: FlaskClient, runtime: Runtime, news: Newsletter
) -> None:
    at_a_dead_domain(runtime, news, "olena@gmial.com")

    page = desk.get("/desk/readers/why", query_string={"address": "olena@gmial.com"}).get_data(as_text=True)

    assert 'href="/desk/readers/why?address=olena@gmail.com"' in page


def test_an_unknown_address_gets_a_hint(desk: FlaskClient, runtime: Runtime, news: Newsletter) -> None:
    Reader(runtime, email="olena.k@readers.example").joins(news)

    page = desk.get("/desk/readers/why?address=olena@gmial.com").get_data(as_text=True)

    assert "We do not know this address" in page
    assert "gmail.com" in page
    assert "olena.k@readers.example" in page


def test_what_is_no_address_is_said(desk: FlaskClient) -> None:
    page = desk.get("/desk/readers/why?address=olena").get_data(as_text=True)

    assert "Please, enter correct email address" in page
    assert 'value="olena"' in page


def test_every_explanation_has_words() -> None:
    assert set(WORDS) == set(Why)

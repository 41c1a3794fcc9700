"""Digests: what a reader did not get is told once, in one mail, with its own way out."""

from typing import Any

import pytest
from sqlalchemy import select

from newsletters.delivery import digests
from newsletters.delivery.digest_mail import queue_digest
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.tokens import Purpose
from newsletters.mail.composing import compose
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.office import Office
from newsletters.mail.verp import UnsubscribeRequest
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import pauses, unsubscribe
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.digest_models import DigestKind
from newsletters.subscribers.merging import merge
from newsletters.subscribers.models import Subscriber, SubscriptionState
from newsletters.subscribers.suppression import newsletter_scope, suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.tasks.register import register
from tests.at_once import all_at_once
from tests.digesting import DAY, HOUR, Newsroom
from tests.factories import make_issue, make_newsletter, make_subscriber, make_subscription
from tests.mailcheck import checked, html_of, text_of


@pytest.fixture
def newsroom(runtime: Runtime) -> Newsroom:
    register(runtime)
    with runtime.db.transaction() as session:
        newsletter = make_newsletter(session, slug="weekly", name="Weekly")
        subscription = make_subscription(
            session, newsletter, make_subscriber(session, "olena@readers.example")
        )
    return Newsroom(runtime, newsletter, subscription)


def test_who_comes_back_gets_one_digest_of_what_came_out_meanwhile(newsroom: Newsroom) -> None:
    newsroom.publishes("Before")
    newsroom.lets_pass(HOUR)
    newsroom.pauses()
    for subject in ("First", "Second"):
        newsroom.lets_pass(DAY)
        newsroom.publishes(subject)
    newsroom.lets_pass(6 * DAY)
    newsroom.ends_pauses()
    newsroom.publishes("After")

    newsroom.makes_digests()

    assert newsroom.row.state is SubscriptionState.ACTIVE
    assert newsroom.told() == [["Second", "First"]]
    assert newsroom.owed() == 0


def test_who_resumes_early_gets_it_then(newsroom: Newsroom) -> None:
    newsroom.pauses()
    newsroom.lets_pass(DAY)
    newsroom.publishes("Missed")
    newsroom.lets_pass(HOUR)

    newsroom.resumes()
    newsroom.makes_digests()

    assert newsroom.told() == [["Missed"]]


def test_a_pause_without_an_issue_brings_no_mail(newsroom: Newsroom) -> None:
    newsroom.pauses()
    newsroom.lets_pass(DAY)
    newsroom.resumes()

    newsroom.makes_digests()

    assert newsroom.mails() == []
    assert newsroom.owed() == 0


def test_what_begins_between_the_end_of_a_pause_and_our_noticing_it_comes_by_itself(
    newsroom: Newsroom,
) -> None:
    newsroom.pauses(DAY)
    newsroom.lets_pass(DAY + HOUR)
    issue = newsroom.publishes("In time")
    newsroom.ends_pauses()

    newsroom.makes_digests()

    assert newsroom.delivered(issue) is not None
    assert newsroom.mails() == []


def test_a_digest_is_made_once_however_often_it_is_asked_for(newsroom: Newsroom) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes("Missed")
    newsroom.lets_pass(2 * DAY)

    for _ in range(3):
        newsroom.ends_pauses()
        newsroom.resumes()
        newsroom.makes_digests()

    assert len(newsroom.mails()) == 1


def test_workers_at_once_end_a_pause_and_make_its_digest_once(newsroom: Newsroom) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes("Missed")
    newsroom.lets_pass(2 * DAY)

    all_at_once([newsroom.ends_pauses] * 3)
    all_at_once([newsroom.makes_digests] * 3)

    assert newsroom.told() == [["Missed"]]


def test_a_crash_while_it_is_made_loses_it_not_and_makes_it_not_twice(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes("Missed")
    newsroom.resumes()

    def dies(*args: Any, **given: Any) -> None:
        queue_digest(*args, **given)
        raise OSError("power cut")

    monkeypatch.setattr(digests, "queue_digest", dies)
    with pytest.raises(OSError, match="power cut"):
        newsroom.makes_digests()
    between = (newsroom.mails(), newsroom.owed())
    monkeypatch.setattr(digests, "queue_digest", queue_digest)
    newsroom.makes_digests()

    assert between == ([], 1)
    assert newsroom.told() == [["Missed"]]


def test_an_issue_that_a_pause_cut_off_on_its_way_was_missed(newsroom: Newsroom) -> None:
    issue = newsroom.publishes("Cut off")
    newsroom.lets_pass(HOUR)
    newsroom.pauses(DAY)
    with newsroom.runtime.db.transaction() as session:
        delivery = session.get_one(Delivery, (issue.id, newsroom.subscription.subscriber_id))
        delivery.state, delivery.reason = DeliveryState.CANCELLED, "paused"
        delivery.settled_at = newsroom.now
    newsroom.lets_pass(HOUR)
    newsroom.resumes()

    newsroom.makes_digests()

    assert newsroom.told() == [["Cut off"]]


def test_an_issue_that_arrived_in_spite_of_the_pause_is_not_told_again(newsroom: Newsroom) -> None:
    newsroom.pauses(DAY)
    issue = newsroom.publishes("Arrived")
    with newsroom.runtime.db.transaction() as session:
        reader = newsroom.subscription.subscriber_id
        session.add(Delivery(issue_id=issue.id, subscriber_id=reader, state=DeliveryState.ACCEPTED))
    newsroom.resumes()

    newsroom.makes_digests()

    assert newsroom.mails() == []


def test_an_issue_whose_readers_are_still_being_written_down_is_waited_for(newsroom: Newsroom) -> None:
    newsroom.pauses(DAY)
    issue = newsroom.publishes("Long list")
    with newsroom.runtime.db.transaction() as session:
        session.get_one(Issue, issue.id).frozen_at = None
    newsroom.resumes()

    newsroom.makes_digests()
    before = (newsroom.mails(), newsroom.owed())
    with newsroom.runtime.db.transaction() as session:
        session.get_one(Issue, issue.id).frozen_at = newsroom.now + HOUR
    newsroom.makes_digests()

    assert before == ([], 1)
    assert newsroom.told() == [["Long list"]]


@pytest.mark.parametrize("state", [IssueState.DRAFT, IssueState.CANCELLED])
def test_what_is_not_public_is_not_told(newsroom: Newsroom, state: IssueState) -> None:
    newsroom.pauses(DAY)
    issue = newsroom.publishes("Withdrawn")
    with newsroom.runtime.db.transaction() as session:
        session.get_one(Issue, issue.id).state = state
    newsroom.resumes()

    newsroom.makes_digests()

    assert newsroom.mails() == []


def test_other_newsletters_are_not_told_of(newsroom: Newsroom, runtime: Runtime) -> None:
    with runtime.db.transaction() as session:
        other = make_newsletter(session, name="Other")
        make_issue(session, other, state=IssueState.SENT, started_at=newsroom.now + HOUR, content_hash="x")
    newsroom.pauses(DAY)
    newsroom.lets_pass(2 * HOUR)
    newsroom.resumes()

    newsroom.makes_digests()

    assert newsroom.mails() == []


def test_who_leaves_before_it_is_made_gets_none(newsroom: Newsroom) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes("Missed")
    newsroom.resumes()
    with newsroom.runtime.db.transaction() as session:
        token = newsroom.runtime.signer.sign(Purpose.UNSUBSCRIBE, newsroom.subscription.id)
        unsubscribe.leave(session, token, means=newsroom.runtime, mechanism=Mechanism.LINK, now=newsroom.now)

    newsroom.makes_digests()

    assert newsroom.mails() == []
    assert newsroom.owed() == 0


@pytest.mark.parametrize("is_everywhere", [True, False])
def test_who_must_not_be_written_to_gets_none(newsroom: Newsroom, is_everywhere: bool) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes("Missed")
    newsroom.resumes()
    with newsroom.runtime.db.transaction() as session:
        reader = session.get_one(Subscriber, newsroom.subscription.subscriber_id)
        scope = {} if is_everywhere else {"scope": newsletter_scope(newsroom.newsletter.id)}
        reason = SuppressionReason.EDITOR
        suppress(session, address_hash=reader.address_hash, reason=reason, now=newsroom.now, **scope)

    newsroom.makes_digests()

    assert newsroom.mails() == []


def test_who_pauses_again_before_it_was_made_has_all_of_it_on_the_next_return(newsroom: Newsroom) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes("First")
    newsroom.lets_pass(HOUR)
    newsroom.resumes()
    newsroom.lets_pass(HOUR)
    newsroom.pauses(DAY)
    newsroom.makes_digests()
    newsroom.lets_pass(HOUR)
    newsroom.publishes("Second")
    newsroom.resumes()

    newsroom.makes_digests()

    assert newsroom.told() == [["Second", "First"]]


@pytest.mark.parametrize("had", [None, SubscriptionState.UNSUBSCRIBED, SubscriptionState.ACTIVE])
def test_who_has_become_one_with_another_reader_gets_what_is_owed(
    newsroom: Newsroom, runtime: Runtime, had: SubscriptionState | None
) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes("First")
    newsroom.lets_pass(HOUR)
    newsroom.resumes()
    with runtime.db.transaction() as session:
        gone = session.get_one(Subscriber, newsroom.subscription.subscriber_id)
        into = make_subscriber(session, "olena@elsewhere.example")
        if had is not None:
            other = make_subscription(session, newsroom.newsletter, into, state=had)
            pauses.owe(
                session, other, DigestKind.CATCH_UP, since=newsroom.now - 2 * HOUR, until=newsroom.now - HOUR
            )

        merge(session, into=into, gone=gone, now=newsroom.now)

    newsroom.makes_digests()

    assert newsroom.told() == [["First"]]
    assert [mail.recipient for mail in newsroom.mails()] == ["olena@elsewhere.example"]
    assert newsroom.owed() == 0


def test_a_queued_digest_does_not_leave_to_whoever_left_meanwhile(newsroom: Newsroom) -> None:
    newsroom.has_a_digest_queued()
    with newsroom.runtime.db.transaction() as session:
        token = newsroom.runtime.signer.sign(Purpose.UNSUBSCRIBE, newsroom.subscription.id)
        unsubscribe.leave(session, token, means=newsroom.runtime, mechanism=Mechanism.LINK, now=newsroom.now)

    assert newsroom.still_wants_its_digest() == [False]


def test_a_queued_digest_does_not_leave_to_whoever_must_not_be_written_to(newsroom: Newsroom) -> None:
    newsroom.has_a_digest_queued()
    wanted = newsroom.still_wants_its_digest()
    with newsroom.runtime.db.transaction() as session:
        reader = session.get_one(Subscriber, newsroom.subscription.subscriber_id)
        reason = SuppressionReason.EDITOR
        suppress(session, address_hash=reader.address_hash, reason=reason, now=newsroom.now)

    assert (wanted, newsroom.still_wants_its_digest()) == ([True], [False])


def test_who_pauses_while_a_digest_is_queued_has_all_of_it_on_the_next_return(newsroom: Newsroom) -> None:
    newsroom.has_a_digest_queued()
    newsroom.lets_pass(HOUR)
    newsroom.pauses(DAY)
    newsroom.publishes("Second")
    wanted = newsroom.still_wants_its_digest()
    newsroom.lets_pass(HOUR)
    newsroom.resumes()

    newsroom.makes_digests()

    assert wanted == [False]
    assert newsroom.told() == [["First"], ["Second", "First"]]


def test_pausing_for_longer_keeps_the_beginning_of_the_pause(newsroom: Newsroom) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes("Missed")
    newsroom.lets_pass(HOUR)
    newsroom.pauses(7 * DAY)
    newsroom.lets_pass(8 * DAY)
    newsroom.ends_pauses()

    newsroom.makes_digests()

    assert newsroom.told() == [["Missed"]]


def test_digests_never_crowd_the_outbox(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "AT_ONCE", 2)
    monkeypatch.setattr(digests, "MOST_WAITING", 3)
    monkeypatch.setattr(digests, "AT_ONCE", 2)
    with newsroom.runtime.db.transaction() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter.id)
        for _ in range(5):
            make_subscription(
                session,
                newsletter,
                state=SubscriptionState.PAUSED,
                paused_from=newsroom.now - HOUR,
                paused_until=newsroom.now + HOUR,
            )
    newsroom.publishes("Missed")
    newsroom.lets_pass(DAY)
    newsroom.ends_pauses()

    newsroom.makes_digests()
    first = len(newsroom.mails())
    with newsroom.runtime.db.transaction() as session:
        for mail in session.scalars(select(OutboxMail)):
            mail.state = OutboxState.ACCEPTED
    newsroom.makes_digests()

    assert (first, len(newsroom.mails())) == (3, 5)


def test_the_digest_is_a_mail_with_links_and_a_way_out(newsroom: Newsroom) -> None:
    newsroom.pauses(DAY)
    newsroom.publishes('Dear {{ name|"reader" }}', preheader="In short")
    newsroom.resumes()
    newsroom.makes_digests()
    (mail,) = newsroom.mails()

    office = Office.from_config(newsroom.runtime.config, newsroom.runtime.signer)
    message = checked(compose(mail, office=office, now=newsroom.now).message)

    urls = newsroom.runtime.urls
    leave, mailto = (way.strip("<>") for way in message["List-Unsubscribe"].split(", "))
    address = mailto.removeprefix("mailto:").removesuffix("?subject=unsubscribe")
    with newsroom.runtime.db.reading() as session:
        issue = session.scalars(select(Issue)).one()
    assert message["Subject"] == "Weekly: what came out while you were away"
    assert message["From"].endswith(f"<{newsroom.newsletter.sender_email}>")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == f"Weekly <newsletter-{newsroom.newsletter.id}.localhost>"
    assert urls.issue("weekly", issue.slug) in text_of(message)
    assert f'href="{leave}"' in html_of(message)
    assert office.paths.read(address, now=newsroom.now) == UnsubscribeRequest((newsroom.row.id,))
    assert "Dear reader" in text_of(message)
    assert "2 March" in text_of(message)
    with newsroom.runtime.db.transaction() as session:
        token = leave.rpartition("/")[2]
        unsubscribe.leave(
            session, token, means=newsroom.runtime, mechanism=Mechanism.ONE_CLICK, now=newsroom.now
        )
    assert newsroom.row.state is SubscriptionState.UNSUBSCRIBED


def test_after_a_long_time_away_the_archive_has_the_rest(newsroom: Newsroom) -> None:
    newsroom.pauses(60 * DAY)
    for number in range(32):
        newsroom.publishes(f"Issue {number}")
        newsroom.lets_pass(HOUR)
    newsroom.resumes()

    newsroom.makes_digests()

    (mail,) = newsroom.mails()
    assert (len(mail.params["issues"]), mail.params["more"]) == (30, 2)
    assert mail.params["issues"][0]["subject"] == "Issue 31"


def test_a_digest_of_hidden_issues_shows_in_an_inbox_no_more_than_they_do(newsroom: Newsroom) -> None:
    with newsroom.runtime.db.transaction() as session:
        newsletter = session.get_one(Newsletter, newsroom.newsletter.id)
        newsletter.is_low_trace = newsletter.has_neutral_issues = True
    newsroom.pauses(DAY)
    newsroom.publishes("Hidden words")
    newsroom.resumes()
    newsroom.makes_digests()
    (mail,) = newsroom.mails()

    office = Office.from_config(newsroom.runtime.config, newsroom.runtime.signer)
    message = checked(compose(mail, office=office, now=newsroom.now).message)

    shown = f"{message['Subject']} {message['From']} {message['List-Id']}"
    assert message["Subject"] == "A letter for you"
    assert "Weekly" not in shown
    assert html_of(message).count("Hidden words") == 1

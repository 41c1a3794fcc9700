"""The demo newsroom is a believable one, and its books balance."""

from collections import Counter

import pytest
from sqlalchemy import func, select

from newsletters.cli.demo import furnish, is_empty
from newsletters.delivery.models import Delivery
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.models import (
    ConsentEvent,
    ConsentRecord,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.suppression_models import Suppression


@pytest.fixture
def furnished(runtime: Runtime) -> Runtime:
    furnish(runtime)
    return runtime


def test_there_are_newsletters_in_two_languages_with_three_past_issues_each(furnished: Runtime) -> None:
    with furnished.db.reading() as session:
        newsletters = session.scalars(select(Newsletter)).all()
        issues = Counter(session.scalars(select(Issue.newsletter_id).where(Issue.state == IssueState.SENT)))

    assert len(newsletters) == 6
    assert {newsletter.language for newsletter in newsletters} == {"en", "uk"}
    assert len({(one.cadence, one.sender_email, one.accent) for one in newsletters}) == 6
    assert set(issues.values()) == {3}
    assert "Explaining Ukraine" in {newsletter.name for newsletter in newsletters}


def test_every_prepared_delivery_has_an_outcome(furnished: Runtime) -> None:
    with furnished.db.reading() as session:
        prepared = dict(session.execute(select(Issue.id, Issue.prepared)).all())
        deliveries = select(Delivery.issue_id, func.count()).group_by(Delivery.issue_id)
        delivered = dict(session.execute(deliveries).all())

    assert prepared == delivered


def test_nobody_is_active_without_evidence(furnished: Runtime) -> None:
    confirmed = select(ConsentRecord.subscriber_id).where(ConsentRecord.event == ConsentEvent.CONFIRMED)
    with furnished.db.reading() as session:
        unproved = session.scalars(
            select(Subscription.id).where(
                Subscription.state == SubscriptionState.ACTIVE, Subscription.subscriber_id.not_in(confirmed)
            )
        ).all()

    assert unproved == []


def test_dead_mailboxes_are_suppressed(furnished: Runtime) -> None:
    with furnished.db.reading() as session:
        stopped = session.scalars(
            select(Subscriber.address_hash)
            .join(Subscription, Subscription.subscriber_id == Subscriber.id)
            .where(Subscription.state.in_((SubscriptionState.BOUNCED, SubscriptionState.COMPLAINED)))
        ).all()
        suppressed = session.scalars(select(Suppression.address_hash)).all()

    assert set(stopped) == set(suppressed) != set()


def test_all_readers_live_at_example_domains(furnished: Runtime) -> None:
    with furnished.db.reading() as session:
        emails = session.scalars(select(Subscriber.email)).all()

    assert len(emails) > 2000
    assert all(email.endswith(".example") for email in emails)


def test_a_furnished_database_is_not_empty(runtime: Runtime) -> None:
    before = is_empty(runtime)

    furnish(runtime)

    assert before
    assert not is_empty(runtime)

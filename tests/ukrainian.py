"""A Ukrainian newsletter, a reader of it, and browsers that ask for a language."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import IssueState, Newsletter, OptInWording
from newsletters.runtime import Runtime
from newsletters.subscribers.mails import preferences_token
from newsletters.subscribers.models import Subscriber, Subscription
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter, make_subscriber, make_subscription
from tests.readers import EMAIL

PAGE = "/newsletters/nedilia"
ASKED = "uk-UA,uk;q=0.9,en;q=0.5"


def browser(app: Flask, asks_for: str) -> FlaskClient:
    """A browser with a cookie jar of its own that sends ``asks_for`` as Accept-Language."""
    client = app.test_client()
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = asks_for
    return client


def found_newsletter(session: Session) -> Newsletter:
    """A newsletter of which every word is Ukrainian, with two issues sent."""
    newsletter = make_newsletter(
        session,
        slug="nedilia",
        name="Українська неділя",
        language="uk",
        tagline="Недільне читання без поспіху.",
        cadence="Щонеділі",
        byline="Марта Коваль",
        sender_name="Марта Коваль",
        postal_address="вул. Пресова, 1, Київ",
        description="Один довгий текст щонеділі.",
        sample="Книжка гріє двічі.",
        next_issue_on=NOW + timedelta(days=6),
    )
    wording = session.scalars(select(OptInWording).where(OptInWording.newsletter_id == newsletter.id)).one()
    wording.consent_text = "Надсилайте мені «Українську неділю»."
    for slug, days in (("khlib", 14), ("potiah", 7)):
        at = NOW - timedelta(days=days)
        make_issue(
            session,
            newsletter,
            slug=slug,
            subject="Неділя без поспіху",
            preheader="Один рецепт",
            body="Доброго ранку!",
            state=IssueState.SENT,
            content_hash="x",
            started_at=at,
            sent_at=at,
        )
    return newsletter


@pytest.fixture
def ukrainian(app: Flask) -> FlaskClient:
    """A browser that asks for Ukrainian."""
    return browser(app, ASKED)


@pytest.fixture
def ukrainian_subscription(db: Database, newsletter: Newsletter) -> Subscription:
    """Of somebody who reads the Ukrainian newsletter and speaks Ukrainian."""
    with db.transaction() as session:
        return make_subscription(session, newsletter, make_subscriber(session, EMAIL, language="uk"))


@pytest.fixture
def preferences(runtime: Runtime, db: Database, ukrainian_subscription: Subscription) -> str:
    """The path of their own preferences."""
    with db.reading() as session:
        reader = session.get_one(Subscriber, ukrainian_subscription.subscriber_id)
    return f"/preferences/{preferences_token(runtime, reader, now=NOW)}"


@pytest.fixture
def leaving(runtime: Runtime, ukrainian_subscription: Subscription) -> str:
    """The path of the link in their issues."""
    return f"/unsubscribe/{runtime.signer.sign(Purpose.UNSUBSCRIBE, ukrainian_subscription.id, 0)}"

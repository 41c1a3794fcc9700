"""A newsroom with one newsletter in each language, and browsers that ask for one."""

from datetime import timedelta

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.publishing.models import IssueState, Newsletter, OptInWording
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter

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

"""Rows with honest defaults, each valid by itself; a test says only what it is about."""

from datetime import datetime
from itertools import count

from sqlalchemy.orm import Session

from newsletters.accounts.models import Editor, Role
from newsletters.kernel.digests import Digester
from newsletters.publishing.models import Issue, Newsletter, OptInWording
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from tests.conftest import NOW

DIGESTER = Digester(b"h" * 40)  # the key of the fixture ``config``
_numbers = count(1)


def make_newsletter(session: Session, *, name: str = "Explaining Ukraine", **fields: object) -> Newsletter:
    """A newsletter with its first opt-in wording."""
    number = next(_numbers)
    newsletter = Newsletter(
        **{
            "slug": f"newsletter-{number}",
            "name": name,
            "sender_name": name,
            "sender_email": f"news{number}@newsroom.example",
            "postal_address": "1 Press Street, Kyiv",
            "created_at": NOW,
            **fields,
        }
    )
    session.add(newsletter)
    session.flush()
    session.add(
        OptInWording(
            newsletter_id=newsletter.id,
            version=1,
            consent_text=f"Send me {name} by e-mail.",
            created_at=NOW,
        )
    )
    session.flush()
    return newsletter


def make_subscriber(session: Session, email: str | None = None, **fields: object) -> Subscriber:
    email = email or f"reader{next(_numbers)}@readers.example"
    key = email.lower()
    subscriber = Subscriber(
        **{
            "email": email,
            "email_key": key,
            "address_hash": DIGESTER.address(key),
            "created_at": NOW,
            **fields,
        }
    )
    session.add(subscriber)
    session.flush()
    return subscriber


def make_subscription(
    session: Session,
    newsletter: Newsletter,
    subscriber: Subscriber | None = None,
    *,
    state: SubscriptionState = SubscriptionState.ACTIVE,
    confirmed_at: datetime | None = NOW,
    **fields: object,
) -> Subscription:
    subscriber = subscriber or make_subscriber(session)
    subscription = Subscription(
        **{
            "subscriber_id": subscriber.id,
            "newsletter_id": newsletter.id,
            "state": state,
            "requested_at": NOW,
            "confirmed_at": None if state is SubscriptionState.PENDING else confirmed_at,
            **fields,
        }
    )
    session.add(subscription)
    session.flush()
    return subscription


def make_issue(session: Session, newsletter: Newsletter, **fields: object) -> Issue:
    number = next(_numbers)
    issue = Issue(
        **{
            "newsletter_id": newsletter.id,
            "slug": f"issue-{number}",
            "subject": f"Issue {number}",
            "preheader": "What happened this week",
            "body": '# Hello\n\nDear {{ name|"reader" }}, here is the news.',
            "created_at": NOW,
            "edited_at": NOW,
            "frozen_at": fields.get("started_at"),
            **fields,
        }
    )
    session.add(issue)
    session.flush()
    return issue


def make_editor(session: Session, *, role: Role = Role.EDITOR, **fields: object) -> Editor:
    number = next(_numbers)
    email = f"editor{number}@newsroom.example"
    editor = Editor(
        **{
            "email": email,
            "email_key": email,
            "name": f"Editor {number}",
            "role": role,
            "password_hash": "!",
            "created_at": NOW,
            **fields,
        }
    )
    session.add(editor)
    session.flush()
    return editor

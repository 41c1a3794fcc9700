"""A newsroom of any size: one newsletter, its readers, and an issue whose mail is 30 KB.

Readers have names in several scripts and addresses at many domains. The issue greets each by name; links,
List-Unsubscribe, Feedback-ID and return path are as in every issue.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks import bulk
from benchmarks.stores import Build
from newsletters.accounts.editors import create_editor
from newsletters.accounts.models import Role
from newsletters.kernel.db import Database
from newsletters.kernel.digests import Digester
from newsletters.kernel.urls import Urls
from newsletters.mail.render import MailTemplates
from newsletters.publishing import lifecycle
from newsletters.publishing.layout import compile_issue
from newsletters.publishing.models import Issue, IssueState, Newsletter, OptInWording
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState

SECRET_KEY = "a signing key of the benchmarks alone, 48 letters"
ADDRESS_HASH_KEY = "a hashing key of the benchmarks alone, 48 letters"
PUBLIC_URL = "https://letters.newsroom.example"
SENDER = "explaining@newsroom.example"
EDITOR, PASSWORD = "editor@newsroom.example", "nine quiet benches by the canal"
MESSAGE_BYTES = 30 * 1024
BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NAMES = (
    "Ada Reporter",
    "Олена Коваль",
    "José Álvarez",
    "Zoë O'Hara",
    "李小龍",
    "Jürgen Groß",
    "Mary-Jane Poe",
)
DOMAINS = 5000
READER = ("id", "email", "email_key", "address_hash", "name", "name_key", "created_at")
PARAGRAPH = (
    "The bridge over the river was closed on **Monday**, and [the council](https://www.newsroom.example/{0}) "
    "says that it will stay so until the spring. Nobody was hurt; the ferry runs every twenty minutes.\n\n"
)


@dataclass(frozen=True, slots=True)
class Size:
    """How many readers there are."""

    readers: int

    @property
    def name(self) -> str:
        return f"newsroom_{self.readers}"

    @property
    def build(self) -> Build:
        return partial(furnish, readers=self.readers)


def furnish(db: Database, *, readers: int) -> None:
    """Write the newsroom into an empty database."""
    with db.transaction() as session:
        newsletter = publish(session)
        create_editor(session, email=EDITOR, name="Ed Itor", role=Role.OWNER, now=BEGAN, password=PASSWORD)
    enrol(db, newsletter.id, readers)


def publish(session: Session) -> Newsletter:
    """A newsletter that readers can sign up for, and its draft of 30 KB."""
    newsletter = Newsletter(
        slug="explaining",
        name="Explaining Ukraine",
        tagline="What happened, and why",
        sender_name="Explaining Ukraine",
        sender_email=SENDER,
        postal_address="1 Press Street, Kyiv 01001",
        created_at=BEGAN,
    )
    session.add(newsletter)
    session.flush()
    session.add(
        OptInWording(
            newsletter_id=newsletter.id, version=1, consent_text="Send me the letter.", created_at=BEGAN
        )
    )
    draft(session, newsletter)
    return newsletter


def draft(session: Session, newsletter: Newsletter, *, slug: str = "bridge") -> Issue:
    """An issue with as many paragraphs as make a message of 30 KB, signatures not counted."""
    issue = Issue(
        newsletter_id=newsletter.id,
        slug=slug,
        subject="The bridge, {{ name }}, and what it carries",
        preheader="Closed since Monday",
        created_at=BEGAN,
        edited_at=BEGAN,
    )
    session.add(issue)
    session.flush()
    paragraphs = 1
    while message_bytes(session, issue, paragraphs) < MESSAGE_BYTES:
        paragraphs += 1
    return issue


def message_bytes(session: Session, issue: Issue, paragraphs: int) -> int:
    """The size of the message to a reader when the issue has so many paragraphs, which it then has."""
    text = "".join(PARAGRAPH.format(number) for number in range(paragraphs))
    issue.body = f'# The bridge\n\nDear {{{{ name|"reader" }}}},\n\n{text}'
    templates = MailTemplates(newsroom="The Newsroom", public_url=PUBLIC_URL)
    compiled = compile_issue(session, issue, urls=Urls(PUBLIC_URL), templates=templates)
    values = dict.fromkeys(compiled.slots, "x" * 40)
    message = compiled.render(
        values,
        recipient="reader1234567@mail1234.example",
        recipient_name=NAMES[0],
        message_id="<issue.1.1234567@newsroom.example>",
        date=BEGAN,
    )
    return len(message)


def enrol(db: Database, newsletter_id: int, readers: int) -> None:
    """Write so many active readers of the newsletter."""
    began = bulk.stored(db, Subscriber, "created_at", BEGAN)
    bulk.insert(db, Subscriber, READER, _readers(readers, began))
    active = bulk.stored(db, Subscription, "state", SubscriptionState.ACTIVE)
    columns = ("subscriber_id", "newsletter_id", "state", "requested_at", "confirmed_at", "source")
    rows = ((number, newsletter_id, active, began, began, "front page") for number in range(1, readers + 1))
    bulk.insert(db, Subscription, columns, rows)
    bulk.settle(db, Subscriber, Subscription)


def send(db: Database) -> int:
    """Let the draft go out at once, and return its number."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        issue = session.scalars(select(Issue).where(Issue.state == IssueState.DRAFT)).one()
        lifecycle.schedule(session, issue, send_at=now, editor_id=None, now=now)
    return issue.id


def _readers(count: int, began: object) -> Iterator[tuple[object, ...]]:
    digester = Digester(ADDRESS_HASH_KEY.encode())
    for number in range(1, count + 1):
        email = f"reader{number}@mail{number % DOMAINS}.example"
        name = NAMES[number % len(NAMES)]
        yield number, email, email, digester.address(email), name, name.casefold(), began

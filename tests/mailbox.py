"""A reader as the tests see one: fills in a form, finds mail in the outbox, follows what is in it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.mail.models import OutboxMail
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import codes, confirm, intake
from newsletters.subscribers.models import FormKind, Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.taking import take
from tests.factories import make_newsletter

_clients = count(1)


def fresh_client() -> str:
    """An address no other post came from, in a network of its own."""
    number = next(_clients)
    return f"10.{number // 250 % 250}.{number % 250}.7"


@dataclass
class Reader:
    """One mailbox and whoever posts for it."""

    runtime: Runtime
    email: str = "reader@readers.example"
    client: str = field(default_factory=fresh_client)

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    def signs_up(self, *newsletters: Newsletter, is_proven: bool = True, **fields: object) -> int:
        """Post the form, with a proof where one is wanted, and return the request's number."""
        wanted = intake.Signup(
            **{  # type: ignore[arg-type]
                "email": self.email,
                "newsletter_ids": [newsletter.id for newsletter in newsletters],
                "client": self.client,
                **fields,
            }
        )
        with self.runtime.db.transaction() as session:
            number = intake.note_signup(
                session, wanted, is_proven=is_proven, means=self.runtime, now=self.now
            ).request_id
            take_all(session, self.runtime)
        return number

    def asks(self, kind: FormKind) -> None:
        """Post a form that holds nothing but the address."""
        with self.runtime.db.transaction() as session:
            intake.note_address(
                session,
                kind,
                self.email,
                client=self.client,
                is_proven=True,
                means=self.runtime,
                now=self.now,
            )
            take_all(session, self.runtime)

    def confirms(self, token: str | None = None, **fields: object) -> object:
        """Press the button behind the link of the newest confirmation mail."""
        with self.runtime.db.transaction() as session:
            return confirm.confirm(
                session,
                token or self.token(),
                **{"means": self.runtime, "client": self.client, "now": self.now, **fields},  # type: ignore[arg-type]
            )

    def looks(self, token: str | None = None, **fields: object) -> object:
        """Open the link of the newest confirmation mail."""
        with self.runtime.db.reading() as session:
            return confirm.offer(
                session,
                token or self.token(),
                **{"means": self.runtime, "now": self.now, **fields},  # type: ignore[arg-type]
            )

    def types(self, code: str, *requests: int, client: str = "") -> object:
        """Type a code on the page of ``requests``."""
        with self.runtime.db.transaction() as session:
            return codes.confirm_by_code(
                session, requests, code, means=self.runtime, client=client or self.client, now=self.now
            )

    def joins(self, *newsletters: Newsletter) -> None:
        """Sign up and confirm."""
        self.signs_up(*newsletters)
        self.confirms()

    def mails(self) -> list[OutboxMail]:
        """What is in the outbox for this mailbox, oldest first."""
        with self.runtime.db.reading() as session:
            rows = session.scalars(
                select(OutboxMail)
                .where(func.lower(OutboxMail.recipient) == self.email.lower())
                .order_by(OutboxMail.id)
            )
            return list(rows)

    def kinds(self) -> list[str]:
        return [mail.kind for mail in self.mails()]

    def param(self, name: str, kind: str = "confirm") -> str:
        """A value of the newest mail of ``kind``."""
        return str(next(mail for mail in reversed(self.mails()) if mail.kind == kind).params[name])

    def token(self, name: str = "confirm_url", kind: str = "confirm") -> str:
        return self.param(name, kind).rpartition("/")[2]

    @property
    def row(self) -> Subscriber:
        with self.runtime.db.reading() as session:
            return session.scalars(
                select(Subscriber).where(func.lower(Subscriber.email) == self.email.lower())
            ).one()

    def subscription(self, newsletter: Newsletter) -> Subscription:
        with self.runtime.db.reading() as session:
            return session.scalars(
                select(Subscription).where(
                    Subscription.subscriber_id == self.row.id, Subscription.newsletter_id == newsletter.id
                )
            ).one()

    def state(self, newsletter: Newsletter) -> SubscriptionState:
        return self.subscription(newsletter).state


def take_all(session: Session, runtime: Runtime, *, now: datetime | None = None) -> None:
    """Take every posted form, as a worker does moments after the post."""
    moment = now or runtime.clock.now()
    for posted in intake.due(session, now=moment, limit=1000):
        take(session, posted, means=runtime, now=moment)


def newsletter(runtime: Runtime, **fields: object) -> Newsletter:
    """A newsletter that is committed."""
    with runtime.db.transaction() as session:
        return make_newsletter(session, **fields)  # type: ignore[arg-type]


def advance(runtime: Runtime, by: timedelta) -> None:
    """Let time pass on the test's clock."""
    runtime.clock.advance(by)  # type: ignore[attr-defined]

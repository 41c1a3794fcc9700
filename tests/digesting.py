"""A newsroom with one reader who pauses and comes back, and what they are told then."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from newsletters.delivery import digests, freeze
from newsletters.delivery.models import Delivery
from newsletters.mail.models import OutboxMail
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import preferences
from newsletters.subscribers.digest_models import Digest
from newsletters.subscribers.models import Subscriber, Subscription
from newsletters.tasks.periodic import end_pauses, make_digests
from tests.factories import make_issue
from tests.mailbox import advance

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass
class Newsroom:
    """One newsletter, one reader, and what they do."""

    runtime: Runtime
    newsletter: Newsletter
    subscription: Subscription

    @property
    def now(self) -> datetime:
        return self.runtime.clock.now()

    @property
    def row(self) -> Subscription:
        with self.runtime.db.reading() as session:
            return session.get_one(Subscription, self.subscription.id)

    def pauses(self, for_: timedelta = 7 * DAY) -> None:
        with self.runtime.db.transaction() as session:
            reader = session.get_one(Subscriber, self.subscription.subscriber_id)
            until = self.now + for_
            assert preferences.pause(session, reader, self.newsletter.id, until=until, now=self.now)

    def resumes(self) -> bool:
        with self.runtime.db.transaction() as session:
            reader = session.get_one(Subscriber, self.subscription.subscriber_id)
            return preferences.resume(session, reader, self.newsletter.id, now=self.now)

    def publishes(self, subject: str, **fields: object) -> Issue:
        """An issue begins now, and who gets it is written down as ever."""
        with self.runtime.db.transaction() as session:
            newsletter = session.get_one(Newsletter, self.newsletter.id)
            issue = make_issue(
                session,
                newsletter,
                subject=subject,
                state=IssueState.SCHEDULED,
                send_at=self.now,
                **fields,
            )
        with self.runtime.db.transaction() as session:
            freeze.start(session, issue.id, batch_size=100, now=self.now)
        return issue

    def ends_pauses(self) -> None:
        end_pauses(self.runtime)

    def makes_digests(self) -> None:
        make_digests(self.runtime)

    def mails(self) -> list[OutboxMail]:
        with self.runtime.db.reading() as session:
            return list(
                session.scalars(select(OutboxMail).where(OutboxMail.kind == "digest").order_by(OutboxMail.id))
            )

    def has_a_digest_queued(self) -> None:
        self.pauses(DAY)
        self.publishes("First")
        self.lets_pass(HOUR)
        self.resumes()
        self.makes_digests()

    def still_wants_its_digest(self) -> list[bool]:
        """What is said of each digest when it is its turn to leave."""
        with self.runtime.db.transaction() as session:
            return [digests.is_wanted(session, mail) for mail in self.mails()]

    def told(self) -> list[list[str]]:
        """The subjects in each digest."""
        return [[issue["subject"] for issue in mail.params["issues"]] for mail in self.mails()]

    def owed(self) -> int:
        with self.runtime.db.reading() as session:
            return session.scalar(select(func.count()).select_from(Digest)) or 0

    def lets_pass(self, by: timedelta) -> None:
        advance(self.runtime, by)

    def delivered(self, issue: Issue) -> Delivery | None:
        with self.runtime.db.reading() as session:
            return session.get(Delivery, (issue.id, self.subscription.subscriber_id))

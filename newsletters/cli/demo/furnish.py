"""Writes the demo newsroom: everything that its past would have left in the tables."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from newsletters.accounts.models import Editor
from newsletters.bounces.models import Bounce, BounceKind
from newsletters.cli.demo.newsroom import NEWSLETTERS, DemoNewsletter
from newsletters.cli.demo.readers import STOPPED_AFTER, DemoReader, DemoSubscription, imagine_readers
from newsletters.cli.demo.signups import funnel_rows
from newsletters.delivery.gathering import gather
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.columns import Base
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.publishing.models import Issue, IssueState, Newsletter, OptInWording
from newsletters.publishing.signatures import sign_missing
from newsletters.runtime import Runtime
from newsletters.subscribers.count_models import FunnelCount
from newsletters.subscribers.models import (
    ConsentEvent,
    ConsentRecord,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason

SEED = 1991
ROWS_A_STATEMENT = 500
ACCEPTED = "250 2.0.0 Ok: queued"
NO_SUCH_USER = "550 5.1.1 The address does not exist here"
SUPPRESSED_FOR = {
    SubscriptionState.BOUNCED: SuppressionReason.HARD_BOUNCE,
    SubscriptionState.COMPLAINED: SuppressionReason.COMPLAINT,
}
MAILBOX_FULL = "452 4.2.2 Mailbox full"


@dataclass(frozen=True, slots=True)
class _Published:
    """A newsletter as stored, with the words its readers agreed to."""

    row: Newsletter
    wording: OptInWording
    issues: list[Issue]

    def issue_left_at(self, ended_at: datetime | None) -> int | None:
        """The issue a reader had just got when they left."""
        sent = [
            issue for issue in self.issues if ended_at and issue.started_at and issue.started_at < ended_at
        ]
        return sent[-1].id if sent else None


def is_empty(runtime: Runtime) -> bool:
    """Whether there is neither a newsletter nor an editor yet."""
    with runtime.db.reading() as session:
        counts = (session.scalar(select(func.count()).select_from(table)) for table in (Newsletter, Editor))
        return not any(counts)


def furnish(runtime: Runtime) -> None:
    """Write the whole demo in one transaction: all of it or nothing."""
    now = runtime.clock.now()
    random = Random(SEED)  # noqa: S311  (a demo's dice, not a secret)
    with runtime.db.transaction() as session:
        published = {one.slug: _publish(session, one, now) for one in NEWSLETTERS}
        readers = imagine_readers(random, now=now)
        ids = _store_readers(session, runtime, readers)
        everything = list(zip(ids, readers, strict=True))
        _insert(session, Subscription, _subscription_rows(everything, published))
        _insert(session, ConsentRecord, _consent_rows(everything, published))
        _insert(session, Suppression, _suppression_rows(runtime, readers))
        numbers = {slug: one.row.id for slug, one in published.items()}
        _insert(session, FunnelCount, funnel_rows(readers, numbers, random))
        sign_missing(session, notary=runtime, now=now)
        for one in NEWSLETTERS:
            for issue in published[one.slug].issues:
                _store_deliveries(session, one, issue, everything, random)


def _publish(session: Session, demo: DemoNewsletter, now: datetime) -> _Published:
    newsletter = Newsletter(
        slug=demo.slug,
        name=demo.name,
        tagline=demo.tagline,
        description=demo.description,
        sample=demo.sample,
        language=demo.language,
        cadence=demo.cadence,
        byline=demo.byline,
        sender_name=demo.sender_name,
        sender_email=demo.sender_email,
        reply_to="letters@newsroom.example",
        postal_address="The Newsroom, 1 Press Street, Kyiv 01001, Ukraine",
        timezone="Europe/Kyiv",
        accent=demo.accent,
        position=NEWSLETTERS.index(demo),
        next_issue_on=demo.next_issue_at(now=now),
        created_at=now - timedelta(days=450),
    )
    session.add(newsletter)
    session.flush()
    wording = OptInWording(
        newsletter_id=newsletter.id, version=1, consent_text=demo.consent, created_at=newsletter.created_at
    )
    session.add(wording)
    session.flush()
    return _Published(newsletter, wording, _store_issues(session, demo, newsletter, now))


def _store_readers(session: Session, runtime: Runtime, readers: list[DemoReader]) -> list[int]:
    rows = [
        {
            "email": reader.email,
            "email_key": reader.email,
            "address_hash": runtime.digester.address(reader.email),
            "name": reader.name,
            "name_key": reader.name.casefold(),
            "language": reader.language,
            "created_at": reader.joined_at,
        }
        for reader in readers
    ]
    _insert(session, Subscriber, rows)
    found = dict(session.execute(select(Subscriber.email_key, Subscriber.id)).all())
    return [found[reader.email] for reader in readers]


def _subscription_rows(
    everything: list[tuple[int, DemoReader]], published: dict[str, _Published]
) -> Iterator[dict[str, Any]]:
    for subscriber_id, reader in everything:
        for one in reader.subscriptions:
            yield {
                "subscriber_id": subscriber_id,
                "newsletter_id": published[one.newsletter.slug].row.id,
                "state": one.state,
                "requested_at": one.requested_at,
                "confirmed_at": one.confirmed_at,
                "ended_at": one.ended_at,
                "source": one.form,
                "unsubscribed_by_issue_id": _issue_that_ended(one, published),
            }


def _issue_that_ended(one: DemoSubscription, published: dict[str, _Published]) -> int | None:
    if one.state is not SubscriptionState.UNSUBSCRIBED:
        return None
    return published[one.newsletter.slug].issue_left_at(one.ended_at)


def _suppression_rows(runtime: Runtime, readers: list[DemoReader]) -> Iterator[dict[str, Any]]:
    for reader in readers:
        first = reader.subscriptions[0]
        if first.state in SUPPRESSED_FOR:
            yield {
                "address_hash": runtime.digester.address(reader.email),
                "scope": "all",
                "reason": SUPPRESSED_FOR[first.state],
                "detail": NO_SUCH_USER if first.state is SubscriptionState.BOUNCED else "",
                "actor": "system",
                "created_at": first.ended_at,
            }


def _consent_rows(
    everything: list[tuple[int, DemoReader]], published: dict[str, _Published]
) -> Iterator[dict[str, Any]]:
    for subscriber_id, reader in everything:
        for one in reader.subscriptions:
            publication = published[one.newsletter.slug]
            for event, mechanism, at in _consent_events(one):
                yield {
                    "subscriber_id": subscriber_id,
                    "newsletter_id": publication.row.id,
                    "event": event,
                    "mechanism": mechanism,
                    "wording_id": publication.wording.id,
                    "form": one.form,
                    "page": f"/newsletters/{one.newsletter.slug}",
                    "at": at,
                }


def _consent_events(one: DemoSubscription) -> Iterator[tuple[ConsentEvent, str, datetime]]:
    yield ConsentEvent.REQUESTED, "form", one.requested_at
    if one.confirmed_at is not None:
        yield ConsentEvent.CONFIRMED, "link", one.confirmed_at
    if one.ended_at is not None and one.state is SubscriptionState.UNSUBSCRIBED:
        yield ConsentEvent.WITHDRAWN, "one-click", one.ended_at


def _store_issues(
    session: Session, demo: DemoNewsletter, newsletter: Newsletter, now: datetime
) -> list[Issue]:
    texts = zip(demo.issues(), demo.issue_times(now=now), strict=True)
    issues = [_past_issue(newsletter, text, sent_at) for text, sent_at in texts]
    session.add_all(issues)
    session.flush()
    return issues


def _past_issue(newsletter: Newsletter, text: tuple[str, str, str], sent_at: datetime) -> Issue:
    subject, preheader, body = text
    issue = Issue(
        newsletter_id=newsletter.id,
        slug=f"{sent_at:%Y-%m-%d}",
        subject=subject,
        preheader=preheader,
        body=body,
        state=IssueState.SENT,
        created_at=sent_at - timedelta(hours=20),
        edited_at=sent_at - timedelta(hours=2),
        send_at=sent_at,
        started_at=sent_at,
        frozen_at=sent_at,
        sent_at=sent_at + timedelta(seconds=9),
    )
    issue.content_hash = frozen_hash(issue, newsletter)
    return issue


def _store_deliveries(
    session: Session,
    demo: DemoNewsletter,
    issue: Issue,
    everything: list[tuple[int, DemoReader]],
    random: Random,
) -> None:
    assert issue.started_at is not None  # noqa: S101  (a past issue was started)
    recipients = _recipients(demo, everything, issue.started_at)
    issue.candidates = issue.prepared = len(recipients)
    outcomes = [_outcome(issue, subscriber_id, one, random) for subscriber_id, one in recipients]
    _insert(session, Delivery, outcomes)
    gather(session, issue.id, batch_size=ROWS_A_STATEMENT, now=issue.started_at)
    _insert(session, Bounce, _bounce_rows(outcomes))


def _recipients(
    demo: DemoNewsletter, everything: list[tuple[int, DemoReader]], sent_at: datetime
) -> list[tuple[int, DemoSubscription]]:
    return [
        (subscriber_id, one)
        for subscriber_id, reader in everything
        for one in reader.subscriptions
        if one.newsletter is demo and one.gets_mail_at(sent_at)
    ]


def _outcome(issue: Issue, subscriber_id: int, one: DemoSubscription, random: Random) -> dict[str, Any]:
    assert issue.started_at is not None  # noqa: S101  (a past issue was started)
    dead = one.state is SubscriptionState.BOUNCED and one.ended_at == issue.started_at + STOPPED_AFTER
    full = not dead and random.random() < 0.002
    state = DeliveryState.BOUNCED if dead else DeliveryState.FAILED if full else DeliveryState.ACCEPTED
    return {
        "issue_id": issue.id,
        "subscriber_id": subscriber_id,
        "state": state,
        "reason": "hard" if dead else "expired" if full else "",
        "attempts": 9 if full else 1,
        "settled_at": issue.started_at + timedelta(milliseconds=random.randrange(100, 4900)),
        "reply": NO_SUCH_USER if dead else MAILBOX_FULL if full else ACCEPTED,
    }


def _bounce_rows(outcomes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for outcome in outcomes:
        if outcome["state"] is DeliveryState.BOUNCED:
            yield {
                "subscriber_id": outcome["subscriber_id"],
                "issue_id": outcome["issue_id"],
                "kind": BounceKind.HARD,
                "reply": outcome["reply"],
                "at": outcome["settled_at"],
            }


def _insert(session: Session, table: type[Base], rows: Iterable[dict[str, Any]]) -> None:
    waiting = list(rows)
    for start in range(0, len(waiting), ROWS_A_STATEMENT):
        session.execute(insert(table), waiting[start : start + ROWS_A_STATEMENT])

"""“Why didn't she get it?”: for each newsletter of a reader, the one thing that explains it best.

Reads what is written anyway and guesses nothing: where a server took a mail, that is all that is known. The
words are the door's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.subscribers.answering import Hold
from newsletters.subscribers.consent import newest_requests
from newsletters.subscribers.mails import ASKING
from newsletters.subscribers.models import Rhythm, SignupRequest, Subscription, SubscriptionState
from newsletters.subscribers.queries import Person


class Why(StrEnum):
    """What explains that nothing came."""

    STOPPED = "stopped"
    HELD = "held"
    NO_SERVER = "no_server"
    TOO_MANY = "too_many"
    MAIL_UNDER_WAY = "mail_under_way"
    MAIL_REFUSED = "mail_refused"
    NO_MAIL = "no_mail"
    NOT_OPENED = "not_opened"
    NOT_CONFIRMED = "not_confirmed"
    LEFT = "left"
    PAUSED = "paused"
    UNREACHABLE = "unreachable"
    COMPLAINED = "complained"
    NOTHING_SENT = "nothing_sent"
    DIGEST = "digest"
    JOINED_LATER = "joined_later"
    TAKEN = "taken"
    IN_DOUBT = "in_doubt"
    WAITING = "waiting"
    REFUSED = "refused"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The explanation for one newsletter."""

    newsletter: Newsletter
    why: Why
    at: datetime | None = None
    reply: str = ""
    reason: str = ""
    issue: Issue | None = None
    until: datetime | None = None


def answers(session: Session, person: Person) -> Sequence[Answer]:
    """One answer for each newsletter the reader ever asked for."""
    wanted = [row.newsletter_id for row in person.subscriptions]
    newsletters = {
        found.id: found for found in session.scalars(select(Newsletter).where(Newsletter.id.in_(wanted)))
    }
    return [_answer(session, person, row, newsletters[row.newsletter_id]) for row in person.subscriptions]


def _answer(session: Session, person: Person, row: Subscription, newsletter: Newsletter) -> Answer:
    if person.suppression is not None:
        stopped = person.suppression
        return Answer(
            newsletter=newsletter, why=Why.STOPPED, at=stopped.created_at, reason=stopped.reason.value
        )
    if row.state is SubscriptionState.PENDING:
        return _pending(session, person, row, newsletter)
    if row.state is SubscriptionState.ACTIVE:
        return _active(session, row, newsletter)
    ended = {
        SubscriptionState.UNSUBSCRIBED: Why.LEFT,
        SubscriptionState.PAUSED: Why.PAUSED,
        SubscriptionState.BOUNCED: Why.UNREACHABLE,
        SubscriptionState.COMPLAINED: Why.COMPLAINED,
    }[row.state]
    return Answer(newsletter=newsletter, why=ended, at=row.ended_at, until=row.paused_until)


def _pending(session: Session, person: Person, row: Subscription, newsletter: Newsletter) -> Answer:
    """How far the confirmation came."""
    request = _request(session, person, newsletter.id)
    holds = set(request.signals.split()) if request else set()
    if request is not None and request.held:
        return Answer(newsletter=newsletter, why=Why.HELD, at=request.created_at, reason=request.held)
    if Hold.NO_SERVER in holds:
        return Answer(newsletter=newsletter, why=Why.NO_SERVER, at=row.requested_at)
    if request is not None and request.opened_at is not None:
        return Answer(newsletter=newsletter, why=Why.NOT_CONFIRMED, at=request.opened_at)
    return _by_mail(session, person, row, newsletter, is_limited=Hold.LIMIT in holds)


def _by_mail(
    session: Session, person: Person, row: Subscription, newsletter: Newsletter, *, is_limited: bool
) -> Answer:
    mail = session.scalars(
        select(OutboxMail)
        .where(OutboxMail.subscriber_id == person.subscriber.id, OutboxMail.kind.in_(ASKING))
        .order_by(OutboxMail.id.desc())
        .limit(1)
    ).first()
    if mail is None:
        why = Why.TOO_MANY if is_limited else Why.NO_MAIL
        return Answer(newsletter=newsletter, why=why, at=row.requested_at)
    why = {
        OutboxState.WAITING: Why.MAIL_UNDER_WAY,
        OutboxState.ACCEPTED: Why.NOT_OPENED,
        OutboxState.FAILED: Why.MAIL_REFUSED,
    }[mail.state]
    return Answer(newsletter=newsletter, why=why, at=mail.settled_at or mail.created_at, reply=mail.reply)


def _active(session: Session, row: Subscription, newsletter: Newsletter) -> Answer:
    """What became of the newest issue that began to go out."""
    issue = session.scalars(
        select(Issue)
        .where(
            Issue.newsletter_id == newsletter.id,
            Issue.state.in_((IssueState.SENDING, IssueState.PAUSED, IssueState.SENT)),
        )
        .order_by(Issue.started_at.desc(), Issue.id.desc())
        .limit(1)
    ).first()
    if issue is None:
        return Answer(newsletter=newsletter, why=Why.NOTHING_SENT)
    delivery = session.get(Delivery, (issue.id, row.subscriber_id))
    if delivery is None and row.rhythm is not Rhythm.EACH:
        return Answer(newsletter=newsletter, why=Why.DIGEST, at=row.covered_until, issue=issue)
    if delivery is None:
        return Answer(newsletter=newsletter, why=Why.JOINED_LATER, at=row.confirmed_at, issue=issue)
    why = {
        DeliveryState.WAITING: Why.WAITING,
        DeliveryState.ACCEPTED: Why.TAKEN,
        DeliveryState.UNKNOWN: Why.IN_DOUBT,
        DeliveryState.BOUNCED: Why.REFUSED,
        DeliveryState.FAILED: Why.REFUSED,
        DeliveryState.CANCELLED: Why.NOT_SENT,
    }[delivery.state]
    return Answer(
        newsletter=newsletter,
        why=why,
        at=delivery.settled_at,
        reply=delivery.reply,
        reason=delivery.reason,
        issue=issue,
        until=delivery.next_attempt_at,
    )


def _request(session: Session, person: Person, newsletter_id: int) -> SignupRequest | None:
    """The newest sign-up behind a pending subscription, as long as it is kept."""
    said = newest_requests(session, person.subscriber.id).get(newsletter_id)
    number = said.signup_request_id if said else None
    return session.get(SignupRequest, number) if number else None

"""Everything we hold about a reader, in a form a person reads and a program takes (GDPR Art. 15 and 20)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.publishing.models import Newsletter
from newsletters.subscribers.models import SignupRequest, Subscriber, Subscription
from newsletters.subscribers.queries import ConsentLine, consent_lines, suppression_of

Json = dict[str, object]


def download(
    session: Session,
    subscriber: Subscriber,
    *,
    now: datetime,
) -> Json:
    """What this slice knows, ready for JSON; reports/own_data.py adds what the others do."""
    names = dict(session.execute(select(Newsletter.id, Newsletter.name)).all())
    suppression = suppression_of(session, subscriber.address_hash)
    return {
        "made_at": _moment(now),
        "address": subscriber.email,
        "name": subscriber.name,
        "language": subscriber.language,
        "fields": dict(subscriber.fields),
        "known_since": _moment(subscriber.created_at),
        "subscriptions": [_subscription(row, names) for row in _subscriptions(session, subscriber)],
        "consent": consents(session, subscriber),
        "sign_ups": [_signup(request) for request in _requests(session, subscriber)],
        "not_written_to_because": suppression.reason.value if suppression else None,
    }


def consents(session: Session, subscriber: Subscriber) -> list[Json]:
    """What the reader agreed to and took back, oldest first, each with the very words."""
    newsletters = {newsletter.id: newsletter for newsletter in session.scalars(select(Newsletter))}
    return [_consent(line, newsletters) for line in consent_lines(session, subscriber.id)]


def _subscriptions(session: Session, subscriber: Subscriber) -> Sequence[Subscription]:
    return session.scalars(
        select(Subscription).where(Subscription.subscriber_id == subscriber.id).order_by(Subscription.id)
    ).all()


def _requests(session: Session, subscriber: Subscriber) -> Sequence[SignupRequest]:
    return session.scalars(
        select(SignupRequest).where(SignupRequest.subscriber_id == subscriber.id).order_by(SignupRequest.id)
    ).all()


def _subscription(row: Subscription, names: Mapping[int, str]) -> Json:
    return {
        "newsletter": names[row.newsletter_id],
        "state": row.state.value,
        "requested_at": _moment(row.requested_at),
        "confirmed_at": _moment(row.confirmed_at),
        "ended_at": _moment(row.ended_at),
        "paused_until": _moment(row.paused_until),
        "comes": row.rhythm.value,
        "source": row.source,
    }


def _consent(line: ConsentLine, newsletters: Mapping[int, Newsletter]) -> Json:
    record, wording = line.record, line.wording
    newsletter = newsletters[record.newsletter_id]
    return {
        "number": record.id,
        "newsletter": newsletter.name,
        "language": newsletter.language,
        "event": record.event.value,
        "how": record.mechanism,
        "at": _moment(record.at),
        "form": record.form,
        "page": record.page,
        "wording": wording.consent_text if wording else None,
        "wording_version": wording.version if wording else None,
    }


def _signup(request: SignupRequest) -> Json:
    return {
        "at": _moment(request.created_at),
        "name": request.name,
        "fields": dict(request.fields),
        "form": request.form,
        "page": request.page,
        "noticed": request.signals.split(),
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None

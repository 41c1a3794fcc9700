"""A reader to whom everything has happened that can happen to one."""

from datetime import timedelta

from sqlalchemy.orm import Session

from newsletters.bounces.models import Bounce, BounceKind, Complaint
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.publishing.models import IssueState, Newsletter, OptInWording
from newsletters.runtime import Runtime
from newsletters.subscribers import suppression
from newsletters.subscribers.models import (
    Confirmation,
    ConsentEvent,
    ConsentRecord,
    Subscriber,
)
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter, make_subscriber, make_subscription


def furnish(session: Session, runtime: Runtime, *, text: str = "plain") -> tuple[Newsletter, Subscriber]:
    """A reader to whom everything has happened, with ``text`` wherever something foreign is kept."""
    newsletter = make_newsletter(session, name="Explaining Ukraine")
    email = "grace@readers.example"
    reader = make_subscriber(session, email, name=text[:120], address_hash=runtime.digester.address(email))
    make_subscription(session, newsletter, reader, source=text[:120])
    wording = session.query(OptInWording).one()
    for number, event in enumerate(ConsentEvent):
        session.add(
            ConsentRecord(
                subscriber_id=reader.id,
                newsletter_id=newsletter.id,
                event=event,
                mechanism="form" if event is ConsentEvent.REQUESTED else "code",
                wording_id=wording.id,
                form=text[:120],
                page=f"https://paper.example/{text}",
                at=NOW + timedelta(minutes=number),
            )
        )
    session.add(
        Confirmation(
            subscriber_id=reader.id, email=email, code_hash="", created_at=NOW, expires_at=NOW, scanned_at=NOW
        )
    )
    session.add(
        OutboxMail(
            kind="confirm",
            recipient=email,
            subscriber_id=reader.id,
            language="en",
            params={},
            message_id="m",
            state=OutboxState.FAILED,
            attempts=3,
            created_at=NOW,
            due_at=NOW,
            settled_at=NOW + timedelta(minutes=9),
            reply=f"550 5.7.1 {text}"[:500],
        )
    )
    for state in DeliveryState:
        issue = make_issue(
            session,
            newsletter,
            subject=f"{state.value} {text}"[:300],
            state=IssueState.SENT,
            content_hash="x",
            started_at=NOW,
        )
        session.add(
            Delivery(
                issue_id=issue.id,
                subscriber_id=reader.id,
                state=state,
                reason=text[:30],
                attempts=2,
                settled_at=NOW,
                reply=f"450 4.2.1 {text}"[:500],
            )
        )
    for kind in BounceKind:
        session.add(Bounce(subscriber_id=reader.id, kind=kind, reply=f"554 {text}"[:500], at=NOW))
    session.add(Complaint(subscriber_id=reader.id, source=text[:60], at=NOW))
    suppression.suppress(
        session,
        address_hash=reader.address_hash,
        reason=SuppressionReason.COMPLAINT,
        detail=text,
        actor=text[:60],
        now=NOW,
    )
    session.flush()
    return newsletter, reader

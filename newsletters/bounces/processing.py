"""What follows from a refusal: it is kept, and a dead address is not written to again.

Called in the transaction that settles the delivery. Soft and policy refusals condemn nobody.
"""

import re
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletters.bounces.classify import classify
from newsletters.bounces.models import Bounce, BounceKind, Complaint
from newsletters.subscribers.models import Subscriber, SuppressionReason
from newsletters.subscribers.stopping import mark_bounced
from newsletters.subscribers.suppression import suppress


def record_refusal(
    session: Session, *, subscriber_id: int, issue_id: int | None, kind: BounceKind, reply: str, now: datetime
) -> None:
    """Keep a permanent refusal of a mail, and act on it where it is hard."""
    session.add(Bounce(subscriber_id=subscriber_id, issue_id=issue_id, kind=kind, reply=reply[:500], at=now))
    subscriber = session.get(Subscriber, subscriber_id)
    if kind is not BounceKind.HARD or subscriber is None:
        return
    suppress(
        session,
        address_hash=subscriber.address_hash,
        reason=SuppressionReason.HARD_BOUNCE,
        detail=_codes(reply),
        now=now,
    )
    mark_bounced(session, subscriber_id=subscriber_id, now=now)


def _codes(reply: str) -> str:
    """A reply without its words, which may quote the address: a suppression outlives erasure."""
    found = re.match(r"\d{3}(?: \d\.\d+\.\d+)?", reply)
    return found[0] if found else ""


def forget_reader(session: Session, subscriber_id: int) -> None:
    """Delete the bounces and complaints of an erased reader. Idempotent."""
    session.execute(delete(Bounce).where(Bounce.subscriber_id == subscriber_id))
    session.execute(delete(Complaint).where(Complaint.subscriber_id == subscriber_id))


class SmtpRefusals:
    """What a sender asks when the server refuses a mail for good."""

    def classify(self, code: int, enhanced: str, text: str) -> str:
        return classify(code, enhanced, text)

    def record(
        self, session: Session, *, subscriber_id: int, issue_id: int, kind: str, reply: str, now: datetime
    ) -> None:
        record_refusal(
            session,
            subscriber_id=subscriber_id,
            issue_id=issue_id,
            kind=BounceKind(kind),
            reply=reply,
            now=now,
        )

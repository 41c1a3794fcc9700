"""What readers were owed when a copy of the database was made: perhaps sent since, so owed no more.

The copy knows nothing of the time after it. So no reminder and no digest of that time goes out a second time,
and a form that was posted just then is not answered again. Whoever signs up from now on is served as ever.
"""

from datetime import datetime

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from newsletters.subscribers.digest_models import Digest
from newsletters.subscribers.models import (
    IS_DIGEST,
    Confirmation,
    PostedForm,
    Subscription,
    SubscriptionState,
)


def owe_nothing(session: Session, *, before: datetime, now: datetime) -> None:
    """Strike out what may have been sent since; digests begin anew with what comes out from ``now`` on."""
    for statement in (
        delete(PostedForm).where(PostedForm.posted_at < before),
        delete(Digest),
        update(Confirmation)
        .where(Confirmation.reminder_decided_at.is_(None), Confirmation.created_at < before)
        .values(reminder_decided_at=now),
        update(Subscription).where(IS_DIGEST, Subscription.covered_until < now).values(covered_until=now),
        update(Subscription)
        .where(Subscription.state == SubscriptionState.PAUSED, Subscription.paused_until <= now)
        .values(paused_from=now),
    ):
        session.execute(statement.execution_options(synchronize_session=False))

"""Erasing a reader at their own word (GDPR Art. 17): a keyed hash stays, so that no import revives them.

Everything of this slice goes with the row, waiting and settled mail too. The slices above keep rows that
name the reader by number; they come for those, and until they have, the number waits in ``erasures``.
Numbers are never given out again, so what is left without a name stays without one.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletters.mail.outbox import forget_subscriber
from newsletters.subscribers import allowances, lookups
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import Erasure, SuppressionReason


def erase(session: Session, subscriber: Subscriber, *, means: Means, now: datetime) -> None:
    """Forget a reader. A complaint or an editor's decision about the address stays in force."""
    lookups.hold(session, [subscriber.id])
    address_hash = means.digester.address(subscriber.email_key)
    suppress(session, address_hash=address_hash, reason=SuppressionReason.ERASED, actor="reader", now=now)
    forget_subscriber(session, subscriber.id)
    allowances.forget_address(session, address_hash)
    session.add(Erasure(subscriber_id=subscriber.id, at=now))
    session.flush()
    session.execute(delete(Subscriber).where(Subscriber.id == subscriber.id))


def unfinished_erasures(session: Session, *, limit: int = 100) -> Sequence[int]:
    """Numbers of readers who are gone and whose traces above this slice may go: no merge needs them."""
    free = select(Erasure.subscriber_id).where(Erasure.merged_into.is_(None))
    return session.scalars(free.order_by(Erasure.at).limit(limit)).all()


def finish_erasure(session: Session, subscriber_id: int) -> None:
    """Nothing is left of this reader anywhere."""
    session.execute(delete(Erasure).where(Erasure.subscriber_id == subscriber_id))

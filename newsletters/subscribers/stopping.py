"""Ending subscriptions because mail came back or a reader told their provider that it is spam.

These are the system's acts, not the reader's: no withdrawal of consent is recorded. Whether the address
as such is written to is the suppression list's business, and its caller's to say.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.subscribers import lookups
from newsletters.subscribers.lifecycle import Event, advance


def mark_bounced(session: Session, *, subscriber_id: int, now: datetime) -> None:
    """The address is dead: end what would be mailed to it. Idempotent."""
    _advance(session, subscriber_id, Event.BOUNCE, now=now)


def absolve_bounced(session: Session, *, subscriber_id: int, now: datetime) -> None:
    """The bounces were the provider's fault: what they ended goes on as it was. Idempotent."""
    _advance(session, subscriber_id, Event.ABSOLVE, now=now)


def mark_complained(session: Session, *, subscriber_id: int, now: datetime) -> None:
    """The reader complained: end everything, and let no old subscription come back by itself. Idempotent."""
    _advance(session, subscriber_id, Event.COMPLAIN, now=now)


def _advance(session: Session, subscriber_id: int, event: Event, *, now: datetime) -> None:
    for row in lookups.locked_subscriptions(session, subscriber_id):
        advance(row, event, now=now)

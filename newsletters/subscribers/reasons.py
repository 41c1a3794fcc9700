"""Why readers leave, if they care to say: asked afterwards, never before, and kept without who said it.

A reason is written with its newsletter and its day, and with nothing that leads back to a reader: no
address, no number, no hour, no issue. The subscription only remembers that its reader has answered, so that
one leaving is told of once. After a year a reader's own words are forgotten; the counts stay.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletters.subscribers.count_models import LeavingReason, Reason
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import SubscriptionState
from newsletters.subscribers.unsubscribe import Unusable, held_by
from newsletters.subscribers.words import without_controls

LONGEST_WORDS: Final = 500
WORDS_KEPT: Final = timedelta(days=365)


def tell(
    session: Session, token: str, *, reason: Reason | None, words: str, means: Means, now: datetime
) -> bool | Unusable:
    """Write down why the link's reader has left; False where they have not, said nothing, or did before."""
    held = held_by(session, token, means=means, now=now)
    if isinstance(held, Unusable):
        return held
    words = without_controls(words)[:LONGEST_WORDS].strip()
    row = held.row
    if row.state is not SubscriptionState.UNSUBSCRIBED or row.told_why or not (reason or words):
        return False
    row.told_why = True
    session.add(
        LeavingReason(
            newsletter_id=row.newsletter_id,
            reason=reason or Reason.OTHER,
            words=words,
            on=now.astimezone(UTC).date(),
        )
    )
    return True


def forget_old_words(session: Session, *, now: datetime) -> None:
    """Keep the reason and drop what was written beside it long ago."""
    before = (now - WORDS_KEPT).astimezone(UTC).date()
    old = update(LeavingReason).where(LeavingReason.on < before, LeavingReason.words != "")
    session.execute(old.values(words="").execution_options(synchronize_session=False))

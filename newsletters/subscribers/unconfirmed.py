"""What became of sign-ups that were not confirmed by their first mail, counted by day and newsletter.

The requests themselves are forgotten after a month; these counts stay, and hold nothing of anybody.
"""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from newsletters.kernel.db import insert_into
from newsletters.subscribers.count_models import UnconfirmedCount


class Fate(StrEnum):
    """What is counted. The values are columns."""

    REMINDED = "reminded"
    WON = "won"
    FORGOTTEN = "forgotten"


def count(session: Session, fate: Fate, newsletter_id: int, *, now: datetime, each: int = 1) -> None:
    """Add to the counts of today (UTC)."""
    statement = insert_into(session, UnconfirmedCount).values(
        on=now.astimezone(UTC).date(), newsletter_id=newsletter_id, **(dict.fromkeys(Fate, 0) | {fate: each})
    )
    column = getattr(UnconfirmedCount, fate)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["on", "newsletter_id"], set_={fate: column + statement.excluded[fate]}
        )
    )

"""When a single mail is tried again. Pure: time and chance are arguments.

Somebody waits for a confirmation mail, so the first retry comes after a minute, the second passes the usual
greylisting, and after three days the link in it would soon be dead anyway (RFC 5321 section 4.5.4.1 asks for
four to five days for mail in general).
"""

from datetime import datetime, timedelta
from typing import Final

GIVEN_UP_AFTER: Final = timedelta(days=3)
SERVER_AWAY: Final = timedelta(seconds=60)
_DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 6, 15, 30, 60, 120, 240))
_JITTER: Final = 0.2


def next_attempt_at(attempts: int, *, now: datetime, chance: float) -> datetime:
    """The time of the try after ``attempts`` failed ones (one or more); ``chance`` lies in [0, 1)."""
    delay = _DELAYS[min(attempts, len(_DELAYS)) - 1]
    return now + delay * (1 + _JITTER * (2 * chance - 1))


def is_given_up(created_at: datetime, *, next_at: datetime) -> bool:
    """Whether ``next_at`` comes too late for a mail asked for at ``created_at``."""
    return next_at - created_at > GIVEN_UP_AFTER

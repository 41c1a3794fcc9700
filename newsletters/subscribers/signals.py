"""Signs that a machine filled a form in, and how much each weighs.

Each alone proves nothing (autofill fills traps, a returning reader is quick), so each is only noted. Those of
one post add up to its risk; from ``HELD_FROM`` on the confirmation mail waits for an editor, who reads the
reasons. The answer on the page is the same.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from newsletters.kernel.tokens import Purpose, TokenRefused
from newsletters.subscribers.mailboxes import is_throwaway
from newsletters.subscribers.means import Means

FASTEST_PERSON_SECONDS: Final = 2.0  # to type an address and press a button; paste and autofill included


class Signal(StrEnum):
    """What was noticed about one sign-up. Stored as text: a word may be added, never changed."""

    TRAP = "trap"
    FAST = "fast"
    LINK = "link"
    THROWAWAY = "throwaway"
    CROWD = "crowd"


WEIGHT: Final = {Signal.TRAP: 3, Signal.FAST: 2, Signal.LINK: 4, Signal.THROWAWAY: 1, Signal.CROWD: 1}
HELD_FROM: Final = 5
_LINK = re.compile(r"https?:|www\.|://|[a-z0-9-]\.(?:com|net|org|ru|info|biz|xyz|top|shop)\b", re.IGNORECASE)


def noticed(
    *,
    trap: str,
    filled_in_seconds: float | None,
    name: str = "",
    domain: str = "",
    is_in_crowd: bool = False,
) -> frozenset[Signal]:
    """The signals of one post; an unknown fill time is none."""
    found = {
        Signal.TRAP: bool(trap.strip()),
        Signal.FAST: filled_in_seconds is not None and filled_in_seconds < FASTEST_PERSON_SECONDS,
        Signal.LINK: _LINK.search(name) is not None,
        Signal.THROWAWAY: is_throwaway(domain),
        Signal.CROWD: is_in_crowd,
    }
    return frozenset(signal for signal, is_there in found.items() if is_there)


def risk(signals: Collection[Signal]) -> int:
    """What the signals weigh together."""
    return sum(WEIGHT[signal] for signal in signals)


def is_risky(signals: Collection[Signal]) -> bool:
    return risk(signals) >= HELD_FROM


def fill_token(means: Means, *, now: datetime) -> str:
    """What a form carries so that its fill time is known: the moment it was made, to the millisecond."""
    return means.signer.sign(Purpose.FILL_TIME, int(now.timestamp() * 1000))


def filled_in_seconds(means: Means, token: str, *, now: datetime) -> float | None:
    """How long ago the form was made; None where it does not say, or says a time still to come."""
    try:
        (made,) = means.signer.read(token, Purpose.FILL_TIME, now=now).ids
    except (TokenRefused, ValueError):
        return None
    seconds = (now - datetime.fromtimestamp(made / 1000, UTC)).total_seconds()
    return seconds if seconds >= 0 else None  # two machines' clocks differ: a sign of nothing

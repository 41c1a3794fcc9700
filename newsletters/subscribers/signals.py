"""Signs that a machine filled a form in: a field no person sees, and less time than a person takes.

Each alone proves nothing (autofill fills traps, a returning reader is quick), so each is only noted; both
together hold the confirmation mail back. The answer on the page is the same.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from newsletters.kernel.tokens import Purpose, TokenExpired, TokenForeign, TokenForged
from newsletters.subscribers.means import Means

FASTEST_PERSON_SECONDS: Final = 2.0  # to type an address and press a button; paste and autofill included


class Signal(StrEnum):
    """What was noticed about one sign-up."""

    TRAP = "trap"
    FAST = "fast"


def noticed(*, trap: str, filled_in_seconds: float | None) -> frozenset[Signal]:
    """The signals of one post; an unknown fill time is none."""
    signals = set()
    if trap.strip():
        signals.add(Signal.TRAP)
    if filled_in_seconds is not None and filled_in_seconds < FASTEST_PERSON_SECONDS:
        signals.add(Signal.FAST)
    return frozenset(signals)


def is_clearly_a_machine(signals: Collection[Signal]) -> bool:
    return Signal.TRAP in signals and Signal.FAST in signals


def fill_token(means: Means, *, now: datetime) -> str:
    """What a form carries so that its fill time is known: the moment it was made, to the millisecond."""
    return means.signer.sign(Purpose.FILL_TIME, int(now.timestamp() * 1000))


def filled_in_seconds(means: Means, token: str, *, now: datetime) -> float | None:
    """How long ago the form was made; None where it does not say, or says a time still to come."""
    try:
        (made,) = means.signer.read(token, Purpose.FILL_TIME, now=now).ids
    except (TokenForged, TokenForeign, TokenExpired, ValueError):
        return None
    seconds = (now - datetime.fromtimestamp(made / 1000, UTC)).total_seconds()
    return seconds if seconds >= 0 else None  # two machines' clocks differ: a sign of nothing

"""When a mail that was put off is tried again. Pure: the clock and chance are arguments.

A first refusal is most often greylisting, which wants some minutes (RFC 6647); after it the general
interval of at least half an hour holds, and after four to five days one gives up (RFC 5321 section
4.5.4.1). Waits grow and are jittered, so that what was put off together does not come back together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait, and for how long in all."""

    first: tuple[timedelta, timedelta] = (timedelta(minutes=5), timedelta(minutes=15))
    general: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=4)
    give_up_after: timedelta = timedelta(days=4)
    shortest_after_drop: timedelta = timedelta(seconds=5)

    @property
    def attempts(self) -> int:
        """How many attempts fit between the first and giving up, by the waits' lower bounds."""
        count, spent = 1, timedelta()
        while spent <= self.give_up_after:
            spent += self._lower(count)
            count += 1
        return count

    def next_attempt_at(self, attempts: int, *, now: datetime, chance: Random) -> datetime | None:
        """When to try again after ``attempts`` failed ones, or None to give up."""
        if attempts >= self.attempts:
            return None
        if attempts <= 1:
            shortest, longest = self.first
            return now + shortest + (longest - shortest) * chance.random()
        return now + self._lower(attempts) * (1 + chance.random() / 2)

    def after_drop(self, started_at: datetime, *, now: datetime, chance: Random) -> datetime | None:
        """When to try again after the server hung up during the message: no attempt of the reader's.

        It may still be this very message that makes the server hang up, so the wait grows with the
        issue's age, and ends with it.
        """
        age = now - started_at
        if age > self.give_up_after:
            return None
        return now + max(self.shortest_after_drop, age / 10) * (1 + chance.random())

    def _lower(self, attempts: int) -> timedelta:
        if attempts <= 1:
            return self.first[0]
        doublings = min(attempts - 2, 20)
        return min(self.general * (1 << doublings), self.longest)


def probe_delay(waited: timedelta) -> timedelta:
    """How long to leave an absent server alone when it has been away for ``waited``: 5 s up to 5 min."""
    return min(max(waited, timedelta(seconds=5)), timedelta(minutes=5))

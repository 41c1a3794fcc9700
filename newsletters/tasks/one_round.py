"""Work that a process does one round of at a time. Whoever comes meanwhile goes away: it is being done."""

from collections.abc import Callable
from threading import Lock


class OneRound:
    """Lets one thread begin and turns the others away, without waiting."""

    def __init__(self) -> None:
        self._lock = Lock()

    @property
    def is_on(self) -> bool:
        """Whether somebody is at it now."""
        return self._lock.locked()

    def run(self, work: Callable[[], None]) -> None:
        """Do ``work``, unless a round is on."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            work()
        finally:
            self._lock.release()

"""How often a process does what every post of a crowd would have it do."""

import time


class Pace:
    """Lets one through, and the next after a while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    def may_go(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True

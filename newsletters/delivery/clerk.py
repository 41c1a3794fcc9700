"""Who goes to the database for the sender: itself, or a thread beside it.

On SQLite a commit takes less time than handing it to a thread. On PostgreSQL it is a round trip and a write
to disk, and meanwhile the sender goes on with other connections; what gathers then is the next group.
"""

from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, Protocol

Job = Callable[[], Any]
Then = Callable[[Any], None]


class Clerk(Protocol):
    """Does jobs one after the other; ``then`` is always called in the sender's thread."""

    @property
    def is_busy(self) -> bool:
        """Whether something that was asked for is to be collected yet."""

    def ask(self, job: Job, then: Then) -> None:
        """Do ``job`` and pass its result to ``then``, now or later."""

    def collect(self) -> None:
        """Call what waits for a result that is there. Raises what its job raised."""

    def finish(self) -> None:
        """Wait for every job, and call what waits for them."""

    def close(self) -> None:
        """Have no thread any more."""


class SameThread:
    """Does every job at once."""

    is_busy = False

    def ask(self, job: Job, then: Then) -> None:
        then(job())

    def collect(self) -> None:
        """Nothing ever waits."""

    def finish(self) -> None:
        """Nothing ever waits."""

    def close(self) -> None:
        """There is no thread."""


class OwnThread:
    """Does the jobs in a thread of its own, in their order."""

    def __init__(self, *, wake: Callable[[], None], name: str) -> None:
        """``wake`` lets the sender know that there is something to collect."""
        self._wake = wake
        self._jobs: SimpleQueue[tuple[Job, Then] | None] = SimpleQueue()
        self._done: deque[tuple[Then, Any, BaseException | None]] = deque()
        self._asked = 0
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        return self._asked > 0

    def ask(self, job: Job, then: Then) -> None:
        self._asked += 1
        self._jobs.put((job, then))

    def collect(self) -> None:
        while self._done:
            then, result, error = self._done.popleft()
            self._asked -= 1
            if error is not None:
                raise error
            then(result)

    def finish(self) -> None:
        while self._asked:
            reached = Event()
            self.ask(reached.set, _nothing)
            reached.wait()
            self.collect()

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (asked := self._jobs.get()) is not None:
            job, then = asked
            try:
                self._done.append((then, job(), None))
            except BaseException as error:  # noqa: BLE001  (raised again where it is collected)
                self._done.append((then, None, error))
            self._wake()


def _nothing(_result: Any) -> None:
    """For a job that nobody waits for."""

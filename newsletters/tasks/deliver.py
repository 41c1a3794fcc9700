"""The senders of this process: as many batches at a time as there are sender threads, one connection each.

The worker has one thread more than that, so single mails always find one free.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from threading import BoundedSemaphore, Event

from newsletters.bounces.processing import SmtpRefusals
from newsletters.delivery.holds import Holds
from newsletters.delivery.mailing import Mailings, Post
from newsletters.delivery.sending import Sender
from newsletters.mail.office import Office
from newsletters.mail.smtp import Connection
from newsletters.runtime import Runtime
from newsletters.tasks.identity import worker_name

IDLE_SECONDS = 20.0  # an idle connection is given up before the server does it


class Deliveries:
    """Sends batches; safe to call from every thread."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.stopping = Event()
        self.holds = Holds()
        self._slots = BoundedSemaphore(runtime.config.sender_threads)
        self._idle: deque[tuple[float, Connection]] = deque()

    @cached_property
    def office(self) -> Office:
        return Office.from_config(self.runtime.config, signer=self.runtime.signer)

    @cached_property
    def sender(self) -> Sender:
        runtime = self.runtime
        return Sender(
            db=runtime.db,
            clock=runtime.clock,
            mailings=Mailings(Post(self.office, runtime.signer, runtime.urls)),
            refusals=SmtpRefusals(),
            worker=worker_name(),
            retries_doubt=runtime.config.in_doubt == "retry",
            holds=self.holds,
            stopping=self.stopping,
        )

    def deliver(self) -> None:
        """Send one batch if one is due and a sender is free; then ask for the next."""
        if self.stopping.is_set() or not self._slots.acquire(blocking=False):
            return
        try:
            with self._connection() as connection:
                had_work = self.sender.send_batch(connection)
        finally:
            self._slots.release()
        if had_work and not self.stopping.is_set():
            self.runtime.engine.nudge("deliver")

    def free_slots(self) -> int:
        """How many more batches could be worked on at this moment."""
        return self.runtime.config.sender_threads - self.holds.count()

    def close_idle(self, *, older_than: float = IDLE_SECONDS) -> None:
        """Say goodbye on the connections nobody has used for a while."""
        while self._idle:
            since, connection = self._idle.popleft()
            if time.monotonic() - since < older_than:
                self._idle.appendleft((since, connection))
                return
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """The connection used last, so that the others may grow idle."""
        try:
            connection = self._idle.pop()[1]
        except IndexError:
            connection = Connection(self.office.server)
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append((time.monotonic(), connection))

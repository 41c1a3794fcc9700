"""The sender of this process: one thread for all connections, woken when there may be work.

Where nobody has started the thread, as in a rehearsal, whoever asks for work does it until none is left.
"""

import logging
import os
from collections.abc import Callable
from functools import cached_property
from threading import Event, Thread
from typing import Final

from newsletters.bounces.processing import SmtpRefusals
from newsletters.delivery.clerk import Clerk, OwnThread, SameThread
from newsletters.delivery.dispatch import Dispatcher
from newsletters.delivery.loads import Parcel
from newsletters.delivery.mailing import Mailings, Post
from newsletters.delivery.sending import Loop
from newsletters.delivery.stock import Sender
from newsletters.delivery.transport import Transport
from newsletters.delivery.writers import Writers
from newsletters.kernel.identity import worker_name
from newsletters.mail.exchange import Exchange
from newsletters.mail.office import Office
from newsletters.mail.signers import HereSigner, ProcessSigner, Signer
from newsletters.runtime import Runtime
from newsletters.tasks.flow import rulebook

MOST_SIGNERS: Final = 4

log = logging.getLogger(__name__)


class Deliveries:
    """Sends issues; ``deliver`` is safe to call from every thread."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.stopping = Event()
        self._thread: Thread | None = None
        self._has_processes = False
        self._failed = False

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
            stopping=self.stopping,
        )

    @cached_property
    def loop(self) -> Loop:
        return self.loop_of(self.sender)

    def loop_of(self, sender: Sender) -> Loop:
        """A sender's loop with connections of its own; drain it in the end."""
        exchange = Exchange(self.office.servers)
        dispatcher: Dispatcher[Parcel] = Dispatcher(
            db=sender.db,
            servers=self.office.servers,
            rulebook=rulebook(self.runtime.config),
            worker=sender.worker,
        )
        clerk, porter = self._clerks(wake=exchange.wake)
        writers = Writers(self._signers(), wake=exchange.wake)
        transport = Transport(exchange, dispatcher, sender.clock)
        return Loop(sender, transport=transport, clerk=clerk, porter=porter, writers=writers)

    def _clerks(self, *, wake: Callable[[], None]) -> tuple[Clerk, Clerk]:
        if self.runtime.db.is_sqlite:
            return SameThread(), SameThread()
        return OwnThread(wake=wake, name="clerk"), OwnThread(wake=wake, name="porter")

    def _signers(self) -> list[Signer]:
        """A process for each processor but the sender's, where this process sends in earnest."""
        keys = self.office.dkim.keys
        if not keys:
            return []
        if not self._has_processes:
            return [HereSigner(keys)]
        return [ProcessSigner(keys) for _ in range(max(1, min((os.cpu_count() or 1) - 1, MOST_SIGNERS)))]

    def start(self) -> None:
        """Have a thread of its own do the sending from now on."""
        self._has_processes = True
        loop = self.loop
        self._thread = Thread(target=self._run, args=(loop,), name="sender")
        self._thread.start()

    def deliver(self) -> None:
        """There may be work."""
        if not self.stopping.is_set() and not self.wake():
            self.loop.run_until_idle()

    def wake(self) -> bool:
        """Let this process's sender look for work; False where it has none running."""
        if self._thread is None:
            return False
        self.loop.wake()
        return True

    def stop(self) -> bool:
        """Drain; say whether everything that was begun is in the books."""
        self.stopping.set()
        if self._thread is None:
            if "loop" in self.__dict__:
                self.loop.drain()
            return True
        self.loop.wake()
        self._thread.join()
        return not self._failed

    def _run(self, loop: Loop) -> None:
        try:
            loop.run()
        except Exception:
            log.exception("the sender broke off; what it had begun is in doubt")
            self._failed = True
            self.stopping.set()

"""The sender: one thread that keeps every connection of this process busy and waits for none of them.

Batches are claimed, their messages written ahead of their turn, and a dispatcher says which may go to which
server. Before a message leaves, the ledger has committed that it begins, together with what became of those
before it on all connections (ledger.py). What cannot be committed stops the sender: it insists on the
outcomes it knows, and begins nothing.
"""

import logging
import time
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Final, cast

from sqlalchemy.exc import DBAPIError

from newsletters.delivery.batches import Hold
from newsletters.delivery.bookkeeping import LOOK_SECONDS, Bookkeeper, Gathering
from newsletters.delivery.clerk import Clerk
from newsletters.delivery.loads import Parcel, Stage
from newsletters.delivery.outcomes import Entered
from newsletters.delivery.shelf import Shelf
from newsletters.delivery.stock import Sender, Stock
from newsletters.delivery.transport import Transport
from newsletters.delivery.verdict import Verdict
from newsletters.delivery.writers import Writers
from newsletters.kernel.errors import DomainError
from newsletters.mail.letters import Event, Letter, Unopened, Waiting
from newsletters.mail.replies import Reply, SmtpError

REFRESH_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 12.0
TROUBLE_SECONDS: Final = 0.5

log = logging.getLogger(__name__)


class Loop:
    """For one thread; ``wake`` may be called from any.

    The ``clerk`` writes the ledger, the ``porter`` fetches batches and takes them back: a commit that
    messages wait for does not stand behind a thousand readers that are looked up.
    """

    def __init__(
        self, sender: Sender, *, transport: Transport, clerk: Clerk, porter: Clerk, writers: Writers
    ) -> None:
        self.sender = sender
        self.stock = Stock(sender)
        self.transport = transport
        self.clerk, self.porter = clerk, porter
        self.writers = writers
        self.books = Bookkeeper()
        self.shelf = Shelf(
            self.stock, clerk=clerk, porter=porter, writers=writers, transport=transport, books=self.books
        )
        self._had_trouble = False
        self._has_offered = False
        self._refreshes_at = 0.0

    def wake(self) -> None:
        """There may be work."""
        self.shelf.may_find = True
        self.transport.exchange.wake()

    def is_idle(self) -> bool:
        """Whether nothing is in hand and nothing was to be had."""
        return not (self.shelf.loads or self._is_awaited() or self.shelf.may_find)

    def run(self) -> None:
        """Work until the process is to stop, then drain."""
        while not self.sender.stopping.is_set():
            self.turn()
        self.drain()

    def run_until_idle(self) -> None:
        """Work as long as there is any."""
        self.shelf.may_find = True
        while not self.is_idle() and not self.sender.stopping.is_set():
            self.turn()

    def turn(self) -> None:
        """Look once at everything that can have happened. A bug pauses what is in hand."""
        try:
            self._turn()
        except DBAPIError:
            if self.sender.stopping.is_set():
                raise
            log.exception("the database is in trouble")
            time.sleep(TROUBLE_SECONDS)
        except Exception:  # it must not come back every lease and take the queue with it
            log.exception("sending broke")
            self.books.forget_all()
            self.shelf.give_up("sending broke; the log of the worker says where")

    def drain(self) -> None:
        """Begin nothing more, hear of what is under way, hand everything back."""
        self._finish()
        self.shelf.stand_all()
        now = self.sender.clock.now()
        self._hear(self.transport.close(patience=DRAIN_SECONDS), now)
        self._commit(now)
        self._finish()
        self.shelf.tidy()
        self._finish()
        self.transport.dispatcher.close()
        self.writers.close()
        self.clerk.close()
        self.porter.close()
        self.stock.ledger.close()

    def _turn(self) -> None:
        events = self.transport.exchange.poll(self._patience())
        now = self.sender.clock.now()
        self._hear(events, now)
        self._has_offered = False
        self.clerk.collect()
        self.porter.collect()
        self._commit(now)
        if not self._has_offered:
            self._offer(now)
        self._take_written(now)  # whatever takes long comes after the release: the servers work meanwhile
        self._refresh(now)
        self.shelf.ask_writers(now)
        self.shelf.claim(now)
        self.shelf.tidy()

    def _patience(self) -> float:
        if self.writers.is_due:
            return 0.0
        if not self.shelf.loads:
            return 0.0 if self.shelf.may_find and not self._is_awaited() else IDLE_SECONDS
        wake_in = self.transport.dispatcher.wake_in(now=self.sender.clock.now())
        return LOOK_SECONDS / 2 if wake_in is None else min(wake_in, LOOK_SECONDS / 2)

    def _is_awaited(self) -> bool:
        """Whether the database has something to tell yet."""
        return self.clerk.is_busy or self.porter.is_busy

    def _finish(self) -> None:
        self.clerk.finish()
        self.porter.finish()

    def _hear(self, events: Iterable[Event], now: datetime) -> None:
        for event in events:
            if isinstance(event, Unopened):
                self._had_trouble = True
                self.transport.unopened(event, now)
            elif isinstance(event, Waiting):
                parcel = cast(Parcel, event.key)
                if parcel.stage is Stage.OFFERED:
                    self.books.begin(parcel)
            else:
                self._hear_settled(cast(Parcel, event.key), event.outcome, now)

    def _hear_settled(self, parcel: Parcel, heard: Reply | SmtpError, now: datetime) -> None:
        self.transport.left(parcel, heard, now)
        if parcel.stage is Stage.OVER:
            return
        self._had_trouble = self._had_trouble or isinstance(heard, SmtpError)
        verdict = self._verdict(parcel, heard, now)
        if verdict.outcome is None and not verdict.stop:
            self.shelf.write_again(parcel)  # it was not heard at all: it may go another way
        else:
            self.books.settle(parcel, verdict)

    def _verdict(self, parcel: Parcel, heard: Reply | SmtpError, now: datetime) -> Verdict:
        judge, recipient = parcel.load.judge, parcel.recipient
        if isinstance(heard, Reply):
            return judge.accepted(recipient, heard, now=now)
        verdict = judge.failed(recipient, heard, now=now)
        if verdict.refusal is None:
            return verdict
        reply = verdict.refusal
        return verdict.of_kind(self.sender.refusals.classify(reply.code, reply.enhanced, reply.text))

    def _take_written(self, now: datetime) -> None:
        for parcel, written in self.writers.collect():
            if parcel.stage is not Stage.WRITING:
                continue
            if isinstance(written, Letter):
                self.transport.ready(parcel, written)
            elif isinstance(written, DomainError):
                self.books.settle(parcel, parcel.load.judge.unwritable(parcel.recipient, written, now=now))
            else:
                raise written

    def _commit(self, now: datetime) -> None:
        """Commit what has gathered, unless the last group is not committed yet."""
        if self.books.is_writing:
            return
        pages = self.books.pages(self.shelf.loads, stale_seconds=self.sender.stale_seconds)
        if pages:
            write = partial(self.stock.ledger.write, pages, now=now)
            self.clerk.ask(partial(self.stock.insist, write), self._entered)

    def _entered(self, written: dict[Hold, Entered]) -> None:
        """What is over is over, and what begins may leave."""
        begun: list[Parcel] = []
        for gathered in self.books.written():
            begun += self._begun(gathered, written.get(gathered.load.hold))
        self._offer(self.sender.clock.now())  # first: an envelope then leaves with the message before it
        self.transport.release(begun)

    def _begun(self, gathered: Gathering, entered: Entered | None) -> list[Parcel]:
        load = gathered.load
        for parcel in gathered.settled:
            parcel.end()
        if entered is None:
            self.shelf.lose(load)
            return []
        for parcel in gathered.entered(entered):
            self.shelf.strike(parcel)
        if not entered.is_sending:
            self.shelf.stand(load)
            return []
        return gathered.begins

    def _offer(self, now: datetime) -> None:
        self._has_offered = True
        for put in self.transport.offer(now):
            parcel = put.letter
            parcel.letter = None
            outcome = parcel.load.judge.put_off(parcel.recipient, until=put.until, why=str(put.why))
            self.books.settle(parcel, Verdict(outcome))

    def _refresh(self, now: datetime) -> None:
        """What others have told; and whether there is any server left."""
        moment = time.monotonic()
        if moment >= self._refreshes_at:
            self._refreshes_at = moment + REFRESH_SECONDS
            self.transport.refresh(now)
            self._had_trouble = True
        if self._had_trouble and self.shelf.loads:
            self._had_trouble = False
            if why := self.transport.dispatcher.away(now=now):
                self.shelf.rest(why)

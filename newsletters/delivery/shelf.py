"""The batches a sender has in hand: claimed in time, written ahead of their turn, put down, handed back."""

import logging
import time
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy.exc import DBAPIError

from newsletters.delivery.bookkeeping import Bookkeeper
from newsletters.delivery.clerk import Clerk
from newsletters.delivery.loads import Load, Parcel, Stage
from newsletters.delivery.stock import Stock
from newsletters.delivery.transport import Transport
from newsletters.delivery.writers import AT_ONCE, Writers

AHEAD: Final = 192  # messages written and not yet offered: some hundredths of a second's work
MOST_AHEAD: Final = 960  # where what is written may not go, and others may
MOST_LOADS: Final = 64
COUNT_SECONDS: Final = 2.0  # how old the tallies of a batch in work may be

log = logging.getLogger(__name__)


class Shelf:
    """For one thread."""

    def __init__(
        self,
        stock: Stock,
        *,
        clerk: Clerk,
        porter: Clerk,
        writers: Writers,
        transport: Transport,
        books: Bookkeeper,
    ) -> None:
        self.loads: list[Load] = []
        self.may_find = True  # whether claiming makes sense
        self._stock = stock
        self._clerk = clerk  # whoever writes the ledger
        self._porter = porter
        self._writers = writers
        self._transport = transport
        self._books = books
        self._is_claiming = False

    def ask_writers(self, now: datetime) -> None:
        """Have messages written for some moments ahead, and no more: what is written takes room."""
        most = MOST_AHEAD if self._transport.is_hungry else AHEAD
        in_hand = self._transport.dispatcher.waiting() + self._writers.under_way
        for load in self.loads:
            while load.unwritten and in_hand < most:
                some = [load.unwritten.popleft() for _ in range(min(AT_ONCE, len(load.unwritten)))]
                for parcel in some:
                    parcel.stage = Stage.WRITING
                self._writers.ask(some, now)
                in_hand += len(some)

    def write_again(self, parcel: Parcel) -> None:
        """A message goes another way, if any more of its batch is begun."""
        if parcel.load.is_standing:
            parcel.end()
            return
        parcel.stage = Stage.READ
        parcel.load.unwritten.appendleft(parcel)

    def claim(self, now: datetime) -> None:
        """Take another batch before the last one is used up."""
        if not self.may_find or self._is_claiming or len(self.loads) >= MOST_LOADS:
            return
        left = sum(len(load.unwritten) for load in self.loads) + self._transport.dispatcher.waiting()
        if left >= AHEAD or (self.loads and not self._transport.dispatcher.wants_more(now=now)):
            return
        self._is_claiming, self.may_find = True, False
        self._porter.ask(self._claimed_or_not, self._claimed)

    def tidy(self) -> None:
        """Hand back what is done, and tell how the others stand."""
        moment = time.monotonic()
        for load in tuple(self.loads):
            if not load.parcels and not self._books.has(load):
                self.loads.remove(load)
                job = partial(self._stock.insist, partial(self._stock.hand_back, load))
                self._porter.ask(job, self._handed_back)
            elif moment - load.counted_at > COUNT_SECONDS:
                load.counted_at = moment
                self._porter.ask(partial(self._stock.insist, partial(self._stock.count, load)), _nothing)

    def stand(self, load: Load) -> None:
        """Begin nothing more of it; what is on its way is waited for."""
        load.is_standing = True
        load.unwritten.clear()
        self._transport.withdraw_all(load)
        for parcel in tuple(load.parcels):
            if parcel.stage is not Stage.BEGUN:
                parcel.end()

    def stand_all(self) -> None:
        """Begin nothing more at all."""
        for load in self.loads:
            self.stand(load)

    def rest(self, why: str) -> None:
        """No server takes mail."""
        for load in self.loads:
            if not load.is_standing:
                load.rest = why
                self.stand(load)

    def lose(self, load: Load) -> None:
        """Another worker has it: what is on its way is its doubt now."""
        log.warning("batch %d was taken over by another worker", load.hold.batch_id)
        self._books.forget(load)
        self._drop(load)
        if load in self.loads:
            self.loads.remove(load)

    def strike(self, parcel: Parcel) -> None:
        """Its reader may not have it any more, or not there."""
        if parcel.stage is Stage.READ:
            parcel.load.unwritten.remove(parcel)
        self._transport.withdraw(parcel)
        parcel.end()

    def give_up(self, why: str) -> None:
        """Something went wrong that nobody thought of: an editor must look; what was begun is in doubt."""
        loads, self.loads = self.loads, []
        for load in loads:
            self._drop(load)
            job = partial(self._stock.insist, partial(self._stock.give_up, load, why))
            self._clerk.ask(job, self._handed_back)  # behind what the ledger may still be told of it

    def _drop(self, load: Load) -> None:
        self.stand(load)
        for parcel in tuple(load.parcels):
            parcel.end()

    def _claimed_or_not(self) -> Load | bool:
        try:
            return self._stock.claim()
        except DBAPIError:
            log.exception("no batch can be claimed")
            return False

    def _claimed(self, found: Load | bool) -> None:
        self._is_claiming = False
        self.may_find = self.may_find or found is not False
        if not isinstance(found, Load):
            return
        if not self.loads:
            self._transport.try_now()
        self.loads.append(found)

    def _handed_back(self, _result: object) -> None:
        self.may_find = True


def _nothing(_result: object) -> None:
    """For what nobody waits for."""

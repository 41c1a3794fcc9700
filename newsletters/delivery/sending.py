"""The sender: one thread that keeps every connection of this process busy and waits for none of them.

Batches are claimed, their messages written ahead of their turn, and a dispatcher says which may go to which
server. Before a message leaves, the ledger has committed that it begins, together with what became of those
before it on all connections (ledger.py). What cannot be committed stops the sender: it insists on the
outcomes it knows, and begins nothing.
"""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Final, cast

from sqlalchemy.exc import DBAPIError

from newsletters.delivery.batches import Hold
from newsletters.delivery.clerk import Clerk
from newsletters.delivery.dispatch import Dispatcher
from newsletters.delivery.loads import Load, Parcel, Stage
from newsletters.delivery.outcomes import Entered, Page, Refusal
from newsletters.delivery.stock import Sender, Stock
from newsletters.delivery.verdict import Verdict
from newsletters.delivery.writers import AT_ONCE, Writers
from newsletters.kernel.errors import DomainError
from newsletters.mail.exchange import Exchange
from newsletters.mail.letters import Event, Letter, Unopened, Waiting
from newsletters.mail.replies import Reply, SmtpError

AHEAD: Final = 192  # messages written and not yet offered: some hundredths of a second's work
MOST_AHEAD: Final = 960
MOST_LOADS: Final = 64
LOOK_SECONDS: Final = 0.4  # how old what we know of an issue's state may be
COUNT_SECONDS: Final = 2.0
REFRESH_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 5.0
DRAIN_SECONDS: Final = 12.0

log = logging.getLogger(__name__)


class Gathering:
    """What goes into the ledger next, of one load."""

    __slots__ = ("begins", "load", "page", "settled")

    def __init__(self, load: Load) -> None:
        self.load = load
        self.page = Page(load.hold, load.mailing.newsletter_id)
        self.settled: list[Parcel] = []
        self.begins: list[Parcel] = []


class Loop:
    """For one thread; ``wake`` may be called from any."""

    def __init__(
        self,
        sender: Sender,
        *,
        exchange: Exchange,
        dispatcher: Dispatcher[Parcel],
        clerk: Clerk,
        writers: Writers,
    ) -> None:
        self.sender = sender
        self.stock = Stock(sender)
        self.exchange = exchange
        self.dispatcher = dispatcher
        self.clerk = clerk
        self.writers = writers
        self.loads: list[Load] = []
        self.may_find = True  # whether claiming makes sense
        self._gathered: dict[Load, Gathering] = {}
        self._writing: set[Load] = set()
        self._is_claiming = False
        self._had_trouble = False
        self._is_hungry = False  # connections have room, and nothing that is written may use it
        self._refreshes_at = 0.0
        self._names = [pool.server.name for pool in exchange.pools]

    # -- from outside -------------------------------------------------------------------------------

    def wake(self) -> None:
        """There may be work."""
        self.may_find = True
        self.exchange.wake()

    def is_idle(self) -> bool:
        """Whether nothing is in hand and nothing was to be had."""
        return not (self.loads or self.clerk.is_busy or self.may_find)

    def run(self) -> None:
        """Work until the process is to stop, then drain."""
        while not self.sender.stopping.is_set():
            self.turn()
        self.drain()

    def run_until_idle(self) -> None:
        """Work as long as there is any."""
        self.may_find = True
        while not self.is_idle() and not self.sender.stopping.is_set():
            self.turn()

    def turn(self) -> None:
        """Look once at everything that can have happened. Whatever breaks pauses what is in hand."""
        try:
            self._turn()
        except DBAPIError:
            raise
        except Exception:  # a bug must not come back every lease and take the queue with it
            log.exception("sending broke")
            self._break()

    def drain(self) -> None:
        """Begin nothing more, hear of what is under way, hand everything back."""
        self.clerk.finish()
        for load in self.loads:
            self._stand(load)
        now = self.sender.clock.now()
        self._hear(self.exchange.close(patience=DRAIN_SECONDS), now)
        self._commit(now)
        self.clerk.finish()
        self._close_finished()
        self.clerk.finish()
        self.writers.close()
        self.clerk.close()
        self.stock.ledger.close()
        self.dispatcher.close()

    # -- one turn -----------------------------------------------------------------------------------

    def _turn(self) -> None:
        events = self.exchange.poll(self._patience())
        now = self.sender.clock.now()
        self._hear(events, now)
        self.clerk.collect()
        self._take_written(now)
        self._refresh(now)
        self._commit(now)
        self._offer(now)
        self._ask_writers(now)
        self._claim(now)
        self._close_finished()

    def _patience(self) -> float:
        if self.writers.is_due:
            return 0.0
        if not self.loads:
            return 0.0 if self.may_find and not self._is_claiming else IDLE_SECONDS
        wake_in = self.dispatcher.wake_in(now=self.sender.clock.now())
        return LOOK_SECONDS / 2 if wake_in is None else min(wake_in, LOOK_SECONDS / 2)

    def _hear(self, events: Iterable[Event], now: datetime) -> None:
        for event in events:
            if isinstance(event, Unopened):
                self._hear_unopened(event, now)
            elif isinstance(event, Waiting):
                self._hear_waiting(cast(Parcel, event.key))
            else:
                self._hear_settled(cast(Parcel, event.key), event.outcome, now)

    def _hear_waiting(self, parcel: Parcel) -> None:
        if parcel.stage is Stage.OFFERED and not parcel.load.is_standing:
            self._gather(parcel.load).begins.append(parcel)
        elif parcel.stage is Stage.OFFERED:
            self._withdraw(parcel)

    def _hear_settled(self, parcel: Parcel, heard: Reply | SmtpError, now: datetime) -> None:
        self._leave(parcel, heard, now)
        if parcel.stage is Stage.OVER:
            return
        load = parcel.load
        verdict = self._verdict(parcel, heard, now)
        self._had_trouble = self._had_trouble or isinstance(heard, SmtpError)
        if parcel.stage is Stage.OFFERED and load in self._gathered:
            gathered = self._gathered[load]
            gathered.begins = [one for one in gathered.begins if one is not parcel]
        self._settle(parcel, verdict)

    def _verdict(self, parcel: Parcel, heard: Reply | SmtpError, now: datetime) -> Verdict:
        judge, recipient = parcel.load.judge, parcel.recipient
        if isinstance(heard, Reply):
            return judge.accepted(recipient, heard, now=now)
        verdict = judge.failed(recipient, heard, now=now)
        if verdict.refusal is None:
            return verdict
        reply = verdict.refusal
        return verdict.of_kind(self.sender.refusals.classify(reply.code, reply.enhanced, reply.text))

    def _settle(self, parcel: Parcel, verdict: Verdict) -> None:
        """Write it into the next page; a message that was not heard at all goes another way."""
        load, outcome = parcel.load, verdict.outcome
        if outcome is None and not verdict.stop:
            self._write_again(parcel)
            return
        gathered = self._gather(load)
        gathered.settled.append(parcel)
        gathered.page.stop = gathered.page.stop or verdict.stop
        if outcome is None:
            return
        if verdict.refusal is None:
            gathered.page.outcomes.append(outcome)
        else:
            gathered.page.refusals.append(Refusal(outcome, outcome.reason))

    def _write_again(self, parcel: Parcel) -> None:
        if parcel.load.is_standing:
            self._end(parcel)
            return
        parcel.stage = Stage.READ
        parcel.load.unwritten.appendleft(parcel)

    def _hear_unopened(self, event: Unopened, now: datetime) -> None:
        self._had_trouble = True
        self.dispatcher.unopened(event.server, event.error, now=now)

    # -- the ledger ---------------------------------------------------------------------------------

    def _gather(self, load: Load) -> Gathering:
        gathered = self._gathered.get(load)
        if gathered is None:
            gathered = self._gathered[load] = Gathering(load)
        return gathered

    def _commit(self, now: datetime) -> None:
        """Commit what has gathered, and look at the issues that were not looked at for a while."""
        if self._writing:
            return
        moment = time.monotonic()
        for load in self.loads:
            if moment - load.touched_at > LOOK_SECONDS:
                self._gather(load)
        if not self._gathered:
            return
        gathered, self._gathered = list(self._gathered.values()), {}
        for one in gathered:
            self._fill_page(one, moment)
        self._writing = {one.load for one in gathered}
        pages = [one.page for one in gathered]
        job = partial(self.stock.ledger.write, pages, now=now)
        self.clerk.ask(partial(self.stock.insist, job), partial(self._entered, gathered))

    def _fill_page(self, one: Gathering, moment: float) -> None:
        load, page = one.load, one.page
        load.touched_at = moment
        page.in_flight = load.in_flight - {parcel.recipient.subscriber_id for parcel in one.settled}
        page.begins = [parcel.recipient for parcel in one.begins]
        stale_before = moment - self.sender.stale_seconds
        page.to_check = [parcel.recipient for parcel in one.begins if parcel.read_at < stale_before]
        load.in_flight = page.in_flight.union(one.subscriber_id for one in page.begins)

    def _entered(self, gathered: list[Gathering], written: dict[Hold, Entered]) -> None:
        """It is committed: what is over is over, and what begins may leave."""
        self._writing = set()
        begun: list[Parcel] = []
        for one in gathered:
            for parcel in one.settled:
                self._end(parcel)
            entered = written.get(one.load.hold)
            if entered is None:
                self._lose(one.load)
            elif not entered.is_sending:
                one.load.in_flight = set(one.page.in_flight)
                self._stand(one.load)
            else:
                begun += self._unstruck(one, entered)
        self._offer(self.sender.clock.now())  # first: an envelope then leaves with the message before it
        for parcel in begun:
            if parcel.stage is Stage.OFFERED:
                parcel.stage = Stage.BEGUN
                self.exchange.release(parcel)

    def _unstruck(self, one: Gathering, entered: Entered) -> list[Parcel]:
        if not entered.struck:
            return one.begins
        for parcel in one.begins:
            if parcel.recipient.subscriber_id in entered.struck:
                self._withdraw(parcel)
        one.load.in_flight -= entered.struck
        return [parcel for parcel in one.begins if parcel.stage is not Stage.OVER]

    # -- messages on their way to a server ----------------------------------------------------------

    def _take_written(self, now: datetime) -> None:
        for parcel, written in self.writers.collect():
            if parcel.stage is not Stage.WRITING:
                continue
            if isinstance(written, DomainError):
                self._settle(parcel, parcel.load.judge.unwritable(parcel.recipient, written, now=now))
            elif isinstance(written, Letter):
                self._make_ready(parcel, written)
            else:
                raise written

    def _make_ready(self, parcel: Parcel, letter: Letter) -> None:
        parcel.letter, parcel.stage = letter, Stage.READY
        domain = letter.recipient.rpartition("@")[2]
        issue_id, is_fresh = parcel.load.hold.issue_id, parcel.recipient.is_fresh
        self.dispatcher.add(parcel, domain=domain, issue_id=issue_id, is_fresh=is_fresh)

    def _offer(self, now: datetime) -> None:
        """Give the servers what they may have and have room for."""
        pools = dict(zip(self._names, self.exchange.pools, strict=True))
        if not self.dispatcher.waiting():
            for pool in self.exchange.pools:
                pool.want(0)
            return
        room = {name: pool.room() for name, pool in pools.items()}
        taken = self.dispatcher.take(room, now=now)
        self._is_hungry = len(taken) < sum(room.values())
        for placed in taken:
            parcel = placed.letter
            letter, parcel.letter = parcel.letter, None
            parcel.placed, parcel.stage = placed, Stage.OFFERED
            if letter is not None and placed.messages:
                letter = letter._replace(kind=placed.group, most=placed.messages)
            if letter is not None and not pools[placed.server].offer(letter):
                self._leave(parcel, None, now)
                self._make_ready(parcel, letter)
        for put in self.dispatcher.put_off(now=now):
            self._put_off(put.letter, put.until, str(put.why))
        for name, pool in pools.items():
            pool.want(self.dispatcher.wanted(name, now=now))

    def _put_off(self, parcel: Parcel, until: datetime, why: str) -> None:
        """Nobody's attempt is spent; the batch comes back when its time has come."""
        parcel.letter = None
        outcome = parcel.load.judge.put_off(parcel.recipient, until=until, why=why)
        self._settle(parcel, Verdict(outcome))

    def _leave(self, parcel: Parcel, heard: Reply | SmtpError | None, now: datetime) -> None:
        placed, parcel.placed = parcel.placed, None
        if placed is not None:
            self.dispatcher.ended(placed, heard, now=now)

    # -- batches ------------------------------------------------------------------------------------

    def _ask_writers(self, now: datetime) -> None:
        """Have messages written for some moments ahead, and no more: what is written takes room."""
        for load in self.loads:
            while load.unwritten and self._has_use():
                some = [load.unwritten.popleft() for _ in range(min(AT_ONCE, len(load.unwritten)))]
                for parcel in some:
                    parcel.stage = Stage.WRITING
                self.writers.ask(some, now)

    def _has_use(self) -> bool:
        """Whether more should be written: also where what is written may not go and connections are free."""
        in_hand = self.dispatcher.waiting() + self.writers.under_way
        return in_hand < (MOST_AHEAD if self._is_hungry else AHEAD)

    def _claim(self, now: datetime) -> None:
        if not self.may_find or self._is_claiming or len(self.loads) >= MOST_LOADS:
            return
        left = sum(len(load.unwritten) for load in self.loads) + self.dispatcher.waiting()
        if left >= AHEAD:
            return
        if self.loads and not self.dispatcher.wants_more(now=now):
            return
        self._is_claiming = True
        self.may_find = False
        self.clerk.ask(self._claimed_or_not, self._claimed)

    def _claimed_or_not(self) -> Load | bool:
        try:
            return self.stock.claim()
        except DBAPIError:
            log.exception("no batch can be claimed")
            return False

    def _claimed(self, found: Load | bool) -> None:
        self._is_claiming = False
        if found is not False:
            self.may_find = True
        if not isinstance(found, Load):
            return
        if not self.loads:
            self._had_trouble = True  # is there a server at all?
            for pool in self.exchange.pools:
                pool.try_now()
        self.loads.append(found)

    def _close_finished(self) -> None:
        moment = time.monotonic()
        for load in tuple(self.loads):
            if not load.parcels and load not in self._gathered and load not in self._writing:
                self._close(load)
            elif moment - load.counted_at > COUNT_SECONDS:
                load.counted_at = moment
                self.clerk.ask(partial(self.stock.insist, partial(self.stock.count, load)), _nothing)

    def _close(self, load: Load) -> None:
        self.loads.remove(load)
        if load.is_lost:
            return
        job = partial(self.stock.insist, partial(self.stock.hand_back, load))
        self.clerk.ask(job, lambda _result: self._found_again())

    def _found_again(self) -> None:
        self.may_find = True

    def _stand(self, load: Load) -> None:
        """Begin nothing more of it; what is on its way is waited for."""
        load.is_standing = True
        load.unwritten.clear()
        self.dispatcher.withdraw(lambda parcel: parcel.load is load)
        for parcel in tuple(load.parcels):
            if parcel.stage is not Stage.BEGUN:
                self._withdraw(parcel)

    def _lose(self, load: Load) -> None:
        """Another worker has it: what is on its way is its doubt now."""
        log.warning("batch %d was taken over by another worker", load.hold.batch_id)
        load.is_lost = True
        self._gathered.pop(load, None)
        self._stand(load)
        for parcel in tuple(load.parcels):
            self._end(parcel)

    def _withdraw(self, parcel: Parcel) -> None:
        """It does not go."""
        if parcel.stage is Stage.OFFERED:
            self.exchange.withdraw(parcel)
            self._leave(parcel, None, self.sender.clock.now())
        self._end(parcel)

    def _end(self, parcel: Parcel) -> None:
        parcel.stage = Stage.OVER
        parcel.letter = None
        parcel.load.parcels.discard(parcel)

    def _refresh(self, now: datetime) -> None:
        """What others have told; and whether there is any server left."""
        moment = time.monotonic()
        if moment >= self._refreshes_at:
            self._refreshes_at = moment + REFRESH_SECONDS
            self.dispatcher.refresh(now=now)
            for name, pool in zip(self._names, self.exchange.pools, strict=True):
                pool.connections = self.dispatcher.lines(name, now=now)
                pool.messages = self.dispatcher.messages(name)
            self._had_trouble = True
        if self._had_trouble and self.loads:
            self._had_trouble = False
            if why := self.dispatcher.away(now=now):
                self._rest(why)

    def _rest(self, why: str) -> None:
        for load in self.loads:
            if not load.is_standing:
                load.rest = why
                self._stand(load)

    def _break(self) -> None:
        """Something went wrong that nobody thought of: an editor must look; what was begun is in doubt."""
        loads, self.loads = self.loads, []
        self._gathered.clear()
        self._writing = set()
        for load in loads:
            self._stand(load)
            for parcel in tuple(load.parcels):
                self._end(parcel)
            give_up: Callable[[], None] = partial(
                self.stock.give_up, load, "sending broke; the log of the worker says where"
            )
            self.clerk.ask(partial(self.stock.insist, give_up), _nothing)


def _nothing(_result: object) -> None:
    """For what nobody waits for."""

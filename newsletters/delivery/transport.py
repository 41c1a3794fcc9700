"""Written messages on their way to a server: which may go where, and the way back out of every place.

The dispatcher decides, the exchange carries. A message leaves only when it is released, and that is the
bookkeeper's word; until then it can be withdrawn at any point.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from newsletters.delivery.dispatch import Dispatcher
from newsletters.delivery.dispatch_outlook import PutOff
from newsletters.delivery.loads import Load, Parcel, Stage
from newsletters.kernel.clock import Clock
from newsletters.mail.exchange import Exchange
from newsletters.mail.letters import Event, Letter, Unopened
from newsletters.mail.replies import Reply, SmtpError


class Transport:
    """For one thread."""

    def __init__(self, exchange: Exchange, dispatcher: Dispatcher[Parcel], clock: Clock) -> None:
        self.exchange = exchange
        self.dispatcher = dispatcher
        self.is_hungry = False  # connections have room, and nothing that is written may use it
        self._clock = clock
        self._pools = {pool.server.name: pool for pool in exchange.pools}

    def ready(self, parcel: Parcel, letter: Letter) -> None:
        """A message is written: it goes when there is a way for it."""
        parcel.letter, parcel.stage = letter, Stage.READY
        self.dispatcher.add(
            parcel,
            domain=letter.recipient.rpartition("@")[2],
            issue_id=parcel.load.hold.issue_id,
            is_fresh=parcel.recipient.is_fresh,
        )

    def offer(self, now: datetime) -> list[PutOff[Parcel]]:
        """Give the servers what they may have and have room for; what cannot go soon comes back."""
        if not self.dispatcher.waiting():
            return []
        room = {name: pool.room() for name, pool in self._pools.items()}
        taken = self.dispatcher.take(room, now=now)
        self.is_hungry = len(taken) < sum(room.values())
        for placed in taken:
            parcel = placed.letter
            letter, parcel.letter = parcel.letter, None
            parcel.placed, parcel.stage = placed, Stage.OFFERED
            if letter is None:
                raise ValueError("a message was placed that is not written")
            if placed.messages:
                letter = letter._replace(kind=placed.group, most=placed.messages)
            if not self._pools[placed.server].offer(letter):
                self.left(parcel, None, now)
                self.ready(parcel, letter)
        for name, pool in self._pools.items():
            pool.want(self.dispatcher.wanted(name, now=now))
        return self.dispatcher.put_off(now=now)

    def release(self, parcels: Iterable[Parcel]) -> None:
        """Their beginning is committed: let them go."""
        for parcel in parcels:
            if parcel.stage is Stage.OFFERED:
                parcel.stage = Stage.BEGUN
                self.exchange.release(parcel)

    def withdraw(self, parcel: Parcel) -> None:
        """It does not go, if it has not gone."""
        if parcel.stage is Stage.READY:
            self.dispatcher.withdraw(lambda other: other is parcel)
        elif parcel.stage is Stage.OFFERED:
            self.exchange.withdraw(parcel)
            self.left(parcel, None, self._clock.now())

    def withdraw_all(self, load: Load) -> None:
        """Nothing of a load goes that has not gone."""
        self.dispatcher.withdraw(lambda parcel: parcel.load is load)
        for parcel in load.parcels:
            if parcel.stage is Stage.OFFERED:
                self.withdraw(parcel)

    def left(self, parcel: Parcel, heard: Reply | SmtpError | None, now: datetime) -> None:
        """Its place at the server is free; ``heard`` is how it ended there, if it was begun."""
        placed, parcel.placed = parcel.placed, None
        if placed is not None:
            self.dispatcher.ended(placed, heard, now=now)

    def unopened(self, event: Unopened, now: datetime) -> None:
        """A connection could not be opened."""
        self.dispatcher.unopened(event.server, event.error, now=now)

    def refresh(self, now: datetime) -> None:
        """Follow the rules in force and what other workers tell; about once a second."""
        self.dispatcher.refresh(now=now)
        for name, pool in self._pools.items():
            pool.connections = self.dispatcher.lines(name, now=now)
            pool.messages = self.dispatcher.messages(name)

    def try_now(self) -> None:
        """New work is there: a server that was away a moment ago may be tried at once."""
        for pool in self._pools.values():
            pool.try_now()

    def close(self, *, patience: float) -> Sequence[Event]:
        """Hear of what was released, and hang up."""
        return self.exchange.close(patience=patience)

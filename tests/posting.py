"""Drives an exchange as the delivery loop does, without a ledger: offer, poll, release what waits."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from newsletters.mail.exchange import Exchange
from newsletters.mail.letters import Event, Letter, Settled, Unopened, Waiting
from newsletters.mail.replies import Reply, ServerUnavailable, SmtpError

PATIENCE_SECONDS = 60.0
Outcome = Reply | SmtpError


def letter(key: int, message: bytes = b"", *, recipient: str = "", is_ready: bool = False) -> Letter:
    """A letter with a message of its own."""
    head = b"From: a@newsroom.example\r\nSubject: %d\r\n\r\n" % key
    return Letter(
        key,
        "b@newsroom.example",
        recipient or f"r{key}@readers.example",
        message or head + b"Hello.\r\n",
        is_ready,
    )


@dataclass
class Posting:
    """What happened. ``may_go`` decides over each letter that waits; who may not go is withdrawn."""

    exchange: Exchange
    may_go: Callable[[object], bool] = lambda _key: True
    outcomes: dict[object, Outcome] = field(default_factory=dict)
    waited: list[object] = field(default_factory=list)
    unopened: list[ServerUnavailable] = field(default_factory=list)
    withdrawn: list[object] = field(default_factory=list)

    def send(self, letters: Iterable[Letter]) -> dict[object, Outcome]:
        """Until every letter is settled or withdrawn."""
        waiting = list(letters)
        count = len(self.outcomes) + len(self.withdrawn) + len(waiting)
        self.run(waiting, until=lambda: len(self.outcomes) + len(self.withdrawn) == count)
        return self.outcomes

    def run(self, waiting: list[Letter], *, until: Callable[[], bool]) -> None:
        """Go on, over the first server, until it is so."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        pool = self.exchange.pools[0]
        while not until():
            assert time.monotonic() < ends_at, (self.outcomes, pool.health())
            pool.want(len(waiting))
            events = self.exchange.poll(1.0)
            keys = [key for event in events if (key := self.note(event)) is not None]
            while waiting and pool.offer(waiting[0]):
                waiting.pop(0)
            for key in keys:
                self.decide(key)

    def note(self, event: Event) -> object:
        """Write down an event; the key of a letter that waits."""
        if isinstance(event, Waiting):
            self.waited.append(event.key)
            return event.key
        if isinstance(event, Settled):
            assert event.key not in self.outcomes, "settled twice"
            self.outcomes[event.key] = event.outcome
        if isinstance(event, Unopened):
            self.unopened.append(event.error)
        return None

    def decide(self, key: object) -> None:
        if self.may_go(key):
            self.exchange.release(key)
            return
        assert self.exchange.withdraw(key)
        self.withdrawn.append(key)

"""What tests of the flow share: dispatchers over one database, and a server that answers as it is told."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from newsletters.delivery.dispatch import Dispatcher, Placed
from newsletters.delivery.dispatch_outlook import PutOff
from newsletters.delivery.shaping_file import Rulebook
from newsletters.kernel.db import Database
from newsletters.mail.replies import Deferred, Phase, Refused, Reply, ServerUnavailable, SmtpError
from newsletters.mail.server import SmtpServer
from tests.conftest import NOW

ONE = "127.0.0.1:2525"
OTHER = "127.0.0.1:2626"
ACCEPTED = Reply.of(250, "2.0.0 queued")
REFUSED_CONNECTION = ServerUnavailable(Reply.of(0, "Connection refused"), Phase.CONNECT)
POLICY = Refused(Reply.of(550, "5.7.1 blocked, for one@readers.example too"), Phase.DOT)
THROTTLED = Deferred(Reply.of(454, "Throttling failure: Maximum sending rate exceeded."), Phase.DOT)
PUT_OFF = Deferred(Reply.of(451, "4.7.1 too much mail from you"), Phase.RCPT)

Letter = tuple[str, int]  # its domain and a number


class Flow:
    """One worker's dispatcher, driven by hand with a clock of its own."""

    def __init__(
        self,
        db: Database,
        folder: Path,
        *,
        rules: str = "",
        servers: tuple[str, ...] = (ONE,),
        worker: str = "worker",
        now: datetime = NOW,
    ) -> None:
        self.path = folder / "shaping.toml"
        self.path.write_text(rules)
        self.servers = servers
        self.now = now
        self.chance = Random(1)
        self.dispatcher: Dispatcher[Letter] = Dispatcher(
            db=db,
            servers=SmtpServer.from_urls(" ".join(map(_url, servers))),
            rulebook=Rulebook(self.path),
            worker=worker,
            chance=Random(1),
        )

    def add(self, count: int, domain: str = "readers.example", *, issue: int = 1, fresh: bool = True) -> None:
        for number in range(count):
            self.dispatcher.add((domain, number), domain=domain, issue_id=issue, is_fresh=fresh)

    def take(self, room: int = 100) -> list[Placed[Letter]]:
        return self.dispatcher.take(dict.fromkeys(self.servers, room), now=self.now)

    def end(self, placed: list[Placed[Letter]], result: Reply | SmtpError | None = ACCEPTED) -> None:
        for letter in placed:
            self.dispatcher.ended(letter, result, now=self.now)

    def send(self, room: int = 100, result: Reply | SmtpError = ACCEPTED) -> list[Placed[Letter]]:
        """Place what may go and let all of it end at once."""
        placed = self.take(room)
        self.end(placed, result)
        return placed

    def send_all(self, room: int = 100) -> list[Placed[Letter]]:
        """Send until nothing more can go at this moment."""
        sent: list[Placed[Letter]] = []
        while placed := self.send(room):
            sent += placed
        return sent

    def run(
        self,
        passed: timedelta,
        *,
        step: timedelta = timedelta(milliseconds=50),
        each_step: Callable[[], None] = lambda: None,
    ) -> list[tuple[datetime, Placed[Letter]]]:
        """Let time pass and send whatever may go, refreshing as a worker does; tell what left when."""
        sent: list[tuple[datetime, Placed[Letter]]] = []
        ends_at = self.now + passed
        while self.now < ends_at:
            each_step()
            sent += [(self.now, placed) for placed in self.send_all()]
            self.dispatcher.refresh(now=self.now)
            self.now += step
        return sent

    def put_off(self) -> list[PutOff[Letter]]:
        self.now += timedelta(milliseconds=200)
        return self.dispatcher.put_off(now=self.now)

    def refresh(self, after: timedelta = timedelta(seconds=1)) -> None:
        self.now += after
        self.dispatcher.refresh(now=self.now)

    def fail(self, server: str, times: int = 3) -> None:
        for _ in range(times):
            self.dispatcher.unopened(server, REFUSED_CONNECTION, now=self.now)


def by_server(placed: list[Placed[Letter]]) -> Counter[str]:
    return Counter(letter.server for letter in placed)


def by_group(placed: list[Placed[Letter]]) -> Counter[str]:
    return Counter(letter.group for letter in placed)


def most_in_any(stretch: timedelta, moments: list[datetime]) -> int:
    """The largest number of moments that lie within one stretch of time."""
    moments = sorted(moments)
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > stretch:
            first += 1
        most = max(most, last - first + 1)
    return most


def _url(server: str) -> str:
    """Ten connections, which the tests reckon with, where the name says nothing else."""
    return f"smtp://{server}" if "?" in server else f"smtp://{server}?connections=10"

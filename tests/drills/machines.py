"""Two web servers and three workers, each as on a machine of its own, on one PostgreSQL and one Redis.

While an issue goes out and readers sign up, one thing after the other breaks: a worker is frozen until its
leases are over and wakes up again, workers and web servers are killed, stopped and started, Redis forgets
all, goes away and comes back, PostgreSQL is restarted. The sink answers slowly, so that the issue is on its
way all the while.
"""

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from sqlalchemy import Select, func, select

from newsletters.delivery.batches import LEASE
from newsletters.delivery.models import DeliveryState
from newsletters.kernel import roster
from newsletters.kernel.roster import Kind
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.subscribers.models import PostedForm, Subscriber
from tests.drills.drill import Verdict
from tests.drills.fastsink.books import Books, Repeats, address_digest
from tests.drills.fastsink.faults import Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import Program, connections_to, wait_until
from tests.drills.signing_up import SigningUp
from tests.drills.stage import Stage, now
from tests.housekeeping import turns_too_many
from tests.postgres import free_port
from tests.redis import PrivateRedis
from tests.running import listens

WEBS, WORKERS, CONNECTIONS = 2, 3, 2
LONGEST_SECONDS: Final = 600.0
RECOVERED_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class ManyMachines:
    """``rounds`` of everything breaking once while an issue goes to ``readers`` readers.

    The sink takes ``seconds_a_message`` on each of the connections.
    """

    readers: int = 60_000
    rounds: int = 20
    batch_size: int = 100
    seconds_a_message: float = 0.04
    recovers_within: float = RECOVERED_SECONDS

    def __call__(self, ground: Ground) -> Verdict:
        redis = PrivateRedis()
        redis.start()
        try:
            settings = {"ENGINE_URL": redis.url, "BATCH_SIZE": str(self.batch_size), "WEB_WORKERS": "1"}
            with ground.stage_with_server(Readers(self.readers), **settings) as stage:
                stage.sink.faults(Fault("dot", "slow", "readers.example", seconds=self.seconds_a_message))
                return self._run(Fleet(stage, redis), ground.say)
        finally:
            redis.remove()

    def _run(self, fleet: "Fleet", say: Callable[[str], None]) -> Verdict:
        stage = fleet.stage
        fleet.start()
        issue_id = stage.schedule()
        with SigningUp(fleet.ports) as crowd:
            for number in range(self.rounds):
                fleet.break_everything_once(
                    from_message=self.readers * number // self.rounds, of=self.readers // self.rounds
                )
                say(f"round {number + 1}, {stage.sink.count():,} messages, {len(crowd.answered):,} sign-ups")
            stage.sink.faults()
            stage.wait_for_end(issue_id, seconds=LONGEST_SECONDS)
            fleet.thaw()
        fleet.settle()
        return self._verdict(fleet, issue_id, crowd)

    def _verdict(self, fleet: "Fleet", issue_id: int, crowd: SigningUp) -> Verdict:
        stage = fleet.stage
        balance, books = stage.balance(issue_id), stage.sink.books()
        repeats = _repeats_to(stage.readers, books)
        vanished, unmailed = fleet.missing(crowd.answered), books.missing(crowd.answered)
        too_often, recovered, present = fleet.turns_too_many(), max(fleet.recovered_in), fleet.present()
        return Verdict(
            passed=(
                balance.lost == repeats.other_id == vanished == unmailed == too_often == 0
                and balance.states == {DeliveryState.ACCEPTED: self.readers}
                and balance.is_even
                and repeats.same_id <= fleet.connections_lost
                and recovered <= self.recovers_within
                and bool(crowd.answered)
                and present == WORKERS
            ),
            figure=(
                f"{self.readers:,} readers, {fleet.broken} things broken: {balance.lost} lost, "
                f"{repeats.same_id} repeated under the same Message-ID, {repeats.other_id} under another; "
                f"{len(crowd.answered):,} sign-ups answered, {vanished} of them lost, {unmailed} without "
                f"their mail; housekeeping {too_often} times too often; mail again {recovered:.1f} s after "
                f"PostgreSQL at most; {present} workers on the list"
            ),
            limit=(
                f"0 lost; at most {fleet.connections_lost} repeated (one a connection killed or frozen); "
                f"mail again within {self.recovers_within:.0f} s; {WORKERS} workers"
            ),
        )


def _repeats_to(readers: Readers, books: Books) -> Repeats:
    theirs = {address_digest(address) for address in readers.addresses()}
    return Books([entry for entry in books.entries if entry.recipient in theirs]).repeats


@dataclass
class Fleet:
    """The machines, and what is done to them."""

    stage: Stage
    redis: PrivateRedis
    webs: list[Program] = field(default_factory=list)
    workers: list[Program] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    broken: int = 0
    connections_lost: int = 0
    recovered_in: list[float] = field(default_factory=list)
    _frozen_at: float | None = None
    _began: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Start all and wait until they work."""
        self.ports = [free_port() for _ in range(WEBS)]
        self.webs = [self._machine("web", number, PORT=str(port)) for number, port in enumerate(self.ports)]
        self.workers = [self._machine("worker", number) for number in range(WORKERS)]
        for program in (*self.webs, *self.workers):
            program.start()
        wait_until(lambda: all(map(listens, self.ports)), seconds=LONGEST_SECONDS, what="the web servers")
        for worker in self.workers:
            worker.wait_for("worker ready")

    def break_everything_once(self, *, from_message: int, of: int) -> None:
        """One thing after the other, spread over the next ``of`` messages."""
        incidents = (
            self.freeze_worker,
            self.kill_worker,
            self.redis.flush,
            self.kill_web,
            self.redis.stop,
            self.restart_database,
            self.redis.start,
            self.restart_worker,
            self.restart_web,
        )
        for number, incident in enumerate(incidents, start=1):
            self.stage.wait_for_messages(from_message + of * number // (len(incidents) + 1))
            incident()
            self.broken += 1

    def freeze_worker(self) -> None:
        """Wake the one that was frozen before, and freeze it again in another moment."""
        self.thaw()
        frozen = self.workers[0]
        wait_until(lambda: self._lines(frozen), seconds=LONGEST_SECONDS, what="a worker that sends")
        frozen.send(signal.SIGSTOP)
        self._frozen_at = time.monotonic()
        self.connections_lost += self._lines(frozen)

    def thaw(self) -> None:
        """Once the frozen worker's leases are over, let it go on, and wait until it has looked around."""
        if self._frozen_at is None:
            return
        over_at, self._frozen_at = self._frozen_at + LEASE.total_seconds(), None
        wait_until(lambda: time.monotonic() > over_at, seconds=LONGEST_SECONDS, what="the leases' end")
        woken_at = now()
        self.workers[0].send(signal.SIGCONT)
        wait_until(
            lambda: self.present(since=woken_at) == WORKERS, seconds=LONGEST_SECONDS, what="it to wake up"
        )

    def kill_worker(self) -> None:
        self.workers[1].send(signal.SIGSTOP)  # so that it opens none between the counting and its end
        self.connections_lost += self._lines(self.workers[1])
        self.workers[1].kill()
        self.workers[1].start()

    def restart_worker(self) -> None:
        """Stop it in order: it finishes what it has begun, so nothing is repeated."""
        self.workers[2].end()
        self.workers[2].start()

    def kill_web(self) -> None:
        self.webs[0].kill()
        self.webs[0].start()

    def restart_web(self) -> None:
        self.webs[1].end()
        self.webs[1].start()

    def restart_database(self) -> None:
        """Restart PostgreSQL and measure until the next message is taken."""
        assert self.stage.server is not None
        self.stage.server.restart()
        before, began = self.stage.sink.count(), time.monotonic()
        self.stage.wait_for_messages(before + 1)
        self.recovered_in.append(time.monotonic() - began)

    def settle(self) -> None:
        """Wait until every posted form was taken, every mail that follows has left, and all are back."""
        posted = select(func.count()).select_from(PostedForm)
        queued = select(func.count()).where(OutboxMail.state == OutboxState.WAITING)
        for left in (posted, queued):
            wait_until(partial(self._is_over, left), seconds=LONGEST_SECONDS, what="the forms' mails")
        wait_until(lambda: self.present() == WORKERS, seconds=LONGEST_SECONDS, what="all workers")

    def missing(self, answered: list[str]) -> int:
        """How many of those who were told success are not in the database."""
        with self.stage.runtime.db.reading() as session:
            known = set(session.scalars(select(Subscriber.email_key)))
        return len(set(answered) - known)

    def turns_too_many(self) -> int:
        """How many runs of housekeeping there were beyond one in each interval."""
        return turns_too_many(self.stage.runtime.db, elapsed_seconds=time.monotonic() - self._began)

    def present(self, *, since: datetime | None = None) -> int:
        """How many workers were heard of: lately, or since a moment."""
        at = now()
        with self.stage.runtime.db.reading() as session:
            heard = roster.present(session, kind=Kind.WORKER, now=at)
        return sum(not worker.is_silent(at) if since is None else worker.seen_at >= since for worker in heard)

    def _is_over(self, left: Select[int]) -> bool:
        with self.stage.runtime.db.reading() as session:
            return session.scalar(left) == 0

    def _lines(self, worker: Program) -> int:
        return connections_to(worker.pid, self.stage.sink.port)

    def _machine(self, command: str, number: int, **settings: str) -> Program:
        name = f"{command}{number}"
        environment = self.stage.environment(
            DATA_DIR=str(self.stage.folder / name),
            SMTP_URL=f"{self.stage.sink.smtp_url}?connections={CONNECTIONS}",
            **settings,
        )
        argv = (sys.executable, "-m", "newsletters.cli", command)
        program = Program(argv, environment, self.stage.folder / f"{name}.log")
        self.stage.programs.append(program)
        return program

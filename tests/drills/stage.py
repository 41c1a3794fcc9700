"""The world of one drill: a database with its readers, the sink, and the programs that work on them."""

import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import func, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from config import Config
from newsletters.delivery import counts
from newsletters.delivery.models import Batch, Delivery, DeliveryState
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.runtime import Runtime, build
from tests.drills.fastsink.process import FastSink
from tests.drills.newsroom import HASH_KEY, SLUG, Readers, furnish
from tests.drills.programs import Nursery, Program, wait_until
from tests.drills.visitors import post
from tests.factories import make_issue
from tests.postgres import PrivatePostgres, free_port

SECRET: Final = "k" * 40
LONGEST_SEND_SECONDS: Final = 4 * 3600.0
BODY: Final = '# The week\n\nDear {{ name|"reader" }}, ' + "here is what happened, and why it matters. " * 40


@dataclass(frozen=True, slots=True)
class Balance:
    """The database's books beside the sink's."""

    prepared: int
    states: dict[DeliveryState, int]
    tallied: dict[DeliveryState, int]
    messages: int
    lost: int
    strangers: int
    same_id: int
    other_id: int
    unprovoked: int

    @property
    def repeats(self) -> int:
        return self.same_id + self.other_id

    @property
    def accepted(self) -> int:
        return self.states.get(DeliveryState.ACCEPTED, 0)

    @property
    def is_even(self) -> bool:
        """Whether every prepared reader is accounted for once, and both ways of counting agree."""
        tallied = {state: count for state, count in self.tallied.items() if count}
        return sum(self.states.values()) == self.prepared and tallied == self.states


@dataclass
class Stage:
    """Everything a drill needs, torn down at its end. ``server`` is there where the drill has its own."""

    folder: Path
    url: str
    readers: Readers
    server: PrivatePostgres | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    is_furnished: bool = False
    programs: list[Program] = field(default_factory=list)
    _ending: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sink = self._ending.enter_context(FastSink(self.folder / "sink"))
        self.runtime: Runtime = build(Config.from_env(self.environment()))
        self._ending.callback(self.runtime.db.close)
        if not self.is_furnished:
            furnish(self.runtime.db, self.readers, now=now())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in self.programs:
            program.kill()
        self._ending.close()
        if self.server is not None:
            self.server.stop()  # its data may lie on a disk that is about to go

    @property
    def is_sqlite(self) -> bool:
        return make_url(self.url).get_backend_name() == "sqlite"

    def environment(self, **more: str) -> dict[str, str]:
        """The settings of every program of this stage."""
        return {
            "DATA_DIR": str(self.folder / "var"),
            "DATABASE_URL": self.url,
            "ENGINE_URL": f"sqlite:///{self.folder / 'engine.sqlite3'}",
            "SECRET_KEY": SECRET,
            "ADDRESS_HASH_KEY": HASH_KEY,
            "PUBLIC_URL": "http://localhost",
            "TRUSTED_PROXIES": "127.0.0.0/8",
            "SIGNUPS_PER_MINUTE": "1000000",
            "SMTP_URL": self.sink.smtp_url,
            **self.settings,
            **more,
        }

    # --- programs ---

    def worker(self, name: str = "worker", before: tuple[str, ...] = (), /, **more: str) -> Program:
        """A worker that is not started yet; ``before`` is what its command begins with."""
        return self._program(name, (*before, sys.executable, "-m", "newsletters.tasks.worker"), more)

    def workers(self, count: int, **more: str) -> list[Program]:
        """So many workers, started and ready."""
        started = [self.worker(f"worker{number}", **more).start() for number in range(count)]
        for worker in started:
            worker.wait_for("worker ready")
        return started

    def web(self, name: str, before: tuple[str, ...], /, **more: str) -> tuple[Program, str]:
        """A web server that is not started yet, and where it will be."""
        port = free_port()
        command = (
            *before,
            *(sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{port}"),
            *("--workers", "2", "--worker-class", "gthread", "--threads", "4", "--no-control-socket"),
        )
        return self._program(name, command, more), f"http://127.0.0.1:{port}"

    def serve(self, name: str = "web", /, **more: str) -> str:
        """A web server that answers; where it is."""
        program, url = self.web(name, (), **more)
        program.start()
        wait_until(lambda: post(url, "/healthz", {}) == 405, seconds=60, what="the web server")
        return url

    def nursery(self) -> Nursery:
        return self._ending.enter_context(Nursery(self.environment(), self.folder / "workers"))

    def _program(self, name: str, command: tuple[str, ...], more: Mapping[str, str]) -> Program:
        program = Program(command, self.environment(**more), self.folder / f"{name}.log")
        self.programs.append(program)
        return program

    def use_tls(self, certificate: tuple[Path, Path], cafile: Path) -> None:
        """Let the sink speak TLS, and every program insist on it. Before any program is made."""
        self.sink.stop()
        self.sink = self._ending.enter_context(FastSink(self.folder / "tls-sink", certificate=certificate))
        self.settings = {**self.settings, "SMTP_URL": f"{self.sink.smtp_url}?tls=required&cafile={cafile}"}

    # --- issues ---

    def schedule(self, *, at: datetime | None = None, subject: str = "The week", body: str = BODY) -> int:
        """An issue to everybody that is due ``at`` once; return its number."""
        with self.runtime.db.transaction() as session:
            newsletter = session.scalars(select(Newsletter).where(Newsletter.slug == SLUG)).one()
            issue = make_issue(session, newsletter, subject=subject, body=body)
            lifecycle.schedule(session, issue, send_at=at or now(), editor_id=None, now=now())
        return issue.id

    def issue(self, issue_id: int) -> Issue:
        with self.runtime.db.reading() as session:
            return session.get_one(Issue, issue_id)

    def state(self, issue_id: int) -> IssueState | None:
        """Where the issue stands; None while the database does not say."""
        try:
            return self.issue(issue_id).state
        except DBAPIError:
            return None

    def wait_for_messages(self, count: int, *, seconds: float = LONGEST_SEND_SECONDS) -> float:
        return wait_until(lambda: self.sink.count() >= count, seconds=seconds, what=f"message {count}")

    def wait_for_end(self, issue_id: int, *, seconds: float = LONGEST_SEND_SECONDS) -> float:
        """Wait until the issue is sent; say how long that took."""
        began = time.monotonic()
        while self.state(issue_id) is not IssueState.SENT:
            if time.monotonic() - began > seconds:
                raise TimeoutError(f"issue {issue_id} is {self.state(issue_id)} after {seconds:.0f} s")
            time.sleep(0.1)
        return time.monotonic() - began

    def bring_forward(self, issue_id: int) -> None:
        """Let the time come for everything of this issue that was put off to a later one."""
        with self.runtime.db.transaction() as session:
            for table in (Delivery, Batch):
                due = table.next_attempt_at if table is Delivery else Batch.due_at
                session.execute(
                    update(table)
                    .where(table.issue_id == issue_id, due > now())
                    .values({due: now()})
                    .execution_options(synchronize_session=False)
                )
            session.execute(
                update(Issue).where(Issue.id == issue_id, Issue.resume_at > now()).values(resume_at=now())
            )

    def balance(self, issue_id: int) -> Balance:
        """Both books, compared reader by reader."""
        books = self.sink.books()
        with self.runtime.db.reading() as session:
            prepared = session.get_one(Issue, issue_id).prepared
            counted = select(Delivery.state, func.count()).where(Delivery.issue_id == issue_id)
            states = dict(session.execute(counted.group_by(Delivery.state)).all())
            tallied = counts.by_state(session, issue_id)
        repeats = books.repeats
        return Balance(
            prepared=prepared,
            states=states,
            tallied=tallied,
            messages=books.messages,
            lost=books.missing(self.readers.addresses()),
            strangers=books.strangers(self.readers.addresses()),
            same_id=repeats.same_id,
            other_id=repeats.other_id,
            unprovoked=repeats.unprovoked,
        )


def now() -> datetime:
    return datetime.now(UTC)

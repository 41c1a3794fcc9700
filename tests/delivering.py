"""What tests of sending share: many readers at once, an issue on its way, a worker as a real process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from config import Config
from newsletters.delivery import batches, freeze
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.delivery.sending import Loop
from newsletters.kernel.db import Database
from newsletters.mail.letters import Event, Settled
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from newsletters.tasks.register import Tasks, register
from tests.conftest import NOW
from tests.factories import DIGESTER, make_issue, make_newsletter, make_subscriber, make_subscription
from tests.sink import PROJECT, SinkProcess, ended, wait_until


def make_audience(db: Database, count: int, *, first: str = "reader") -> Newsletter:
    """A newsletter with ``count`` active readers, written in bulk."""
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        emails = [f"{first}{number}@readers.example" for number in range(count)]
        readers = [
            {
                "email": email,
                "email_key": email,
                "address_hash": DIGESTER.address(email),
                "name": f"Reader {number}",
                "name_key": f"reader {number}",
                "created_at": NOW,
            }
            for number, email in enumerate(emails)
        ]
        session.execute(insert(Subscriber), readers)
        found = select(Subscriber.id).where(Subscriber.email_key.in_(emails))
        ids = session.scalars(found.order_by(Subscriber.id)).all()
        session.execute(
            insert(Subscription),
            [
                {
                    "subscriber_id": subscriber_id,
                    "newsletter_id": newsletter.id,
                    "state": SubscriptionState.ACTIVE,
                    "requested_at": NOW,
                    "confirmed_at": NOW,
                }
                for subscriber_id in ids
            ],
        )
    return newsletter


def schedule_issue(db: Database, newsletter: Newsletter, *, at: datetime) -> int:
    """An issue that is due ``at`` once and has no undo window left."""
    with db.transaction() as session:
        issue = make_issue(session, newsletter)
        lifecycle.schedule(session, issue, send_at=at, editor_id=None, now=at)
    return issue.id


def state_of(db: Database, issue_id: int) -> IssueState:
    return stored(db, issue_id).state


def stored(db: Database, issue_id: int) -> Issue:
    """The issue as it is now."""
    with db.reading() as session:
        return session.get_one(Issue, issue_id)


def outcomes(db: Database, issue_id: int) -> dict[DeliveryState, int]:
    """How many readers there are in each state; states without readers are left out."""
    with db.reading() as session:
        counted = select(Delivery.state, func.count()).where(Delivery.issue_id == issue_id)
        return dict(session.execute(counted.group_by(Delivery.state)).all())


def delivery_to(db: Database, issue_id: int, email: str) -> Delivery:
    with db.reading() as session:
        found = select(Delivery).join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        return session.scalars(found.where(Delivery.issue_id == issue_id, Subscriber.email == email)).one()


@pytest.fixture
def tasks(runtime: Runtime) -> Iterator[Tasks]:
    """What a worker does, and nobody else does it meanwhile."""
    made = register(runtime)
    yield made
    made.deliveries.stop()


def work(runtime: Runtime, tasks: Tasks) -> None:
    """Beat once and run every nudge until none waits: what a worker does in a second, in this thread."""
    tasks.pulse.beat()
    huey = runtime.engine.huey
    while (task := huey.dequeue()) is not None:
        huey.execute(task)
    tasks.pulse.finish_issues()


class WorkerProcess:
    """``python -m newsletters.tasks.worker`` on the test's database, mailing to the test's sink."""

    def __init__(self, config: Config, sink: SinkProcess, folder: Path, **environment: str) -> None:
        self._environment = {
            "DATA_DIR": str(folder),
            "DATABASE_URL": make_url(config.database_url).render_as_string(hide_password=False),
            "ENGINE_URL": f"sqlite:///{folder / 'engine.sqlite3'}",
            "SECRET_KEY": config.secret_key,
            "ADDRESS_HASH_KEY": config.address_hash_key,
            "PUBLIC_URL": config.public_url,
            "SMTP_URL": sink.smtp_url,
            **environment,
        }
        self._log = folder / "worker.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> Self:
        """Start it and wait until it works."""
        before = len(self.log)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "newsletters.tasks.worker"],
                cwd=PROJECT,
                env={**os.environ, **self._environment},
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(
                lambda: "worker ready" in self.log[before:] or self._has_ended(), timeout=120, what="it"
            )
        except BaseException as error:
            self.end(signal.SIGKILL)
            raise RuntimeError(f"the worker did not start: {error}: {self.log[before:]}") from error
        return self

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with that signal and return its exit status. Twice is harmless."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        return ended(process)

    def _has_ended(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError("it ended at once")
        return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Watched:
    """Lets a test act when the first message has been accepted, before its outcome is in the books."""

    def __init__(self, loop: Loop, *, after_first: Callable[[], None]) -> None:
        self._poll = loop.transport.exchange.poll
        self._after_first: Callable[[], None] | None = after_first
        loop.transport.exchange.poll = self.poll  # type: ignore[method-assign]

    def poll(self, timeout: float) -> list[Event]:
        events = self._poll(timeout)
        if self._after_first is not None and any(isinstance(event, Settled) for event in events):
            then, self._after_first = self._after_first, None
            then()
        return events


def send_with(tasks: Tasks, *, after_first: Callable[[], None], **sender: Any) -> None:
    """Send what is due, and act once on the way; a sender that dies meanwhile leaves things as they are."""
    loop = tasks.deliveries.loop_of(replace(tasks.deliveries.sender, **sender))
    Watched(loop, after_first=after_first)
    try:
        loop.run_until_idle()
    except KeyboardInterrupt:
        loop.transport.exchange.close()
        raise
    loop.drain()


def start_issue(runtime: Runtime, newsletter: Newsletter, *, batch_size: int = 200) -> int:
    issue_id = schedule_issue(runtime.db, newsletter, at=NOW)
    with runtime.db.transaction() as session:
        freeze.start(session, issue_id, batch_size=batch_size, now=NOW)
    return issue_id


def claim_batch(runtime: Runtime, worker: str) -> batches.Hold | None:
    with runtime.db.transaction() as session:
        return batches.claim(session, worker=worker, retries_doubt=True, now=runtime.clock.now())


def act_on(db: Database, issue_id: int, action: Callable[..., None]) -> None:
    with db.transaction() as session:
        action(session, session.get_one(Issue, issue_id), now=NOW)


def make_audience_around(db: Database, email: str) -> Newsletter:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        for address in ("before@readers.example", email, "behind@readers.example"):
            make_subscription(session, newsletter, make_subscriber(session, address))
    return newsletter


def subscription_of(session: Session, email: str) -> Subscription:
    joined = select(Subscription).join(Subscriber, Subscriber.id == Subscription.subscriber_id)
    return session.scalars(joined.where(Subscriber.email == email)).one()

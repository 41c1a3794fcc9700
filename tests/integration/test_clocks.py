"""Machines whose clocks go five minutes wrong, or leap by a day: real processes under libfaketime.

The database's clock is right. No link is refused for the time on it, nothing leaves early, nothing waits.
"""

import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from sqlalchemy import select

from newsletters.kernel.db import Database
from newsletters.migrations import upgrade
from newsletters.publishing.models import IssueState
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from tests.delivering import make_audience, schedule_issue, state_of
from tests.drills.programs import Program
from tests.housekeeping import turns_too_many
from tests.postgres import PrivatePostgres, binaries, free_port
from tests.running import ROOT, listens
from tests.sink import SinkProcess, wait_until

SECONDS = 60.0
READERS = 5


class Machine:
    """A program under a clock of its own. ``offset`` is as libfaketime reads it: ``+5m``, ``-1d``."""

    def __init__(self, command: str, folder: Path, settings: dict[str, str], *, offset: str) -> None:
        self.port = free_port()
        self._clock = folder / f"{command}{self.port}.clock"
        self.set_clock(offset)
        environment = {
            **settings,
            "DATA_DIR": str(folder / f"{command}{self.port}"),
            "PORT": str(self.port),
            "LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(ROOT / "tests/faketime"),
        }
        argv = (sys.executable, "-m", "newsletters.cli", command)
        self.program = Program(argv, environment, folder / f"{command}{self.port}.log").start()

    def set_clock(self, offset: str) -> None:
        new = self._clock.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.replace(self._clock)  # never empty while it is read

    def post(self, path: str, **fields: str) -> int:
        """The status of the answer to a form; redirects are followed."""
        return self._ask(path, urlencode(fields).encode())[0]

    def page(self, path: str) -> tuple[int, str]:
        return self._ask(path, None)

    def _ask(self, path: str, data: bytes | None) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, {"Host": "localhost"})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  (our own server)
            return answer.status, answer.read().decode()


@pytest.fixture
def server() -> Iterator[PrivatePostgres]:
    programs = binaries()
    assert programs is not None, "PostgreSQL's server is missing: apt-get install postgresql"
    server = PrivatePostgres(programs)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def right(server: PrivatePostgres) -> Iterator[Database]:
    """The database whose clock is right."""
    database = Database(server.url)
    upgrade(database.engine)
    yield database
    database.close()


def test_clocks_that_go_wrong_neither_hurry_nor_hold_up_nor_refuse_anything(
    right: Database, server: PrivatePostgres, sink: SinkProcess, tmp_path: Path
) -> None:
    newsletter, began = make_audience(right, READERS), time.monotonic()
    settings = {
        "DATABASE_URL": server.url,
        "ENGINE_URL": server.url,
        "SECRET_KEY": "k" * 40,
        "ADDRESS_HASH_KEY": "h" * 40,
        "PUBLIC_URL": "http://localhost",
        "SMTP_URL": sink.smtp_url,
        "WEB_WORKERS": "1",
    }
    fast, slow = (Machine("web", tmp_path, settings, offset=offset) for offset in ("+5m", "-5m"))
    ahead, behind = (Machine("worker", tmp_path, settings, offset=offset) for offset in ("+5m", "-5m"))
    try:
        wait_until(lambda: listens(fast.port) and listens(slow.port), timeout=SECONDS, what="the web servers")
        for worker in (ahead, behind):
            worker.program.wait_for("worker ready")
        _sign_up_and_confirm(sink, newsletter.slug, "early@readers.example", at=fast, then=slow)
        _sign_up_and_confirm(sink, newsletter.slug, "late@readers.example", at=slow, then=fast)

        ahead.set_clock("+1d")
        behind.set_clock("-1d")
        due_at = datetime.now(UTC) + timedelta(seconds=3)
        issue_id = schedule_issue(right, newsletter, at=due_at)
        wait_until(lambda: state_of(right, issue_id) is IssueState.SENT, timeout=SECONDS, what="the issue")
        _sign_up_and_confirm(sink, newsletter.slug, "then@readers.example", at=fast, then=slow)
    finally:
        for machine in (fast, slow, ahead, behind):
            machine.program.end()

    issues = [mail for mail in sink.messages() if mail.recipients[0].startswith("reader")]
    received = [datetime.fromisoformat(mail.received_at) for mail in issues]
    assert len(issues) == READERS
    assert min(received) >= due_at
    assert _active(right) == ["early@readers.example", "late@readers.example", "then@readers.example"]
    assert turns_too_many(right, elapsed_seconds=time.monotonic() - began) == 0


def _sign_up_and_confirm(sink: SinkProcess, slug: str, email: str, *, at: Machine, then: Machine) -> None:
    """Sign up at one machine and follow the link at the other."""
    assert at.post("/embed/subscribe", email=email, newsletter=slug) == 200
    path = urlsplit(sink.message(to=email, timeout=SECONDS).link("/confirm/")).path
    status, page = then.page(path)
    chosen = re.findall(r'name="newsletter"[^>]*value="(\d+)"', page)
    assert status == 200
    assert then.post(path, newsletter=chosen[0] if chosen else "") == 200


def _active(db: Database) -> list[str]:
    """Who is subscribed, but for those who were from the beginning."""
    with db.reading() as session:
        active = (
            select(Subscriber.email)
            .join(Subscription, Subscription.subscriber_id == Subscriber.id)
            .where(Subscription.state == SubscriptionState.ACTIVE, Subscriber.email.not_like("reader%"))
        )
        return sorted(session.scalars(active))

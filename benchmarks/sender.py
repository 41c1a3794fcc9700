"""Our sender as it runs in earnest: a worker process, a newsroom's database, a scheduled issue.

Nothing is switched off: VERP, List-Unsubscribe, Feedback-ID, the ledger rule, and with ``is_signed`` two DKIM
signatures. After every run the books must balance: each reader accepted, and the sink's count the same.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from sqlalchemy import func, select

from benchmarks import newsroom, profiled
from benchmarks.newsroom import Size
from benchmarks.processes import cpu_seconds, own_cpu_seconds, peak_bytes, wait_until
from benchmarks.programs import Programs
from benchmarks.sink import Sink
from benchmarks.stores import Store
from newsletters.cli.processes import Child
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.db import Database
from newsletters.mail.sign import PrivateKey
from newsletters.publishing.models import Issue, IssueState
from newsletters.subscribers.models import Subscription

WORKER = (sys.executable, "-m", "newsletters.tasks.worker")
PROFILED = (sys.executable, "-m", "benchmarks.profiled")
READY_SECONDS = 60.0
SLOWEST_RATE = 20  # messages a second below which a run has failed


class NotBalanced(Exception):
    """A run lost or repeated a message: its figures are worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one run showed. ``first_seconds`` is from the commit of the schedule to the sink's first look.

    ``cpu_us`` is the whole sender's; ``children_cpu_us`` is what of it its signing processes took.
    """

    messages: int
    rate: float
    cpu_us: float
    children_cpu_us: float
    database_cpu_us: float
    sink_cpu_us: float
    peak_bytes: int
    first_seconds: float


@dataclass(frozen=True, slots=True)
class Bench:
    """What every run uses."""

    programs: Programs
    folder: Path

    def settings(self, url: str, sink: Sink, *, is_signed: bool) -> dict[str, str]:
        """The environment of the product's processes."""
        keys = make_keys(self.folder) if is_signed else ""
        return {
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": url,
            "ENGINE_URL": f"sqlite:///{self.folder / 'engine.sqlite3'}",
            "SECRET_KEY": newsroom.SECRET_KEY,
            "ADDRESS_HASH_KEY": newsroom.ADDRESS_HASH_KEY,
            "PUBLIC_URL": newsroom.PUBLIC_URL,
            "MAIL_FROM": "letters@newsroom.example",
            "SMTP_URL": sink.url,
            "UNDO_SECONDS": "0",
            "DKIM_KEY": keys,
            "DKIM_SELECTOR": "r1,e1" if is_signed else "",
        }


def send(bench: Bench, store: Store, size: Size, *, is_signed: bool, profile: Path | None = None) -> Sent:
    """Send one issue to everybody in a fresh newsroom. Raises NotBalanced, TookTooLong.

    With ``profile`` the worker is slowed down by a profile, which it leaves there.
    """
    with store.copy(size.name, size.build) as url, Sink(bench.programs) as sink:
        settings = bench.settings(url, sink, is_signed=is_signed)
        if profile is not None:
            settings[profiled.OUTPUT] = str(profile)
        command = PROFILED if profile is not None else WORKER
        with worker(bench.folder, settings, command) as process, opened(url) as db:
            return _measure(db, process, sink, store)


@contextmanager
def worker(folder: Path, settings: dict[str, str], command: tuple[str, ...] = WORKER) -> Iterator[int]:
    """A worker that is ready; its process id."""
    log = folder / "worker.log"
    log.unlink(missing_ok=True)
    for left in folder.glob("engine.sqlite3*"):
        left.unlink()
    child = Child("worker", command, log, settings)
    child.start()
    try:
        wait_until(
            lambda: "worker ready" in log.read_text() or not child.is_running,
            seconds=READY_SECONDS,
            what="the worker",
        )
        if child.process is None or not child.is_running:
            raise RuntimeError(f"the worker ended at once: {child.last_words()}")
        yield child.process.pid
    finally:
        child.stop()


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The same database, seen from here."""
    db = Database(url)
    try:
        yield db
    finally:
        db.close()


def make_keys(folder: Path) -> str:
    """An RSA-2048 and an Ed25519 key, as DKIM_KEY names them."""
    paths = (folder / "rsa.pem", folder / "ed25519.pem")
    if not all(path.exists() for path in paths):
        made: tuple[PrivateKey, ...] = (
            rsa.generate_private_key(65537, 2048),
            ed25519.Ed25519PrivateKey.generate(),
        )
        for path, key in zip(paths, made, strict=True):
            path.write_bytes(
                key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
    return ",".join(map(str, paths))


def _measure(db: Database, worker_pid: int, sink: Sink, store: Store) -> Sent:
    readers = _count_readers(db)
    before = _spent(worker_pid, store, sink)
    issue_id = newsroom.send(db)
    asked_at = time.monotonic()
    sink.wait_for(readers, seconds=30 + readers / SLOWEST_RATE)
    wait_until(
        lambda: _state(db, issue_id) is IssueState.SENT, seconds=60, what="the end of the issue", every=0.1
    )
    after = _spent(worker_pid, store, sink)
    cpu_us = [(end - begin) / readers * 1e6 for begin, end in zip(before, after, strict=True)]
    _check_books(db, issue_id, sink, readers)
    return Sent(
        messages=readers,
        rate=sink.rate(),
        cpu_us=cpu_us[0],
        children_cpu_us=cpu_us[0] - cpu_us[1],
        database_cpu_us=cpu_us[2],
        sink_cpu_us=cpu_us[3],
        peak_bytes=peak_bytes(worker_pid),
        first_seconds=sink.marks[0][0] - asked_at,
    )


def _spent(worker_pid: int, store: Store, sink: Sink) -> tuple[float, ...]:
    """CPU seconds of the whole sender, of its first process, of the database and of the sink."""
    return cpu_seconds(worker_pid), own_cpu_seconds(worker_pid), store.cpu_seconds(), sink.cpu_seconds


def _check_books(db: Database, issue_id: int, sink: Sink, readers: int) -> None:
    with db.reading() as session:
        accepted = session.scalar(
            select(func.count()).where(
                Delivery.issue_id == issue_id, Delivery.state == DeliveryState.ACCEPTED
            )
        )
    if not accepted == sink.count == readers:
        raise NotBalanced(f"{readers} readers, {accepted} accepted, {sink.count} at the sink")


def _count_readers(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(Subscription)) or 0


def _state(db: Database, issue_id: int) -> IssueState:
    with db.reading() as session:
        return session.get_one(Issue, issue_id).state

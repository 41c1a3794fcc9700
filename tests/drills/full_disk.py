"""The disk with the database fills up in the middle of a send: sending stops, nothing breaks, all goes on."""

import contextlib
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from newsletters.delivery.models import DeliveryState
from tests.drills import space
from tests.drills.drill import Verdict
from tests.drills.fastsink.faults import Fault
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import wait_until
from tests.drills.stage import Stage
from tests.drills.visitors import sign_up

ALARM_SECONDS = 60.0
IN_FLIGHT_SECONDS = 2.0
MOST_LOGS = 20  # PostgreSQL keeps some files of its log for later use
LIMIT_BYTES = space.MEGABYTE  # logs stay below it


@dataclass(frozen=True, kw_only=True)
class FullDisk:
    """The disk is full for ``seconds``."""

    readers: int = 20_000
    seconds: float = 60.0
    disk_bytes: int = 512 * space.MEGABYTE

    def __call__(self, ground: Ground) -> Verdict:
        if not space.can_mount(ground.folder):
            with ground.stage_with_server(Readers(self.readers)) as stage:
                return self._run(stage, Limits(stage))
        with (
            space.small_disk(ground.folder / "small", self.disk_bytes) as place,
            ground.stage_with_server(Readers(self.readers), place) as stage,
        ):
            return self._run(stage, Mounted(place))

    def _run(self, stage: Stage, disk: "Disk") -> Verdict:
        stage.sink.faults(Fault(phase="taken", kind="slow", seconds=0.02))
        url = stage.serve()
        (worker,) = stage.workers(1)
        stage.sink.allow(self.readers // 2)  # however quick all is, the disk is full in the middle
        issue_id = stage.schedule()
        stage.wait_for_messages(self.readers // 2)
        connections = stage.sink.status()["open"]
        words_before = len(worker.words())
        disk.fill()
        use_up_log(stage)
        stage.sink.allow_all()
        began = time.monotonic()
        alarm_in = wait_until(
            lambda: has_alarmed(worker.words()[words_before:]), seconds=300, what="an alarm"
        )
        time.sleep(IN_FLIGHT_SECONDS)
        standing_at = stage.sink.count()
        refused = sign_up(url, "too-late@newcomers.example")
        time.sleep(max(0.0, self.seconds - (time.monotonic() - began)))
        crept = stage.sink.count() - standing_at
        disk.free()
        freed_at, counted = time.monotonic(), stage.sink.count()
        revive(stage)
        stage.wait_for_messages(counted + 1, seconds=300)
        back_in = time.monotonic() - freed_at
        stage.sink.faults()
        stage.wait_for_end(issue_id)
        balance, whole = stage.balance(issue_id), is_whole(stage)
        return Verdict(
            passed=(
                balance.lost == balance.other_id == 0
                and balance.same_id <= connections
                and balance.states == {DeliveryState.ACCEPTED: self.readers}
                and balance.is_even
                and alarm_in <= ALARM_SECONDS
                and whole
                and not 200 <= refused < 400
            ),
            figure=(
                f"disk full ({disk.name}) for {self.seconds:.0f} s: the log said so after {alarm_in:.1f} s, "
                f"{crept} messages more could still be written down and were sent, "
                f"a sign-up was answered with {refused}; "
                f"sending again {back_in:.1f} s after there was room; {balance.lost} lost, "
                f"{balance.same_id} repeated, database {'whole' if whole else 'DAMAGED'}"
            ),
            limit=(
                f"said within {ALARM_SECONDS:.0f} s, 0 lost, at most {connections} repeated "
                f"(none sent that could not be written down), nothing damaged"
            ),
        )


class Disk:
    """A disk that can be full."""

    name = ""

    def fill(self) -> None:
        raise NotImplementedError

    def free(self) -> None:
        raise NotImplementedError


class Mounted(Disk):
    """A real one."""

    name = "a file system of its own"

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self) -> None:
        space.fill(self.place)

    def free(self) -> None:
        (self.place / "filler").unlink()


class Limits(Disk):
    """The processes' limits on the size of files, where nothing may be mounted."""

    name = "a limit on the size of files"

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def fill(self) -> None:
        space.limit_files(self._pids(), LIMIT_BYTES)

    def free(self) -> None:
        space.limit_files(self._pids(), None)

    def _pids(self) -> list[int]:
        server = self.stage.server
        if server is not None:
            return server.pids()
        first = [program.pid for program in self.stage.programs if program.is_running]
        children = [int(child) for pid in first for child in _children(pid)]
        return first + children


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def has_alarmed(words: str) -> bool:
    """Whether the log says that something cannot be written."""
    return "ERROR" in words


def use_up_log(stage: Stage) -> None:
    """Let PostgreSQL need room at once: the log it has made room for beforehand would do for a while."""
    if stage.is_sqlite:
        return
    with contextlib.suppress(DBAPIError):
        for _ in range(MOST_LOGS):
            with stage.runtime.db.transaction() as session:
                session.execute(text("SELECT pg_logical_emit_message(true, 'drill', 'x')"))
                session.execute(text("SELECT pg_switch_wal()"))


def revive(stage: Stage) -> None:
    """Start PostgreSQL again where a full disk has ended it, as its operator would."""
    wait_until(lambda: is_up(stage), seconds=120, what="the database")


def is_up(stage: Stage) -> bool:
    with contextlib.suppress(DBAPIError, subprocess.CalledProcessError):
        if stage.server is not None and not stage.server.is_running():
            stage.server.start()
        stage.runtime.db.ping()
        return True
    return False


def is_whole(stage: Stage) -> bool:
    """What the database says of itself."""
    with stage.runtime.db.reading() as session:
        if stage.is_sqlite:
            return bool(session.scalar(text("PRAGMA integrity_check")) == "ok")
        session.execute(text("CREATE EXTENSION IF NOT EXISTS amcheck"))
        checked = text(
            "SELECT count(bt_index_check(c.oid, true)) FROM pg_index i "
            "JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE a.amname = 'btree' AND n.nspname = 'public' AND i.indisvalid"
        )
        return (session.scalar(checked) or 0) > 0

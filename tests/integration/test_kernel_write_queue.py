"""The queue of those who write to a SQLite file, with real transactions of several threads and processes."""

import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from newsletters.kernel.db import Database
from newsletters.kernel.write_queue import ENDING, WriteQueue
from tests.sink import wait_until

WRITES_ALL_DAY = """
import sys, time
from sqlalchemy import text
from newsletters.kernel.db import Database
db = Database(sys.argv[1])
print("ready", flush=True)
while True:
    with db.transaction(durable=False) as session:
        session.execute(text("UPDATE turns_taken SET greedy = greedy + 1"))
        time.sleep(0.01)
        if session.scalar(text("SELECT modest FROM turns_taken")):
            break
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "written.sqlite3"
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE turns_taken (greedy INTEGER, modest INTEGER, before INTEGER)")
        made.execute("INSERT INTO turns_taken VALUES (0, 0, 0)")
        made.commit()
    return path


def _db(file: Path) -> Database:
    return Database(f"sqlite:///{file}")


def _taken(db: Database) -> tuple[int, int]:
    with db.reading() as session:
        greedy, before = session.execute(text("SELECT greedy, before FROM turns_taken")).one()
        return greedy, before


def test_processes_that_open_a_new_file_at_the_same_moment_wait_for_each_other(file: Path) -> None:
    opens = (
        "import sys, time\n"
        "from newsletters.kernel.db import Database\n"
        "db = Database(sys.argv[1])\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "db.ping()\n"
    )
    for round_ in range(5):
        fresh = file.with_name(f"{round_}.sqlite3")
        fresh.write_bytes(file.read_bytes())
        openers = [
            subprocess.Popen(
                [sys.executable, "-c", opens, f"sqlite:///{fresh}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        assert [opener.stdout.readline() for opener in openers if opener.stdout] == ["ready\n"] * 4
        for opener in openers:
            assert opener.stdin is not None
            opener.stdin.write("go\n")
            opener.stdin.flush()

        assert [_ended(opener) for opener in openers] == [0] * 4


def _ended(process: subprocess.Popen[str]) -> int:
    with process:
        return process.wait(timeout=60)


def test_whoever_waits_is_not_passed_by_a_process_that_writes_all_day(file: Path) -> None:
    db = _db(file)
    with db.transaction() as session:  # the other one can only wait until this has ended
        greedy = subprocess.Popen(
            [sys.executable, "-c", WRITES_ALL_DAY, str(db.url)], stdout=subprocess.PIPE, text=True
        )
        assert greedy.stdout is not None
        assert greedy.stdout.readline() == "ready\n"
        session.execute(text("UPDATE turns_taken SET before = 0"))
    wait_until(lambda: _taken(db)[0] > 3, timeout=60, what="the other process to write")

    served = []
    for _ in range(20):
        came, _ = _taken(db)
        with db.transaction() as session:
            served.append(session.scalar(text("SELECT greedy FROM turns_taken")) - came)
    with db.transaction() as session:
        session.execute(text("UPDATE turns_taken SET modest = 1"))

    assert greedy.wait(timeout=60) == 0
    greedy.stdout.close()
    db.close()
    # What it wrote until this process stood in the queue, and one more; else hundreds. The middle one counts:
    # the machine may do other things between the look and the place in the queue.
    assert sorted(served)[len(served) // 2] < 100


def test_a_place_that_was_held_by_a_killed_process_is_free(file: Path) -> None:
    holds = (
        "import fcntl, os, sys, time\n"
        f"file = os.open(sys.argv[1] + {ENDING!r}, os.O_RDONLY | os.O_CREAT, 0o600)\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "time.sleep(600)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", holds, str(file)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    db, has_written = _db(file), threading.Event()

    def write() -> None:
        with db.transaction() as session:
            session.execute(text("UPDATE turns_taken SET modest = 1"))
        has_written.set()

    writer = threading.Thread(target=write)
    writer.start()
    had_to_wait = not has_written.wait(0.2)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    writer.join(timeout=60)
    db.close()

    assert had_to_wait
    assert has_written.is_set()


def test_a_lock_that_nobody_gives_back_is_an_error_of_the_database(file: Path) -> None:
    failures = []
    queue = WriteQueue(str(file), patience=0.05)
    with (
        closing(sqlite3.connect(file)) as holder,
        closing(sqlite3.connect(file, isolation_level=None)) as waiting,
    ):
        holder.execute("BEGIN IMMEDIATE")

        def insist() -> None:
            with pytest.raises(sqlite3.OperationalError, match="locked") as caught:
                waiting.execute("BEGIN IMMEDIATE")
            failures.append(caught.value)

        queue.begin(waiting, insist)
        holder.rollback()
        queue.begin(waiting, insist)
        patience = waiting.execute("PRAGMA busy_timeout").fetchone()
    queue.close()

    assert len(failures) == 1
    assert patience == (50,)


def test_a_file_that_cannot_be_written_is_told_as_any_trouble_of_the_database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as made:
        made.execute("PRAGMA journal_mode=WAL")
    db = Database(f"sqlite:///file:{file}?mode=ro&uri=true")

    with pytest.raises(OperationalError), db.transaction() as session:
        session.execute(text("UPDATE turns_taken SET modest = 1"))
    db.close()


def test_only_those_who_may_open_the_database_may_hold_up_its_queue(file: Path) -> None:
    file.chmod(0o600)
    db = _db(file)

    with db.transaction() as session:
        session.execute(select(1))
    db.close()

    assert Path(f"{file}{ENDING}").stat().st_mode & 0o777 == 0o600

"""The operator's commands as processes: each program alone, and what stands in its way in one line."""

import re
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from config import Config
from newsletters.kernel import roster
from newsletters.kernel.db import Database
from newsletters.kernel.roster import Announcement, Kind
from newsletters.migrations import downgrade, is_behind
from tests.drills.programs import Program
from tests.postgres import free_port
from tests.running import listens
from tests.sink import wait_until

START_SECONDS = 120.0
Start = Callable[..., Program]


@pytest.fixture
def settings(config: Config) -> dict[str, str]:
    """The environment of a machine that shares the test's database."""
    return {
        "DATABASE_URL": make_url(config.database_url).render_as_string(hide_password=False),
        "ENGINE_URL": "memory://",
        "SECRET_KEY": config.secret_key,
        "ADDRESS_HASH_KEY": config.address_hash_key,
        "PORT": str(free_port()),
        "INBOUND_PORT": str(free_port()),
        "WEB_WORKERS": "1",
    }


@pytest.fixture
def start(settings: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a command; whatever still runs at the end of a test is ended."""
    started: list[Program] = []

    def start_one(command: str, **changed: str) -> Program:
        name = f"{command}{len(started)}"
        environment = {"DATA_DIR": str(tmp_path / name), **settings, **changed}
        argv = [sys.executable, "-m", "newsletters.cli", command]
        started.append(Program(argv, environment, tmp_path / f"{name}.log").start())
        return started[-1]

    yield start_one
    for program in started:
        program.kill()


def test_web_and_mail_door_start_by_themselves_and_end_when_told(
    db: Database, start: Start, settings: dict[str, str]
) -> None:
    programs = [start("web"), start("inbound")]
    ports = [int(settings[name]) for name in ("PORT", "INBOUND_PORT")]
    wait_until(lambda: all(map(listens, ports)), timeout=START_SECONDS, what="both")
    with urllib.request.urlopen(
        f"http://127.0.0.1:{settings['PORT']}/healthz", timeout=START_SECONDS
    ) as answer:
        health = answer.status

    wait_until(lambda: set(_kinds(db)) == {Kind.WEB, Kind.INBOUND}, timeout=START_SECONDS, what="the roster")
    statuses = [program.end() for program in programs]

    assert health == 200
    assert statuses == [0, 0]
    assert _kinds(db) == []


def test_a_worker_is_on_the_list_while_it_runs_and_a_silent_one_is_told_apart(
    db: Database, start: Start
) -> None:
    with db.transaction() as session:
        silent = Announcement(name="gone", host="mail7.newsroom.example", version="12345678")
        roster.announce(session, silent, now=datetime.now(UTC) - 2 * roster.SILENT_AFTER)
    worker = start("worker")
    wait_until(lambda: _workers(db) == 2, timeout=START_SECONDS, what="the worker on the list")

    listed = _ended(start("workers"))
    status = worker.end()
    with db.transaction() as session:
        roster.leave(session, "gone")
    afterwards = _ended(start("workers"))

    lines = listed.splitlines()
    assert status == 0
    assert lines[0].split("  ")[0].startswith("machine")
    assert sorted("silent" in line for line in lines[1:]) == [False, True]
    assert any(re.match(r"mail7\.newsroom\.example .*\d+ min ago, silent", line) for line in lines)
    assert afterwards.startswith("No worker is running.")


def test_a_database_that_is_not_there_is_one_line(start: Start) -> None:
    program = start("web", DATABASE_URL=f"postgresql://nobody@127.0.0.1:{free_port()}/none")

    said = _ended(program, status=1)

    assert said.startswith("Error: DATABASE_URL: ")
    assert said.count("\n") == 1


def test_a_database_that_was_not_migrated_is_one_line(db: Database, start: Start) -> None:
    downgrade(db.engine, "0001")

    said = _ended(start("worker"), status=1)

    assert said == (
        "Error: the database is older than this code; run first: python -m newsletters.cli migrate\n"
    )


def test_an_engine_that_is_away_is_said_and_nothing_waits_for_it(db: Database, start: Start) -> None:
    worker = start("worker", ENGINE_URL=f"redis://127.0.0.1:{free_port()}/0")
    wait_until(lambda: _workers(db) == 1, timeout=START_SECONDS, what="the worker")

    status = worker.end()

    assert status == 0
    assert worker.words().startswith("ENGINE_URL: Error 111 connecting to ")
    assert "Mail leaves all the same" in worker.words()
    assert "Traceback" not in worker.words()


def test_two_machines_may_migrate_at_once(db: Database, start: Start) -> None:
    downgrade(db.engine, "base")
    before = is_behind(db.engine)

    both = [start("migrate"), start("migrate")]
    said = [_ended(program) for program in both]

    assert before
    assert said == ["The database is up to date.\n"] * 2
    assert not is_behind(db.engine)


def _ended(program: Program, *, status: int = 0) -> str:
    """What it said, once it has ended by itself."""
    wait_until(lambda: not program.is_running, timeout=START_SECONDS, what="the command's end")
    said = program.words()
    assert program.end() == status, said
    return said


def _kinds(db: Database) -> list[Kind]:
    with db.reading() as session:
        return [process.kind for process in roster.present(session, now=datetime.now(UTC))]


def _workers(db: Database) -> int:
    with db.reading() as session:
        return len(roster.present(session, now=datetime.now(UTC)))

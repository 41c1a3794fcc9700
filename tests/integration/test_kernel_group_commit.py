"""Group commit, with real threads at a real SQLite file."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from newsletters.kernel.db import Database
from newsletters.kernel.group_commit import GroupCommit
from tests.sink import wait_until

Act = Callable[[Session], int]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "written.sqlite3"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE told (number INTEGER PRIMARY KEY)")
    return path


@pytest.fixture
def db(file: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{file}")
    yield db
    db.close()


def tell(number: int) -> Act:
    def act(session: Session) -> int:
        session.execute(text("INSERT INTO told VALUES (:number)"), {"number": number})
        return number

    return act


def refuse(number: int) -> Act:
    def act(session: Session) -> int:
        tell(number)(session)
        raise ValueError(f"{number} is refused")

    return act


def told(db: Database) -> list[int]:
    with db.reading() as session:
        return list(session.scalars(text("SELECT number FROM told ORDER BY number")))


def at_once(db: Database, file: Path, acts: list[Act]) -> list[Future[int]]:
    """The first waits for somebody else's lock until all the others stand behind it."""
    with ThreadPoolExecutor(len(acts)) as pool, closing(sqlite3.connect(file)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        running = [pool.submit(db.together, acts[0])]
        wait_until(lambda: _waiting(db) == 0 and _is_led(db), timeout=60, what="the first to lead")
        running += [pool.submit(db.together, act) for act in acts[1:]]
        wait_until(lambda: _waiting(db) == len(acts) - 1, timeout=60, what="the others to wait")
        somebody.rollback()
    return running


def _waiting(db: Database) -> int:
    return len(db._group._waiting)


def _is_led(db: Database) -> bool:
    return db._group._turn.locked()


@contextmanager
def counted_commits(db: Database) -> Iterator[list[str]]:
    commits: list[str] = []
    event.listen(db.engine, "commit", lambda _connection: commits.append("commit"))
    yield commits


def test_who_waits_at_one_moment_shares_one_commit(db: Database, file: Path) -> None:
    with counted_commits(db) as commits:
        running = at_once(db, file, [tell(number) for number in range(9)])

    assert [one.result() for one in running] == list(range(9))
    assert told(db) == list(range(9))
    assert len(commits) == 2  # the first one's, and that of the eight behind it


def test_one_that_raises_writes_nothing_and_the_others_do(db: Database, file: Path) -> None:
    running = at_once(db, file, [tell(0), tell(1), refuse(2), tell(3)])

    with pytest.raises(ValueError, match="2 is refused"):
        running[2].result()
    assert [running[number].result() for number in (0, 1, 3)] == [0, 1, 3]
    assert told(db) == [0, 1, 3]


def test_what_the_database_refuses_to_one_it_does_not_refuse_to_the_others(db: Database, file: Path) -> None:
    running = at_once(db, file, [tell(0), tell(1), tell(0), tell(3), refuse(4)])

    with pytest.raises(IntegrityError):
        running[2].result()
    with pytest.raises(ValueError, match="4 is refused"):
        running[4].result()
    assert told(db) == [0, 1, 3]


def test_nobody_is_told_of_success_where_nothing_could_be_committed(file: Path) -> None:
    """The file's disk says at the commit that it cannot."""
    db = Database(f"sqlite:///{file}")
    is_refusing = threading.Event()

    def refuse_commit(_connection: object) -> None:
        if is_refusing.is_set():
            raise OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))

    event.listen(db.engine, "commit", refuse_commit)
    is_refusing.set()
    running = at_once(db, file, [tell(number) for number in range(4)])
    is_refusing.clear()

    for one in running:
        with pytest.raises(OperationalError, match="disk I/O"):
            one.result()
    assert told(db) == []
    db.close()


def test_alone_it_is_a_transaction_like_any_other(db: Database) -> None:
    assert db.together(tell(1)) == 1
    with pytest.raises(ValueError, match="2 is refused"):
        db.together(refuse(2))

    assert told(db) == [1]


def test_a_group_is_not_larger_than_others_can_wait_for(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("newsletters.kernel.group_commit.MOST", 2)
    sizes: list[int] = []

    class Watched(GroupCommit):
        def _do(self, jobs: list) -> None:  # type: ignore[type-arg]
            sizes.append(len(jobs))
            super()._do(jobs)

    db._group = Watched(db.transaction)
    assert db._queue is not None
    running = at_once(db, Path(db._queue._database), [tell(number) for number in range(6)])

    assert sorted(one.result() for one in running) == list(range(6))
    assert max(sizes) == 2
    assert sum(sizes) == 6

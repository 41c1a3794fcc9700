"""Transactions and shared limits on the real database."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from newsletters.kernel.db import Database
from newsletters.kernel.limits import Limit, RateWindow, forget_past_windows, hit
from newsletters.subscribers.models import Subscriber
from tests.conftest import NOW, on_postgres
from tests.factories import make_subscriber

HOURLY = Limit("test", 3, timedelta(hours=1))


def _count(db: Database) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(Subscriber)) or 0


def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    with pytest.raises(RuntimeError, match="half-way"), db.transaction() as session:
        make_subscriber(session)
        raise RuntimeError("half-way")

    assert _count(db) == 0


def test_reading_keeps_nothing(db: Database) -> None:
    with db.reading() as session:
        make_subscriber(session)

    assert _count(db) == 0


def test_many_writers_wait_for_each_other_instead_of_failing(db: Database) -> None:
    def write() -> None:
        for _ in range(10):
            with db.transaction() as session:
                before = session.scalar(select(func.count()).select_from(Subscriber))
                assert before is not None
                make_subscriber(session)

    writers = [threading.Thread(target=write) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert _count(db) == 60


def test_what_a_reader_was_promised_is_on_disk_when_it_is_answered(db: Database) -> None:
    durable = "SHOW synchronous_commit" if on_postgres else "PRAGMA synchronous"

    with db.transaction() as session:
        promised = session.scalar(text(durable))
    with db.transaction(durable=False) as session:
        outcome = session.scalar(text(durable))
    with db.transaction() as session:
        promised_again = session.scalar(text(durable))

    # The tests' own server runs with synchronous_commit=off; SQLite's FULL is 2 and NORMAL is 1.
    found = (promised, outcome, promised_again)
    assert found == (("off", "off", "off") if on_postgres else (2, 1, 2))


def test_a_limit_counts_within_its_window_and_no_further(db: Database) -> None:
    with db.transaction() as session:
        within = [hit(session, HOURLY, "one", now=NOW) for _ in range(4)]
        other = hit(session, HOURLY, "other", now=NOW)
        later = hit(session, HOURLY, "one", now=NOW + timedelta(hours=1))

    assert within == [True, True, True, False]
    assert other
    assert later


def test_past_windows_are_forgotten(db: Database) -> None:
    with db.transaction() as session:
        hit(session, HOURLY, "one", now=NOW)
        hit(session, HOURLY, "one", now=NOW + timedelta(hours=2))

        forget_past_windows(session, now=NOW + timedelta(hours=2))

        assert session.scalar(select(func.count()).select_from(RateWindow)) == 1

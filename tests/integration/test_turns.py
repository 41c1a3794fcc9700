"""Work that one worker at a time does: turns, the periodic table upon them, and the roster of workers."""

import os
import socket
import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from newsletters.kernel import roster, turns
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.identity import worker_name
from newsletters.kernel.roster import Announcement
from newsletters.kernel.turns import LEASE, Turn
from newsletters.runtime import Runtime
from newsletters.runtime.presence import Presence
from newsletters.tasks.periodic import TABLE, Entry, Timetable
from tests.conftest import NOW

EVERY = timedelta(minutes=1)
DAY = timedelta(days=1)


def test_of_many_who_want_a_turn_at_once_one_gets_it(db: Database) -> None:
    taken: list[int | None] = []
    together = threading.Barrier(6)

    def want(worker: str) -> None:
        together.wait()
        taken.append(_take(db, worker, now=NOW))

    workers = [threading.Thread(target=want, args=(f"worker {number}",)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(taken, key=str) == [1, None, None, None, None, None]


def test_a_turn_comes_again_after_its_interval_and_no_sooner(db: Database) -> None:
    first = _take(db, "one", now=NOW)
    _end(db, first, now=NOW)

    sooner = _take(db, "two", now=NOW + EVERY - timedelta(seconds=1))
    then = _take(db, "two", now=NOW + EVERY)

    assert (first, sooner, then) == (1, None, 2)


def test_a_holder_that_froze_is_waited_for_and_may_then_end_nothing(db: Database) -> None:
    frozen = _take(db, "frozen", now=NOW)

    within = _take(db, "other", now=NOW + LEASE - timedelta(seconds=1))
    after = _take(db, "other", now=NOW + LEASE)
    _end(db, frozen, now=NOW + LEASE)

    assert (within, after) == (None, 2)
    with db.reading() as session:
        turn = session.scalars(select(Turn)).one()
    assert (turn.worker, turn.ended_at, turn.leased_until) == ("other", None, NOW + 2 * LEASE)


@pytest.mark.parametrize("behind", [timedelta(milliseconds=1), timedelta(seconds=30)])
def test_whoever_asked_for_the_time_a_moment_before_the_holder_gets_no_turn(
    db: Database, behind: timedelta
) -> None:
    first = _take(db, "first", now=NOW)
    while_held = _take(db, "who waited for the lock", now=NOW - behind)
    _end(db, first, now=NOW)

    just_after = _take(db, "whose clock is behind", now=NOW - behind)

    assert (while_held, just_after, _due(db, now=NOW - behind)) == (None, None, [])


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_leap_of_the_clock_and_back_blocks_no_turn(db: Database, jump: timedelta) -> None:
    _end(db, _take(db, "leaping", now=NOW + jump), now=NOW + jump)
    due = _due(db, now=NOW)

    second = _take(db, "other", now=NOW)

    assert due == ["work"]
    assert second == 2
    assert _due(db, now=NOW) == []


def test_two_schedulers_run_each_entry_once_in_its_interval(runtime: Runtime, clock: FixedClock) -> None:
    ran: list[str] = []
    table = (Entry(60, _named("often", ran)), Entry(600, _named("rarely", ran)))
    schedulers = [Timetable(runtime, table, monotonic=_Counter(clock)) for _ in range(2)]

    for _ in range(600):
        for scheduler in schedulers:
            scheduler.run_due()
        clock.advance(timedelta(seconds=1))

    assert (ran.count("often"), ran.count("rarely")) == (10, 1)


def test_an_entry_that_fails_holds_up_neither_itself_nor_others(runtime: Runtime, clock: FixedClock) -> None:
    ran: list[str] = []

    def breaks(_: Runtime) -> None:
        ran.append("breaks")
        raise RuntimeError("broken")

    scheduler = Timetable(
        runtime, (Entry(60, breaks), Entry(60, _named("works", ran))), monotonic=_Counter(clock)
    )

    for _ in range(2):
        scheduler.run_due()
        clock.advance(timedelta(seconds=60))

    assert ran == ["breaks", "works"] * 2


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_leap_of_the_clock_neither_skips_housekeeping_nor_repeats_it_all_the_time(
    runtime: Runtime, clock: FixedClock, jump: timedelta
) -> None:
    ran: list[str] = []
    counter = _Counter(clock)
    scheduler = Timetable(runtime, (Entry(60, _named("often", ran)),), monotonic=counter)
    leapt = timedelta(0)

    for second in range(600):
        if second in (120, 360):
            leapt = jump - leapt
            clock.advance(leapt)
            counter.leaps += leapt.total_seconds()
            leapt = jump if second == 120 else -jump
        scheduler.run_due()
        clock.advance(timedelta(seconds=1))

    assert 9 <= len(ran) <= 12


def test_the_entries_of_the_table_have_names_of_their_own() -> None:
    names = [entry.name for entry in TABLE]

    assert len(set(names)) == len(names)


def test_workers_are_present_while_they_say_so(db: Database) -> None:
    here = Announcement(name="a", host="mail1", version="12345678")
    gone = Announcement(name="b", host="mail2", version="12345678")

    _announce(db, here, gone, now=NOW)
    _announce(db, here, now=NOW + timedelta(minutes=1))
    soon = _present(db, now=NOW + timedelta(minutes=1))
    _announce(db, here, now=NOW + timedelta(minutes=11))
    later = _present(db, now=NOW + timedelta(minutes=11))

    assert soon == [("mail1", NOW, False), ("mail2", NOW, True)]
    assert later == [("mail1", NOW, False)]


def test_a_worker_that_ends_is_struck_out(runtime: Runtime) -> None:
    presence = Presence(runtime)
    presence.announce()
    during = _present(runtime.db, now=NOW)

    presence.leave()

    assert len(during) == 1
    assert _present(runtime.db, now=NOW) == []


def test_a_worker_that_was_killed_is_struck_out_by_the_next_one_of_its_machine(runtime: Runtime) -> None:
    place = worker_name().rpartition(":")[0].rpartition(":")[0]
    killed = Announcement(f"{place}:{os.getpid()}:1", "here", "v1")  # this number was another process's then
    elsewhere = Announcement(f"other-{place}:1:1", "elsewhere", "v1")
    _announce(runtime.db, killed, elsewhere, now=NOW)

    Presence(runtime).announce()

    hosts = [host for host, _, _ in _present(runtime.db, now=NOW)]
    assert sorted(hosts) == sorted(["elsewhere", socket.gethostname()])


class _Counter:
    """A monotonic counter beside a fixed clock: it goes on with the clock and leaves its leaps out."""

    def __init__(self, clock: FixedClock) -> None:
        self._clock, self._start, self.leaps = clock, clock.now(), 0.0

    def __call__(self) -> float:
        return 1000.0 + (self._clock.now() - self._start).total_seconds() - self.leaps


def _named(name: str, ran: list[str]):  # type: ignore[no-untyped-def]
    def run(_: Runtime) -> None:
        ran.append(name)

    run.__name__ = name
    return run


def _take(db: Database, worker: str, *, now: datetime) -> int | None:
    with db.transaction() as session:
        return turns.take(session, "work", every=EVERY, worker=worker, now=now)


def _end(db: Database, fence: int | None, *, now: datetime) -> None:
    assert fence is not None
    with db.transaction() as session:
        turns.end(session, "work", fence, now=now)


def _due(db: Database, *, now: datetime) -> list[str]:
    with db.reading() as session:
        return turns.due(session, {"work": EVERY}, now=now)


def _announce(db: Database, *said: Announcement, now: datetime) -> None:
    with db.transaction() as session:
        for one in said:
            roster.announce(session, one, now=now)


def _present(db: Database, *, now: datetime) -> list[tuple[str, datetime, bool]]:
    with db.reading() as session:
        return [
            (worker.host, worker.started_at, worker.is_silent(now))
            for worker in roster.present(session, now=now)
        ]

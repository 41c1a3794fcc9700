"""Rates and days' allowances that workers share, and what becomes of letters that must wait for them."""

import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletters.delivery.dispatch_gate import SLICE
from newsletters.delivery.dispatch_outlook import PutOff
from newsletters.delivery.throttle import moment
from newsletters.kernel.db import Database
from tests.conftest import NOW
from tests.dispatching import ACCEPTED, ONE, OTHER, Flow, Letter, by_group, by_server, most_in_any
from tests.sink import PROJECT

SECOND = timedelta(seconds=1)
TEN_A_SECOND = f'[servers."{ONE}"]\nrate = "10/second"\n'
GOOGLE_TWO = '[providers.google]\nrate = "2/second"\nconnections = 0\n'
WARM_UP = f'[servers."{ONE}"]\nwarm_up = {{ days = [50, 80] }}\n'


def test_a_rate_holds_to_the_letter(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=TEN_A_SECOND)
    flow.add(300)

    moments = [at for at, _ in flow.run(10 * SECOND)]

    assert 105 <= len(moments) <= 110  # the burst of a second's worth, and ten seconds
    for seconds in (1, 2, 5):
        stretch = seconds * SECOND
        assert most_in_any(stretch, moments) <= 10 * (seconds + SLICE / SECOND) + 10


def test_the_rate_in_the_servers_url_holds_too(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, servers=(f"{ONE}?rate=10",))
    flow.servers = (ONE,)
    flow.add(300)

    assert 105 <= len(flow.run(10 * SECOND)) <= 110


def test_workers_share_a_rate(db: Database, tmp_path: Path) -> None:
    flows = [Flow(db, tmp_path, rules=TEN_A_SECOND, worker=f"worker {number}") for number in range(3)]
    for flow in flows:
        flow.add(300)

    moments: dict[int, list[datetime]] = {number: [] for number in range(3)}
    for _ in range(200):
        for number, flow in enumerate(flows):
            moments[number] += [at for at, _ in flow.run(SECOND / 20)]

    together = [at for some in moments.values() for at in some]
    assert 105 <= len(together) <= 110
    assert most_in_any(2 * SECOND, together) <= 10 * (2 + SLICE / SECOND) + 10
    assert min(len(some) for some in moments.values()) >= 20


def test_real_processes_never_exceed_the_rate_together(db: Database, database_url: str) -> None:
    rate, seconds = 200, 2.0
    command = [sys.executable, "-m", "tests.slot_taker", database_url, f"{rate}/second", str(seconds)]

    workers = [
        subprocess.Popen([*command, f"worker {number}"], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    printed = [worker.communicate(timeout=60)[0] for worker in workers]

    assert [worker.returncode for worker in workers] == [0, 0, 0]
    counts = [len(lines.split()) for lines in printed]
    moments = [moment(int(line)) for lines in printed for line in lines.split()]
    assert min(counts) > 0
    assert len(moments) >= rate
    for stretch in (SECOND / 10, SECOND / 2, SECOND):
        allowed = rate * (stretch + SLICE) / SECOND + rate
        assert most_in_any(stretch, moments) <= allowed


def test_what_waits_for_one_providers_rate_holds_up_nobody_else(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=GOOGLE_TWO)
    flow.add(100, "gmail.com")
    flow.add(100, "ukr.net")

    sent = [placed for _, placed in flow.run(2 * SECOND)]

    assert by_group(sent)["ukrnet"] == 100
    assert 4 <= by_group(sent)["google"] <= 7


def test_what_must_wait_is_handed_back_with_its_time(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=GOOGLE_TWO)
    flow.add(100, "gmail.com")
    sent = len(flow.send_all())

    put = flow.put_off()

    kept = flow.dispatcher.waiting()
    assert sent + kept + len(put) == 100
    assert 8 <= kept <= 14  # what goes within the next six seconds
    assert max(Counter(p.until for p in put).values()) == 8  # four seconds' worth comes at one time
    span = max(p.until for p in put) - min(p.until for p in put)
    assert span == pytest.approx(len(put) / 2 * SECOND, abs=5 * SECOND)


def test_letters_handed_back_come_in_time_and_none_waits_twice(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=GOOGLE_TWO)
    flow.add(120, "gmail.com")
    waiting: list[PutOff[Letter]] = []
    times_put_off: Counter[Letter] = Counter()

    def come_and_go() -> None:
        put = flow.dispatcher.put_off(now=flow.now)
        times_put_off.update(p.letter for p in put)
        waiting.extend(put)
        for due in [p for p in waiting if p.until <= flow.now]:
            waiting.remove(due)
            flow.dispatcher.add(due.letter, domain="gmail.com", issue_id=1, is_fresh=False)

    sent = flow.run(75 * SECOND, each_step=come_and_go)

    assert len(sent) == 120
    assert sent[-1][0] - NOW <= 70 * SECOND  # sixty by the rate, and the time until the first come back
    assert most_in_any(5 * SECOND, [at for at, _ in sent]) <= 2 * 5.25 + 2
    assert times_put_off.most_common(1)[0][1] == 1


def test_a_second_issue_does_not_wait_for_all_of_the_first(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=GOOGLE_TWO)
    flow.add(1000, "gmail.com", issue=1)
    flow.send_all()
    first = flow.put_off()
    flow.add(40, "gmail.com", issue=2)

    second = flow.put_off()

    assert max(p.until for p in first) - flow.now > 400 * SECOND
    assert len(second) >= 30
    assert max(p.until for p in second) - flow.now < 60 * SECOND


def test_fresh_letters_stand_behind_those_in_line(db: Database, tmp_path: Path) -> None:
    one, other = (Flow(db, tmp_path, rules=GOOGLE_TWO, worker=name) for name in ("one", "other"))
    one.add(100, "gmail.com")
    one.send_all()
    in_line = one.put_off()
    other.now = one.now
    other.add(1, "ukr.net")
    other.send()
    other.add(10, "gmail.com")

    behind = other.put_off()

    assert len(behind) == 10
    assert min(p.until for p in behind) >= max(p.until for p in in_line) - 10 * SECOND


def test_a_warm_ups_day_is_shared_and_kept_to_the_letter(db: Database, tmp_path: Path) -> None:
    flows = [Flow(db, tmp_path, rules=WARM_UP, worker=f"worker {number}") for number in range(3)]
    for flow in flows:
        flow.add(40)

    sent = [len(flow.send_all(room=5)) for flow in flows]
    put = [len(flow.put_off()) for flow in flows]

    assert sum(sent) == 50
    assert sum(put) == 70


def test_the_next_day_of_a_warm_up_has_its_own_allowance(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=WARM_UP)
    flow.add(500)
    first = len(flow.send_all())
    put = flow.put_off()

    midnight = flow.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    flow.refresh(midnight - flow.now)
    flow.add(500, fresh=False)
    second = len(flow.send_all())
    flow.refresh(timedelta(days=1))
    flow.add(500, fresh=False)
    third = len(flow.send_all())

    assert (first, second, third) == (50, 80, 500 - 80 + 500)
    assert all(timedelta() <= p.until - midnight <= timedelta(minutes=10) for p in put)


def test_what_a_warm_up_does_not_take_goes_over_the_other_server(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=WARM_UP, servers=(ONE, OTHER))
    flow.add(500)

    placed = flow.send_all()

    assert by_server(placed) == {ONE: 50, OTHER: 450}


def test_a_letter_that_was_never_begun_takes_nothing_from_the_day(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=WARM_UP)
    flow.add(200)

    flow.end(flow.take(), None)

    assert len(flow.send_all()) == 50


def test_an_unused_part_of_the_day_goes_back_when_a_worker_ends(db: Database, tmp_path: Path) -> None:
    one, other = (Flow(db, tmp_path, rules=WARM_UP, worker=name) for name in ("one", "other"))
    one.add(30)
    one.send(room=1)
    one.dispatcher.withdraw(lambda _: True)
    other.add(100)

    one.dispatcher.close()

    assert len(other.send_all()) == 49


def test_while_the_shared_rates_are_away_nothing_they_limit_is_begun(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=GOOGLE_TWO)
    flow.add(5, "gmail.com")
    flow.add(5, "ukr.net")
    flow.take(room=0)
    with db.transaction() as session:
        session.execute(text("ALTER TABLE shaping_buckets RENAME TO gone"))

    sent = flow.send_all()
    with db.transaction() as session:
        session.execute(text("ALTER TABLE gone RENAME TO shaping_buckets"))
    flow.now += 2 * SECOND

    assert by_group(sent) == {"ukrnet": 5}
    assert by_group(flow.send_all()) == {"google": 2}


def test_a_faster_rate_in_the_file_is_in_force_at_once(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=f'[servers."{ONE}"]\nrate = "1/minute"\n')
    flow.add(300)
    slow = len(flow.run(5 * SECOND))

    flow.path.write_text(f'[servers."{ONE}"]\nrate = "10/second"\n')
    fast = len(flow.run(5 * SECOND))

    assert slow == 1
    assert fast >= 40


def test_the_loop_is_told_when_to_look_again(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=f'[servers."{ONE}"]\nrate = "2/second"\nburst = 1\n')
    nothing = flow.dispatcher.wake_in(now=flow.now)
    flow.add(30)
    flow.end(flow.take(), ACCEPTED)

    wake_in = flow.dispatcher.wake_in(now=flow.now)

    assert nothing is None
    assert wake_in is not None and 0.2 <= wake_in <= 0.5
    assert not flow.dispatcher.wants_more(now=flow.now)

"""Which letter goes where and when: weights, health, places, fairness between providers."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from newsletters.delivery import servers_books
from newsletters.delivery.dispatch import Placed
from newsletters.delivery.dispatch_gate import FIRST_WINDOW
from newsletters.delivery.shaping_models import FlowMinute, MailServer, ProviderRest, ServerShare
from newsletters.kernel.db import Database
from newsletters.mail.replies import Deferred, Phase, Reply, ServerUnavailable, SmtpError
from newsletters.mail.server import SmtpServer
from tests.conftest import NOW
from tests.dispatching import (
    ACCEPTED,
    ONE,
    OTHER,
    POLICY,
    PUT_OFF,
    REFUSED_CONNECTION,
    THROTTLED,
    Flow,
    Letter,
    by_group,
    by_server,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def test_without_rules_everything_goes_and_no_rate_is_asked_for(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(50)

    placed = flow.send_all()

    assert len(placed) == 50
    with db.reading() as session:
        assert session.execute(text("SELECT count(*) FROM shaping_buckets")).scalar_one() == 0


def test_no_more_letters_are_placed_than_there_is_room_for(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, servers=(ONE, OTHER))
    flow.add(10, "a.example")
    flow.add(10, "b.example")

    placed = flow.dispatcher.take({ONE: 3, OTHER: 1}, now=flow.now)

    assert by_server(placed) == {ONE: 3, OTHER: 1}


def test_servers_get_letters_by_their_weights(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=f'[servers."{OTHER}"]\nweight = 3\n', servers=(ONE, OTHER))
    flow.add(400)

    placed = flow.send_all(room=8)

    assert by_server(placed) == {ONE: pytest.approx(100, abs=8), OTHER: pytest.approx(300, abs=8)}


def test_a_weight_does_not_wait_for_a_server_that_hangs(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, rules=f'[servers."{OTHER}"]\nweight = 9\n', servers=(ONE, OTHER))
    flow.add(400)
    flow.end(flow.dispatcher.take({OTHER: 1}, now=flow.now))
    while placed := flow.dispatcher.take({ONE: 1}, now=flow.now):
        flow.end(placed)

    flow.now += 10 * SECOND
    sent = flow.dispatcher.take({ONE: 1}, now=flow.now)

    assert by_server(sent) == {ONE: 1}


def test_of_equal_servers_the_quicker_takes_more(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, servers=(ONE, OTHER))
    flow.add(400)

    placed = []
    for _ in range(50):
        some = flow.dispatcher.take({ONE: 6, OTHER: 2}, now=flow.now)
        flow.end(some)
        placed += some

    assert by_server(placed)[ONE] == pytest.approx(3 * by_server(placed)[OTHER], rel=0.1)


def test_a_server_that_cannot_be_reached_is_left_to_the_others(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, servers=(ONE, OTHER))
    flow.add(20)

    flow.fail(ONE)
    placed = flow.send_all()

    assert by_server(placed) == {OTHER: 20}
    assert flow.dispatcher.away(now=flow.now) == ""


def test_a_server_is_tried_by_one_letter_after_its_rest_and_then_trusted(
    db: Database, tmp_path: Path
) -> None:
    flow = Flow(db, tmp_path)
    flow.add(20)
    flow.fail(ONE)

    while_resting = flow.take()
    flow.now += 6 * SECOND
    wanted = flow.dispatcher.wanted(ONE, now=flow.now)
    trying = flow.take()
    flow.end(trying)
    flow.take()
    afterwards = flow.take()

    assert (len(while_resting), wanted, len(trying)) == (0, 1, 1)
    assert afterwards or flow.dispatcher.waiting() < 19


def test_a_server_that_comes_back_does_not_catch_up(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, servers=(ONE, OTHER))
    flow.add(400)
    flow.send(room=2)
    flow.fail(ONE)
    while flow.dispatcher.waiting() > 200:
        flow.send(room=2)

    flow.now += 6 * SECOND
    back = flow.send_all(room=2)

    assert by_server(back)[ONE] == pytest.approx(100, abs=4)


def test_a_letter_given_back_goes_to_another_server(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, servers=(ONE, OTHER))
    flow.add(1)
    (first,) = flow.take()

    flow.end([first], REFUSED_CONNECTION)
    flow.fail(first.server, times=2)
    flow.dispatcher.add(first.letter, domain="readers.example", issue_id=1, is_fresh=False)
    (second,) = flow.take()

    assert {first.server, second.server} == {ONE, OTHER}


def test_only_when_no_server_takes_mail_it_is_said_so(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, servers=(ONE, OTHER))
    flow.add(5)
    flow.take(room=0)

    flow.fail(ONE)
    while_one_works = flow.dispatcher.away(now=flow.now)
    flow.fail(OTHER)

    assert while_one_works == ""
    assert "Connection refused" in flow.dispatcher.away(now=flow.now)
    assert flow.put_off() == []
    assert flow.dispatcher.waiting() == 5


def test_a_server_somebody_found_well_again_is_known_at_once(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(1)
    flow.fail(ONE)
    flow.dispatcher.away(now=flow.now)

    with db.transaction() as session:
        servers_books.try_server_now(session, ONE, now=flow.now)

    assert flow.dispatcher.away(now=flow.now) == ""
    assert len(flow.send()) == 1


def test_workers_tell_each_other_which_server_rests(db: Database, tmp_path: Path) -> None:
    one, other = (Flow(db, tmp_path, servers=(ONE, OTHER), worker=name) for name in ("one", "other"))
    for flow in (one, other):
        flow.add(10)
        flow.take(room=0)

    one.fail(ONE)
    one.refresh()
    other.refresh(2 * SECOND)

    assert by_server(other.send_all()) == {OTHER: 10}


def test_a_throttling_server_is_slowed_down_and_others_take_over(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path, servers=(ONE, OTHER))
    flow.add(10_000)
    for _ in range(100):  # ten letters a second to each server
        flow.end(flow.dispatcher.take({ONE: 1, OTHER: 1}, now=flow.now))
        flow.now += SECOND / 10

    (throttled,) = flow.dispatcher.take({ONE: 1}, now=flow.now)
    flow.end([throttled], THROTTLED)
    sent = []
    for _ in range(100):
        sent += flow.send(room=1)
        flow.now += SECOND / 10

    slowed = by_server(sent)
    assert 30 <= slowed[ONE] <= 75  # half of ten a second, growing by 2 % a second, and a burst
    assert slowed[OTHER] == 100
    assert flow.dispatcher.away(now=flow.now) == ""


def test_too_many_connections_are_taken_back_one_by_one(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(100)
    while len(under_way := flow.take(room=2)) < 2:
        flow.end(under_way)

    crowded = ServerUnavailable(Reply.of(421, "too many connections"), Phase.GREETING)
    flow.dispatcher.unopened(ONE, crowded, now=flow.now)

    assert flow.dispatcher.lines(ONE, now=flow.now) == 1
    assert flow.dispatcher.lines(ONE, now=flow.now + 5 * MINUTE) == 10
    assert flow.dispatcher.away(now=flow.now) == ""


def test_a_provider_that_refuses_by_policy_rests_and_the_others_go_on(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(100, "gmail.com")
    flow.add(30, "ukr.net")

    refused = 0
    while refused < 5:
        for placed in flow.take():
            is_google = placed.group == "google"
            refused += is_google
            flow.end([placed], POLICY if is_google else ACCEPTED)
    others = flow.send_all()
    put = flow.put_off()

    assert set(by_group(others)) <= {"ukrnet"}
    assert refused <= 10  # those under way when the fifth refusal came
    assert {letter[0] for letter, _, _ in ((p.letter, p.until, p.why) for p in put)} == {"gmail.com"}
    assert len(put) == 100 - refused
    assert all(10 * MINUTE <= p.until - flow.now <= 12 * MINUTE for p in put)


def test_a_provider_is_tried_by_one_letter_and_rests_longer_if_it_refuses(
    db: Database, tmp_path: Path
) -> None:
    flow = Flow(db, tmp_path)
    flow.add(40, "gmail.com")
    while flow.send(result=POLICY):
        pass
    flow.now += 12 * MINUTE

    trying = flow.take()
    flow.end(trying, POLICY)
    again = flow.take()
    flow.refresh()

    assert (len(trying), len(again)) == (1, 0)
    with db.reading() as session:
        (rest,) = session.scalars(select(ProviderRest)).all()
        assert (rest.server, rest.provider) == (ONE, "google")
        assert 20 * MINUTE <= rest.until - flow.now <= 23 * MINUTE
        assert "5.7.1 blocked" in rest.why
        assert "@" not in rest.why


def test_a_rest_that_an_editor_ends_is_over_for_every_worker(db: Database, tmp_path: Path) -> None:
    one, other = (Flow(db, tmp_path, worker=name) for name in ("one", "other"))
    for flow in (one, other):
        flow.add(40, "gmail.com")
    while one.send(result=POLICY):
        pass
    one.refresh()
    other.refresh(2 * SECOND)
    one.refresh(2 * SECOND)
    while_resting = other.take()

    with db.transaction() as session:
        servers_books.try_provider_now(session, "google", now=other.now)
    other.refresh()
    trying = other.take()
    other.end(trying)
    other.refresh()

    assert (len(while_resting), len(trying)) == (0, 1)
    with db.reading() as session:
        assert session.scalars(select(ProviderRest)).all() == []


def test_greylisting_and_full_mailboxes_let_no_provider_rest(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(60, "newsroom.example")
    greylisted = Deferred(Reply.of(450, "4.2.0 greylisted"), Phase.RCPT)

    sent = 0
    while placed := flow.send(result=greylisted):
        sent += len(placed)

    assert sent == 60


def test_a_provider_that_puts_everything_off_rests_too(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(60, "newsroom.example")

    tried = 0
    while placed := flow.send(room=2, result=PUT_OFF):
        tried += len(placed)

    assert tried == 10
    assert len(flow.put_off()) == 50


def test_one_dripping_domain_does_not_hold_up_the_others(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(300, "drip.example")
    for number in range(30):
        flow.add(10, f"quick{number}.example")

    dripping: list[Placed[Letter]] = []
    done = 0
    while done < 300:
        for placed in flow.dispatcher.take({ONE: 10 - len(dripping)}, now=flow.now):
            if placed.group == "drip.example":
                dripping.append(placed)
            else:
                flow.end([placed])
                done += 1
        flow.now += SECOND / 20

    assert len(dripping) <= 2
    assert flow.now - NOW < 10 * SECOND


def test_a_slow_domain_alone_still_leaves_half_of_the_lines(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(300, "slow.example")
    under_way: list[Placed[Letter]] = []
    for _ in range(20):  # each letter takes ten seconds
        under_way += flow.dispatcher.take({ONE: 10 - len(under_way)}, now=flow.now)
        flow.now += 10 * SECOND
        flow.end(under_way)
        under_way = []

    held = flow.dispatcher.take({ONE: 10}, now=flow.now)

    assert 1 <= len(held) <= 5


def test_what_a_slow_domain_keeps_waiting_is_handed_back(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(200, "drip.example")
    flow.take(room=10)
    flow.now += 5 * SECOND

    put = flow.put_off()

    assert len(put) > 150
    assert all(15 * SECOND <= p.until - flow.now <= 20 * SECOND for p in put)


def test_the_longer_a_domain_is_slow_the_later_its_letters_come_again(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(400, "drip.example")
    flow.take(room=10)
    flow.now += 10 * MINUTE

    put = flow.put_off()

    assert 4 * MINUTE <= max(p.until for p in put) - flow.now <= 6 * MINUTE
    assert min(p.until for p in put) < max(p.until for p in put) - MINUTE


def test_a_domain_that_is_quick_again_soon_has_its_lines_back(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(300, "stalled.example")
    stalled = flow.take(room=10)
    flow.now += 10 * SECOND
    flow.end(stalled)

    rounds = [len(flow.send(room=10)) for _ in range(8)]

    assert rounds[-1] == 10
    assert flow.put_off() == []


def test_a_providers_connections_are_a_cap_over_all_workers(db: Database, tmp_path: Path) -> None:
    one, other = (Flow(db, tmp_path, worker=name) for name in ("one", "other"))
    for flow in (one, other):
        flow.add(200, "gmail.com")
        flow.take(room=0)
    for flow in (one, other):
        flow.refresh(2 * SECOND)

    wanted = [flow.dispatcher.wanted(ONE, now=flow.now) for flow in (one, other)]
    for flow in (one, other):
        for _ in range(10):
            flow.send()
    placed = [flow.take() for flow in (one, other)]

    assert sum(wanted) == 5
    assert sum(len(letters) for letters in placed) == 5
    assert {letter.messages for letters in placed for letter in letters} == {50}


def test_a_worker_that_comes_to_others_waits_until_they_have_made_room(db: Database, tmp_path: Path) -> None:
    rules = f'[servers."{ONE}"]\nconnections = 4\n'
    first, second = (Flow(db, tmp_path, rules=rules, worker=name) for name in ("first", "second"))
    for flow in (first, second):
        flow.add(30)
    under_way = [first.take()]

    at_once = second.take()
    opened_at_once = second.dispatcher.wanted(ONE, now=second.now)
    put_off = second.put_off()
    first.refresh(2 * SECOND)
    second.refresh(2 * SECOND)
    beside_four = second.take()
    first.end(under_way.pop())
    first.take()
    first.refresh()
    second.refresh()

    assert (at_once, opened_at_once, put_off, beside_four) == ([], 0, [], [])
    assert [first.dispatcher.lines(ONE, now=first.now), len(second.take())] == [2, 2]


def test_a_worker_that_comes_sends_at_once_where_nothing_is_capped(db: Database, tmp_path: Path) -> None:
    first, second = (Flow(db, tmp_path, worker=name) for name in ("first", "second"))
    first.add(10)
    first.take()

    second.add(10)
    second.add(10, "gmail.com")

    assert by_group(second.send_all()) == {"readers.example": 10}


def test_a_worker_that_died_is_waited_for_no_longer_than_it_counts(db: Database, tmp_path: Path) -> None:
    dead, heir = (Flow(db, tmp_path, worker=name) for name in ("dead", "heir"))
    dead.add(10, "gmail.com")
    dead.take()
    heir.add(10, "gmail.com")

    at_once = heir.take()
    heir.refresh(servers_books.ALIVE_FOR)

    assert (len(at_once), len(heir.take())) == (0, FIRST_WINDOW)


def test_a_worker_is_counted_as_long_as_its_connections_may_be_open(db: Database, tmp_path: Path) -> None:
    rules = f'[servers."{ONE}"]\nconnections = 4\n'
    flow = Flow(db, tmp_path, rules=rules)
    flow.add(1)
    flow.send()

    flow.refresh(10 * SECOND)
    with db.reading() as session:
        shortly_after = session.scalars(select(ServerShare.worker)).all()
    flow.refresh(12 * SECOND)

    with db.reading() as session:
        assert (shortly_after, session.scalars(select(ServerShare.worker)).all()) == (["worker"], [])


def test_a_worker_without_letters_leaves_its_share_to_the_others(db: Database, tmp_path: Path) -> None:
    one, idle = (Flow(db, tmp_path, worker=name) for name in ("one", "idle"))
    idle.add(1, "gmail.com")
    idle.send()
    one.add(200, "gmail.com")

    idle.refresh(2 * SECOND)
    one.refresh(3 * SECOND)
    for _ in range(10):
        one.send()

    assert len(one.take()) == 5


def test_a_worker_that_ends_leaves_nothing_behind(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(3)
    flow.send()

    flow.dispatcher.close()

    with db.reading() as session:
        assert session.scalars(select(ServerShare)).all() == []
        assert session.scalars(select(FlowMinute.accepted)).all() == [2]


def test_a_provider_that_demands_tls_gets_nothing_without(db: Database, tmp_path: Path) -> None:
    plain = "relay.example:25"
    flow = Flow(db, tmp_path, servers=(ONE,))
    flow.dispatcher = type(flow.dispatcher)(
        db=db,
        servers=SmtpServer.from_urls(f"smtp://{plain}?tls=none"),
        rulebook=flow.dispatcher._rulebook,
        worker="worker",
    )
    flow.servers = (plain,)
    flow.add(3, "gmail.com")
    flow.add(3, "ukr.net")

    placed = flow.send_all()
    put = flow.put_off()

    assert by_group(placed) == {"ukrnet": 3}
    assert [(p.letter[0], p.why) for p in put] == [("gmail.com", "tls")] * 3


def test_a_changed_file_is_in_force_without_a_restart(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(30)

    flow.path.write_text("[default]\nconnections = 1\n")
    flow.refresh()
    held = len(flow.take())
    flow.path.write_text("[default]\nconnections = unreadable\n")
    flow.refresh()
    still_held = len(flow.take())

    assert (held, still_held) == (1, 0)


def test_letters_are_counted_by_provider_and_end(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(2, "gmail.com")
    flow.add(1, "newsroom.example")
    flow.add(1, "other.example")

    results: dict[str, Reply | SmtpError] = {
        "gmail.com": ACCEPTED,
        "newsroom.example": POLICY,
        "other.example": PUT_OFF,
    }
    for placed in flow.take():
        flow.end([placed], results[placed.letter[0]])
    flow.refresh()

    with db.reading() as session:
        rows = session.scalars(select(FlowMinute).order_by(FlowMinute.provider)).all()
        assert [(r.provider, r.accepted, r.put_off, r.refused, r.lost) for r in rows] == [
            ("", 0, 1, 1, 0),
            ("google", 2, 0, 0, 0),
        ]


def test_the_desk_can_read_how_a_server_is(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(1)
    flow.send()

    flow.fail(ONE)
    flow.refresh()

    with db.reading() as session:
        server = session.get_one(MailServer, ONE)
        assert server.first_used_at is not None
        assert server.rests_until is not None and server.rests_until > flow.now - 6 * SECOND
        assert "Connection refused" in server.error


def test_letters_can_be_withdrawn(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(3, "a.example")
    flow.add(2, "b.example")

    withdrawn = flow.dispatcher.withdraw(lambda letter: letter[0] == "a.example")

    assert len(withdrawn) == 3
    assert by_group(flow.send_all()) == {"b.example": 2}


def test_nothing_is_begun_before_the_database_was_heard(db: Database, tmp_path: Path) -> None:
    flow = Flow(db, tmp_path)
    flow.add(3)
    with db.transaction() as session:
        session.execute(text("ALTER TABLE mail_servers RENAME TO gone"))

    while_away = flow.take()
    with db.transaction() as session:
        session.execute(text("ALTER TABLE gone RENAME TO mail_servers"))
    flow.now += 2 * SECOND

    assert while_away == []
    assert len(flow.take()) == 2

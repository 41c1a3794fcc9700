"""How connections are opened, capped, renewed and given up, and what a server that is away comes to."""

import time
from threading import Timer

import pytest

from newsletters.mail import pool
from newsletters.mail.dialogue import Timeouts
from newsletters.mail.replies import Phase, ServerUnavailable
from tests.posting import Posting, letter
from tests.scripted import HANG_UP, SILENCE, Answer, ScriptedServer
from tests.sink import SinkProcess
from tests.talking import OK, Talk, accepted, exchanging, patience_with


def test_a_connection_is_closed_at_its_cap_and_anotheropened(talk: Talk) -> None:
    with talk({}, options="connections=1&messages=3") as (server, posting):
        outcomes = posting.send([letter(key) for key in range(8)])

    assert len(accepted(outcomes)) == 8
    assert server.connections == 3
    assert server.commands.count("QUIT") == 3
    assert [command[:4] for command in server.commands if command[:4] in ("MAIL", "QUIT")][:4] == [
        *["MAIL"] * 3,
        "QUIT",
    ]


def test_connections_are_capped_and_all_used(sink: SinkProcess) -> None:
    with exchanging(f"{sink.smtp_url}?connections=4&messages=10", timeouts=Timeouts()) as exchange:
        outcomes = Posting(exchange).send([letter(key) for key in range(100)])

    assert len(accepted(outcomes)) == 100
    assert sink.stats()["messages"] == 100
    assert sink.stats()["connections"]["most_open"] == 4
    assert sink.stats()["connections"]["total"] >= 10


@pytest.mark.parametrize("fault", ["rcpt-slow-5", "dot-slow-5"])
def test_whoever_stands_behind_a_letter_whose_answer_takes_long_goes_another_way(
    sink: SinkProcess, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "STUCK_SECONDS", 0.2)
    sink.faults({"match": "*@drip.example", "fault": fault})
    others = [letter(key) for key in range(1, 6)]
    with exchanging(f"{sink.smtp_url}?connections=2", timeouts=Timeouts()) as exchange:
        outcomes = Posting(exchange).send([letter(0, recipient="a@drip.example"), *others])

    assert list(outcomes)[-1] == 0
    assert len(accepted(outcomes)) == 6
    assert sink.stats()["duplicates"] == 0


def test_a_server_that_is_slow_to_everybody_gets_its_time(
    sink: SinkProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "STUCK_SECONDS", 0.1)
    sink.faults({"fault": "dot-slow-0.4"})
    with exchanging(f"{sink.smtp_url}?connections=2", timeouts=Timeouts()) as exchange:
        outcomes = Posting(exchange).send([letter(key) for key in range(10)])

    assert len(accepted(outcomes)) == 10
    assert sink.stats()["messages"] == 10
    assert sink.stats()["connections"]["total"] <= 4  # some are given up before it is known how slow it is


def test_a_connection_takes_only_so_many_letters_of_a_kind(sink: SinkProcess) -> None:
    letters = [letter(key)._replace(kind="google", most=5) for key in range(20)]
    others = [letter(key) for key in range(20, 40)]
    with exchanging(f"{sink.smtp_url}?connections=2", timeouts=Timeouts()) as exchange:
        outcomes = Posting(exchange).send(
            mixed for pair in zip(letters, others, strict=True) for mixed in pair
        )

    assert len(accepted(outcomes)) == 40
    assert sink.stats()["connections"]["total"] >= 4
    assert sink.stats()["connections"]["most_open"] <= 2


def test_caps_may_change_at_any_time(sink: SinkProcess) -> None:
    with exchanging(f"{sink.smtp_url}?connections=4", timeouts=Timeouts()) as exchange:
        posting, only = Posting(exchange), exchange.pools[0]
        posting.send([letter(key) for key in range(20)])
        only.connections, only.messages = 1, 5
        posting.run([], until=lambda: only.health().open <= 1)
        posting.send([letter(key) for key in range(20, 40)])

    assert len(accepted(posting.outcomes)) == 40


def test_an_idle_connection_is_given_up() -> None:
    with ScriptedServer() as server, exchanging(f"{server.url}?connections=1", idle_seconds=0.2) as exchange:
        posting = Posting(exchange)
        posting.send([letter(1)])
        posting.run([], until=lambda: exchange.pools[0].health().open == 0)
        posting.send([letter(2)])

    assert server.connections == 2
    assert server.commands.count("QUIT") == 2


def test_a_server_that_hangs_up_on_idle_connections_costs_nothing(talk: Talk) -> None:
    with talk({"DOT": [OK + b"421 4.4.2 idle\r\n", OK]}) as (server, posting):
        outcomes = posting.send([letter(1), letter(2)])

    assert len(accepted(outcomes)) == 2
    assert posting.exchange.pools[0].health().losses <= 1
    assert server.messages == [letter(1).message, letter(2).message]


@pytest.mark.parametrize(
    ("moment", "phase"), [("GREETING", Phase.GREETING), ("EHLO", Phase.EHLO)], ids=["greeting", "ehlo"]
)
@pytest.mark.parametrize(
    "trouble", [SILENCE, HANG_UP, b"554 5.3.2 no\r\n"], ids=["silence", "hang-up", "554"]
)
def test_what_cannot_be_opened_touches_no_letter(
    moment: str, phase: Phase, trouble: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "FIRST_PAUSE_SECONDS", 60)
    script: dict[str, Answer] = {moment: trouble}
    if moment == "EHLO":
        script["HELO"] = trouble
    patience = patience_with(script)
    with (
        ScriptedServer(script) as server,
        exchanging(f"{server.url}?connections=3", timeouts=patience) as exchange,
    ):
        posting = Posting(exchange)
        posting.run([letter(1)], until=lambda: bool(posting.unopened))
        health = exchange.pools[0].health()

    assert posting.unopened[0].phase is phase
    assert not posting.unopened[0].in_transaction
    assert posting.outcomes == {}
    assert (health.open, health.failures, health.last_error) == (0, 1, posting.unopened[0])
    assert 0 < health.opens_in <= 60


def test_a_server_that_comes_back_is_found_again() -> None:
    script: dict[str, Answer] = {"GREETING": [b"421 4.3.2 not yet\r\n", b"220 here\r\n"]}
    with ScriptedServer(script) as server, exchanging(f"{server.url}?connections=1") as exchange:
        posting = Posting(exchange)
        outcomes = posting.send([letter(1)])
        health = exchange.pools[0].health()

    assert accepted(outcomes) == [1]
    assert len(posting.unopened) == 1
    assert health.failures == 0


def test_a_letter_without_a_line_is_told_when_none_can_be_had() -> None:
    script: dict[str, Answer] = {
        "GREETING": [b"220 here\r\n", b"421 4.3.2 gone\r\n"],
        "DOT": b"421 4.3.2 going\r\n",
    }
    with ScriptedServer(script) as server, exchanging(f"{server.url}?connections=1") as exchange:
        outcomes = Posting(exchange).send([letter(1), letter(2)])

    first, second = outcomes[1], outcomes[2]
    assert isinstance(first, ServerUnavailable)
    assert first.phase is Phase.DOT
    assert isinstance(second, ServerUnavailable)
    assert not second.in_transaction
    assert server.messages == [letter(1).message]


def test_two_servers_share_one_poll() -> None:
    with ScriptedServer() as one, ScriptedServer() as other, exchanging(one.url, other.url) as exchange:
        waiting = {0: [letter(key) for key in range(5)], 1: [letter(key) for key in range(5, 10)]}
        posting = Posting(exchange)
        while len(posting.outcomes) < 10:
            for pool, letters in zip(exchange.pools, waiting.values(), strict=True):
                pool.want(min(1, len(letters)))
            keys = [key for event in exchange.poll(1.0) if (key := posting.note(event)) is not None]
            for pool, letters in zip(exchange.pools, waiting.values(), strict=True):
                while letters and pool.offer(letters[0]):
                    letters.pop(0)
            for key in keys:
                posting.decide(key)

    assert len(one.messages) == len(other.messages) == 5


def test_another_thread_can_wake_it() -> None:
    with ScriptedServer() as server, exchanging(server.url) as exchange:
        begun_at = time.monotonic()
        timer = Timer(0.05, exchange.wake)
        timer.start()
        events = exchange.poll(30)
        timer.join()

    assert events == []
    assert time.monotonic() - begun_at < 20

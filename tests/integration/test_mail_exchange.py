"""Many connections in one thread: what every reply, silence and hang-up comes to, in the clear and in TLS."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Timer
from typing import Protocol

import pytest

from newsletters.mail.dialogue import Timeouts
from newsletters.mail.exchange import Exchange
from newsletters.mail.letters import Waiting
from newsletters.mail.replies import (
    Deferred,
    InDoubt,
    MessageTooBig,
    NeedsSmtputf8,
    Phase,
    Refused,
    Reply,
    ServerUnavailable,
    SmtpError,
    UnsafeAddress,
)
from newsletters.mail.server import SmtpServer
from newsletters.mail.transaction import UnsafeMessage
from tests.certificates import Authority, found_authority
from tests.posting import Posting, letter
from tests.scripted import DEAF, HANG_UP, SILENCE, Answer, ScriptedServer, dripping
from tests.sink import SinkProcess

IMPATIENT = Timeouts(
    **dict.fromkeys(("greeting", "ehlo", "tls", "mail", "rcpt", "data", "body", "dot"), 0.3), farewell=0.5
)
PLAIN = b"250-scripted.example\r\n250 SIZE 100000000\r\n"
PIPELINED = b"250-scripted.example\r\n250-PIPELINING\r\n250 SIZE 100000000\r\n"
OK = b"250 2.0.0 ok\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return found_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["pipelined", "plain"])
def ehlo(request: pytest.FixtureRequest) -> bytes:
    return PIPELINED if request.param == "pipelined" else PLAIN


@pytest.fixture(params=["clear", "tls"])
def is_tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "tls")


class Talk(Protocol):
    """A scripted server and somebody who posts to it."""

    def __call__(
        self, script: dict[str, Answer], *, options: str = ..., timeouts: Timeouts = ...
    ) -> AbstractContextManager[tuple[ScriptedServer, Posting]]: ...


@pytest.fixture
def talk(ehlo: bytes, is_tls: bool, authority: Authority) -> Talk:
    @contextmanager
    def talking(
        script: dict[str, Answer], *, options: str = "connections=1", timeouts: Timeouts = IMPATIENT
    ) -> Iterator[tuple[ScriptedServer, Posting]]:
        with ScriptedServer({"EHLO": ehlo} | script, tls=_context(authority) if is_tls else None) as server:
            server.is_tls_at_once = is_tls
            url = f"{server.url}?{options}"
            if is_tls:
                url = url.replace("smtp:", "smtps:") + f"&cafile={authority.cafile}"
            with _exchange(url, timeouts=timeouts) as exchange:
                yield server, Posting(exchange)

    return talking


@contextmanager
def _exchange(*urls: str, timeouts: Timeouts = IMPATIENT, idle_seconds: float = 20.0) -> Iterator[Exchange]:
    servers = [SmtpServer.from_url(url, timeouts=timeouts) for url in urls]
    exchange = Exchange(servers, idle_seconds=idle_seconds)
    try:
        yield exchange
    finally:
        exchange.close()


def _context(authority: Authority, *, demands_certificate: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.vouch("127.0.0.1"))
    if demands_certificate:
        context.load_verify_locations(authority.cafile)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def accepted(outcomes: dict[object, Reply | SmtpError]) -> list[object]:
    return [key for key, outcome in outcomes.items() if isinstance(outcome, Reply)]


# ---- what arrives


def test_letters_arrive_byte_for_byte_and_in_order(talk: Talk) -> None:
    message = b"From: a@newsroom.example\r\n\r\n.one\r\n..two\r\n.\r\nlast, without an end"
    with talk({}) as (server, posting):
        outcomes = posting.send([letter(1, message), letter(2), letter(3), letter(4, b".\r\n")])

    assert accepted(outcomes) == [1, 2, 3, 4]
    assert [_unstuffed(raw) for raw in server.messages] == [
        message + b"\r\n",
        letter(2).message,
        letter(3).message,
        b".\r\n",
    ]
    assert server.connections == 1


def test_a_message_and_the_next_envelope_leave_together() -> None:
    with ScriptedServer() as server, _exchange(f"{server.url}?connections=1") as exchange:
        Posting(exchange).send([letter(key) for key in range(5)])

    assert server.was_ahead == [True, True, True, True, False]
    assert server.pipelined == ["MAIL", "RCPT"] * 5


def test_commands_wait_for_their_answers_where_pipelines_are_not_offered() -> None:
    script = {"EHLO": PLAIN}
    with ScriptedServer(script) as server, _exchange(f"{server.url}?connections=1") as exchange:
        Posting(exchange).send([letter(key) for key in range(5)])

    assert server.pipelined == []
    assert server.was_ahead == [False] * 5


def test_a_message_larger_than_every_buffer_arrives(talk: Talk) -> None:
    large = b"From: a@newsroom.example\r\n\r\n" + (b"x" * 70 + b"\r\n") * 60_000
    patient = Timeouts(farewell=0.5)
    with talk({}, timeouts=patient) as (server, posting):
        outcomes = posting.send([letter(1, large), letter(2, is_ready=True), letter(3, large, is_ready=True)])

    assert accepted(outcomes) == [1, 2, 3]
    assert [len(message) for message in server.messages] == [len(large), len(letter(2).message), len(large)]


def test_nothing_leaves_before_it_is_released(talk: Talk) -> None:
    with talk({}) as (server, posting):
        posting.may_go = lambda key: key != 2
        posting.send([letter(1), letter(2), letter(3)])

    assert server.messages == [letter(1).message, letter(3).message]
    assert posting.withdrawn == [2]
    assert accepted(posting.outcomes) == [1, 3]


# ---- every phase, every trouble

TROUBLES = [
    ("MAIL", ServerUnavailable, Phase.MAIL),
    ("RCPT", ServerUnavailable, Phase.RCPT),
    ("DATA", ServerUnavailable, Phase.DATA),
    ("DOT", InDoubt, Phase.DOT),
]


@pytest.mark.parametrize(("moment", "error", "phase"), TROUBLES)
@pytest.mark.parametrize(
    "trouble", [SILENCE, HANG_UP, b"25" + HANG_UP], ids=["silence", "hang-up", "half a word"]
)
def test_trouble_with_the_first_letter_has_its_kind_and_phase(
    talk: Talk, moment: str, error: type[SmtpError], phase: Phase, trouble: bytes
) -> None:
    script: dict[str, Answer] = {moment: [trouble, _good(moment)]}
    with talk(script) as (server, posting):
        outcomes = posting.send([letter(1), letter(2)])

    failed = outcomes[1]
    assert isinstance(failed, error)
    assert type(failed) is error
    assert failed.phase is phase
    assert isinstance(outcomes[2], Reply)
    assert letter(2).message in server.messages


@pytest.mark.parametrize(("moment", "error", "phase"), TROUBLES)
@pytest.mark.parametrize("trouble", [SILENCE, HANG_UP], ids=["silence", "hang-up"])
def test_trouble_with_a_later_letter_has_its_kind_and_phase(
    talk: Talk, moment: str, error: type[SmtpError], phase: Phase, trouble: bytes
) -> None:
    script: dict[str, Answer] = {moment: [_good(moment), trouble, _good(moment)]}
    with talk(script) as (server, posting):
        outcomes = posting.send([letter(1), letter(2), letter(3)])

    failed = outcomes[2]
    if moment == "MAIL":  # nothing was said to it: it goes over the next connection
        assert isinstance(failed, Reply)
    else:
        assert isinstance(failed, error)
        assert failed.phase is phase
    assert isinstance(outcomes[1], Reply)
    assert isinstance(outcomes[3], Reply)
    assert server.messages.count(letter(3).message) == 1


def test_a_letter_that_kills_every_connection_is_given_up(talk: Talk) -> None:
    with talk({"MAIL": [OK, HANG_UP, HANG_UP, OK]}) as (server, posting):
        outcomes = posting.send([letter(1), letter(2)])

    failed = outcomes[2]
    assert isinstance(failed, ServerUnavailable)
    assert failed.phase is Phase.MAIL
    assert failed.in_transaction
    assert server.connections == 2


@pytest.mark.parametrize(
    ("moment", "answer", "error", "phase"),
    [
        ("MAIL", b"550 5.7.1 no\r\n", Refused, Phase.MAIL),
        ("MAIL", b"451 4.3.0 later\r\n", Deferred, Phase.MAIL),
        ("RCPT", b"550 5.1.1 nobody\r\n", Refused, Phase.RCPT),
        ("RCPT", b"451 4.7.1 grey\r\n", Deferred, Phase.RCPT),
        ("RCPT", b"421 4.3.2 closing\r\n", ServerUnavailable, Phase.RCPT),
        ("RCPT", b"rubbish\r\n", Deferred, Phase.RCPT),
        ("RCPT", b"354 go\r\n", Deferred, Phase.RCPT),
        ("DATA", b"554 5.5.1 no\r\n", Refused, Phase.DATA),
        ("DATA", b"250 what?\r\n", Deferred, Phase.DATA),
        ("DATA", b"421 4.3.2 closing\r\n", ServerUnavailable, Phase.DATA),
        ("DOT", b"552 5.2.2 full\r\n", Refused, Phase.DOT),
        ("DOT", b"452 4.2.2 full\r\n", Deferred, Phase.DOT),
        ("DOT", b"421 4.3.2 closing\r\n", ServerUnavailable, Phase.DOT),
        ("DOT", b"rubbish\r\n", InDoubt, Phase.DOT),
        ("DOT", b"354 what?\r\n", InDoubt, Phase.DOT),
    ],
)
@pytest.mark.parametrize("place", [1, 2])
def test_every_reply_has_its_meaning_and_the_next_letter_goes(
    talk: Talk, moment: str, answer: bytes, error: type[SmtpError], phase: Phase, place: int
) -> None:
    script: dict[str, Answer] = {moment: [_good(moment)] * (place - 1) + [answer, _good(moment)]}
    with talk(script) as (server, posting):
        server.is_decent = True
        outcomes = posting.send([letter(1), letter(2), letter(3)])

    failed = outcomes[place]
    assert isinstance(failed, SmtpError)
    assert type(failed) is error
    assert failed.phase is phase
    assert accepted(outcomes) == [key for key in (1, 2, 3) if key != place]
    assert server.messages.count(letter(3).message) == 1
    is_clean = error in (Refused, Deferred) and answer[:1] in b"45"
    assert server.connections == (1 if is_clean else 2)
    assert ("RSET" in server.commands) is (is_clean and moment != "DOT")


def test_a_message_to_nobody_is_never_finished(talk: Talk) -> None:
    with talk({"RCPT": [b"550 5.1.1 nobody\r\n", OK]}) as (server, posting):
        outcomes = posting.send([letter(1), letter(2)])

    assert isinstance(outcomes[1], Refused)
    assert isinstance(outcomes[2], Reply)
    assert server.messages == [letter(2).message]


@pytest.mark.parametrize("answer", [b"552 5.3.4 too much\r\n", b"421 4.3.2 closing\r\n", OK, b"rubbish\r\n"])
def test_an_answer_before_the_end_of_a_message_stops_it(talk: Talk, answer: bytes) -> None:
    large = b"From: a@newsroom.example\r\n\r\n" + (b"x" * 70 + b"\r\n") * 300_000
    error = {b"5": Refused, b"4": ServerUnavailable}.get(answer[:1], Deferred)
    with talk({"BODY": answer}) as (server, posting):
        outcomes = posting.send([letter(1, large)])

    failed = outcomes[1]
    assert isinstance(failed, SmtpError)
    assert type(failed) is error
    assert failed.phase is Phase.BODY
    assert server.messages == []


@pytest.mark.parametrize("trouble", [DEAF, HANG_UP], ids=["deaf", "hang-up"])
def test_a_message_whose_end_never_left_was_not_delivered(talk: Talk, trouble: bytes) -> None:
    large = b"From: a@newsroom.example\r\n\r\n" + (b"x" * 70 + b"\r\n") * 300_000
    with talk({"BODY": trouble}) as (_server, posting):
        outcomes = posting.send([letter(1, large)])

    failed = outcomes[1]
    assert type(failed) is ServerUnavailable
    assert failed.phase is Phase.BODY


def test_a_reply_that_drips_is_not_waited_for_for_ever(talk: Talk) -> None:
    with talk({"RCPT": [dripping(b"250-more\r\n"), OK]}) as (_server, posting):
        outcomes = posting.send([letter(1)])

    failed = outcomes[1]
    assert type(failed) is ServerUnavailable
    assert failed.phase is Phase.RCPT


# ---- what is wrong with a letter


def test_what_is_wrong_with_a_letter_harms_nobody_else() -> None:
    with ScriptedServer() as server, _exchange(f"{server.url}?connections=1") as exchange:
        outcomes = Posting(exchange).send(
            [
                letter(1, recipient="a@b.c>\r\nRCPT TO:<z@z.z"),
                letter(2, recipient="ツ@readers.example"),
                letter(3, b"From: a@newsroom.example\r\n\r\n" + b"x\r\n" * 400_000),
                letter(4),
            ]
        )

    assert [type(outcomes[key]) for key in (1, 2, 3)] == [UnsafeAddress, NeedsSmtputf8, MessageTooBig]
    assert accepted(outcomes) == [4]
    assert server.messages == [letter(4).message]


@pytest.mark.parametrize("smuggled", [b"a\n.\nb", b"a\r.\rb", b"a\r\n.\nb", b"a\n.\r\nMAIL FROM:<>"])
def test_a_bare_line_break_is_never_sent(smuggled: bytes) -> None:
    with (
        ScriptedServer() as server,
        _exchange(f"{server.url}?connections=1") as exchange,
        pytest.raises(UnsafeMessage),
    ):
        exchange.pools[0].offer(letter(1, smuggled))

    assert server.messages == []


# ---- withdrawing


def test_a_letter_is_withdrawn_wherever_it_stands(talk: Talk) -> None:
    with talk({}) as (server, posting):
        exchange, pool = posting.exchange, posting.exchange.pools[0]
        posting.run([], until=_opened(posting, 1))
        pool.offer(letter(1))
        pool.offer(letter(2))  # stands behind, unsaid
        was_here = [exchange.withdraw(2), exchange.withdraw(2), exchange.withdraw(3)]
        posting.send([letter(4)])
        outcomes = posting.send([letter(5)]) if 1 in posting.outcomes else posting.outcomes

    assert was_here == [True, False, False]
    assert set(accepted(outcomes)) >= {1, 4}
    assert letter(2).message not in server.messages


def test_a_letter_announced_behind_another_can_still_be_withdrawn(talk: Talk) -> None:
    with talk({}) as (server, posting):
        exchange, pool = posting.exchange, posting.exchange.pools[0]
        posting.run([], until=_opened(posting, 1))
        pool.offer(letter(1))
        _until_waiting(exchange, 1)
        pool.offer(letter(2))
        exchange.release(1)
        was_here = [exchange.withdraw(1), exchange.withdraw(2), exchange.release(2)]
        posting.run([letter(3)], until=lambda: {1, 3} <= posting.outcomes.keys())

    assert was_here == [False, True, False]
    assert server.messages == [letter(1).message, letter(3).message]
    assert set(posting.outcomes) == {1, 3}


def test_a_letter_whose_connection_died_cannot_be_released(talk: Talk) -> None:
    with talk({"BODY": HANG_UP}) as (server, posting):
        exchange, pool = posting.exchange, posting.exchange.pools[0]
        posting.run([], until=_opened(posting, 1))
        pool.offer(letter(1))
        _until_waiting(exchange, 1)
        posting.run([], until=lambda: 1 in posting.outcomes)
        is_released = exchange.release(1)

    failed = posting.outcomes[1]
    assert not is_released
    assert type(failed) is ServerUnavailable
    assert failed.phase is Phase.BODY
    assert server.messages == []


def _opened(posting: Posting, count: int) -> Callable[[], bool]:
    """Whether so many connections are open; asks for them."""
    pool = posting.exchange.pools[0]

    def is_so() -> bool:
        is_open = pool.health().open >= count
        pool.want(0 if is_open else count)
        if not is_open:
            posting.exchange.poll(0.05)
        return is_open

    return is_so


def _until_waiting(exchange: Exchange, key: object) -> None:
    ends_at = time.monotonic() + 10
    while Waiting(key) not in exchange.poll(0.5):
        assert time.monotonic() < ends_at


# ---- connections


def test_a_connection_is_closed_at_its_cap_and_another_opened(talk: Talk) -> None:
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
    with _exchange(f"{sink.smtp_url}?connections=4&messages=10", timeouts=Timeouts()) as exchange:
        outcomes = Posting(exchange).send([letter(key) for key in range(100)])

    assert len(accepted(outcomes)) == 100
    assert sink.stats()["messages"] == 100
    assert sink.stats()["connections"]["most_open"] == 4
    assert sink.stats()["connections"]["total"] >= 10


def test_a_connection_takes_only_so_many_letters_of_a_kind(sink: SinkProcess) -> None:
    letters = [letter(key)._replace(kind="google", most=5) for key in range(20)]
    others = [letter(key) for key in range(20, 40)]
    with _exchange(f"{sink.smtp_url}?connections=2", timeouts=Timeouts()) as exchange:
        outcomes = Posting(exchange).send(
            mixed for pair in zip(letters, others, strict=True) for mixed in pair
        )

    assert len(accepted(outcomes)) == 40
    assert sink.stats()["connections"]["total"] >= 4
    assert sink.stats()["connections"]["most_open"] <= 2


def test_caps_may_change_at_any_time(sink: SinkProcess) -> None:
    with _exchange(f"{sink.smtp_url}?connections=4", timeouts=Timeouts()) as exchange:
        posting, pool = Posting(exchange), exchange.pools[0]
        posting.send([letter(key) for key in range(20)])
        pool.connections, pool.messages = 1, 5
        posting.run([], until=lambda: pool.health().open <= 1)
        posting.send([letter(key) for key in range(20, 40)])

    assert len(accepted(posting.outcomes)) == 40


def test_an_idle_connection_is_given_up() -> None:
    with ScriptedServer() as server, _exchange(f"{server.url}?connections=1", idle_seconds=0.2) as exchange:
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
def test_what_cannot_be_opened_touches_no_letter(moment: str, phase: Phase, trouble: bytes) -> None:
    script: dict[str, Answer] = {moment: trouble}
    if moment == "EHLO":
        script["HELO"] = trouble
    with ScriptedServer(script) as server, _exchange(f"{server.url}?connections=3") as exchange:
        posting = Posting(exchange)
        posting.run([letter(1)], until=lambda: bool(posting.unopened))
        health = exchange.pools[0].health()

    assert posting.unopened[0].phase is phase
    assert not posting.unopened[0].in_transaction
    assert posting.outcomes == {}
    assert (health.open, health.failures, health.last_error) == (0, 1, posting.unopened[0])
    assert 0 < health.opens_in <= 1


def test_a_server_that_comes_back_is_found_again() -> None:
    script: dict[str, Answer] = {"GREETING": [b"421 4.3.2 not yet\r\n", b"220 here\r\n"]}
    with ScriptedServer(script) as server, _exchange(f"{server.url}?connections=1") as exchange:
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
    with ScriptedServer(script) as server, _exchange(f"{server.url}?connections=1") as exchange:
        outcomes = Posting(exchange).send([letter(1), letter(2)])

    first, second = outcomes[1], outcomes[2]
    assert isinstance(first, ServerUnavailable)
    assert first.phase is Phase.DOT
    assert isinstance(second, ServerUnavailable)
    assert not second.in_transaction
    assert server.messages == [letter(1).message]


def test_two_servers_share_one_poll() -> None:
    with ScriptedServer() as one, ScriptedServer() as other, _exchange(one.url, other.url) as exchange:
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
    with ScriptedServer() as server, _exchange(server.url) as exchange:
        begun_at = time.monotonic()
        timer = Timer(0.05, exchange.wake)
        timer.start()
        events = exchange.poll(30)
        timer.join()

    assert events == []
    assert time.monotonic() - begun_at < 20


# ---- the end


def test_closing_waits_for_the_answers_to_what_was_released() -> None:
    with ScriptedServer() as server, _exchange(f"{server.url}?connections=1") as exchange:
        posting, pool = Posting(exchange), exchange.pools[0]
        posting.run([], until=_opened(posting, 1))
        pool.offer(letter(1))
        _until_waiting(exchange, 1)
        pool.offer(letter(2))
        exchange.release(1)
        events = exchange.close(patience=5)

    assert [(event.key, type(event.outcome)) for event in events] == [(1, Reply)]
    assert server.messages == [letter(1).message]


def test_closing_without_patience_leaves_a_doubt_and_says_so() -> None:
    with ScriptedServer({"DOT": SILENCE}) as server, _exchange(f"{server.url}?connections=1") as exchange:
        posting, pool = Posting(exchange), exchange.pools[0]
        posting.run([], until=_opened(posting, 1))
        pool.offer(letter(1))
        _until_waiting(exchange, 1)
        exchange.release(1)
        (event,) = exchange.close()

    assert type(event.outcome) is InDoubt


def test_closing_while_a_connection_opens_leaves_nothing_open() -> None:
    with (
        ScriptedServer({"GREETING": SILENCE}) as server,
        _exchange(f"{server.url}?connections=1") as exchange,
    ):
        exchange.pools[0].want(1)
        exchange.poll(0.05)
        events = exchange.close()

    assert events == []


def _unstuffed(raw: bytes) -> bytes:
    return (b"\r\n" + raw).replace(b"\r\n..", b"\r\n.")[2:]


def _good(moment: str) -> bytes:
    return b"354 go ahead\r\n" if moment == "DATA" else OK

"""Many connections in one thread: what arrives, what is held back, and how it ends."""

import pytest

from newsletters.mail.replies import (
    InDoubt,
    MessageTooBig,
    NeedsSmtputf8,
    Phase,
    Reply,
    ServerUnavailable,
    UnsafeAddress,
)
from newsletters.mail.transaction import UnsafeMessage
from tests.posting import Posting, letter
from tests.scripted import HANG_UP, SILENCE, Answer, ScriptedServer
from tests.talking import PLAIN, Talk, accepted, exchanging, opened, patience_with, until_waiting


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
    with ScriptedServer() as server, exchanging(f"{server.url}?connections=1") as exchange:
        Posting(exchange).send([letter(key) for key in range(5)])

    assert server.was_ahead == [True, True, True, True, False]
    assert server.pipelined == ["MAIL", "RCPT"] * 5


def test_commands_wait_for_their_answers_where_pipelines_are_not_offered() -> None:
    script = {"EHLO": PLAIN}
    with ScriptedServer(script) as server, exchanging(f"{server.url}?connections=1") as exchange:
        Posting(exchange).send([letter(key) for key in range(5)])

    assert server.pipelined == []
    assert server.was_ahead == [False] * 5


def test_a_message_larger_than_every_buffer_arrives(talk: Talk) -> None:
    large = b"From: a@newsroom.example\r\n\r\n" + (b"x" * 70 + b"\r\n") * 60_000
    with talk({}) as (server, posting):
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


def test_what_is_wrong_with_a_letter_harms_nobody_else() -> None:
    with ScriptedServer() as server, exchanging(f"{server.url}?connections=1") as exchange:
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
        exchanging(f"{server.url}?connections=1") as exchange,
        pytest.raises(UnsafeMessage),
    ):
        exchange.pools[0].offer(letter(1, smuggled))

    assert server.messages == []


def test_a_letter_is_withdrawn_wherever_it_stands(talk: Talk) -> None:
    with talk({}) as (server, posting):
        exchange, pool = posting.exchange, posting.exchange.pools[0]
        posting.run([], until=opened(posting, 1))
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
        posting.run([], until=opened(posting, 1))
        pool.offer(letter(1))
        until_waiting(exchange, 1)
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
        posting.run([], until=opened(posting, 1))
        pool.offer(letter(1))
        until_waiting(exchange, 1)
        posting.run([], until=lambda: 1 in posting.outcomes)
        is_released = exchange.release(1)

    failed = posting.outcomes[1]
    assert not is_released
    assert type(failed) is ServerUnavailable
    assert failed.phase is Phase.BODY
    assert server.messages == []


def test_closing_waits_for_the_answers_to_what_was_released() -> None:
    with ScriptedServer() as server, exchanging(f"{server.url}?connections=1") as exchange:
        posting, pool = Posting(exchange), exchange.pools[0]
        posting.run([], until=opened(posting, 1))
        pool.offer(letter(1))
        until_waiting(exchange, 1)
        pool.offer(letter(2))
        exchange.release(1)
        events = exchange.close(patience=5)

    assert [(event.key, type(event.outcome)) for event in events] == [(1, Reply)]
    assert server.messages == [letter(1).message]


def test_closing_without_patience_leaves_a_doubt_and_says_so() -> None:
    with ScriptedServer({"DOT": SILENCE}) as server, exchanging(f"{server.url}?connections=1") as exchange:
        posting, pool = Posting(exchange), exchange.pools[0]
        posting.run([], until=opened(posting, 1))
        pool.offer(letter(1))
        until_waiting(exchange, 1)
        exchange.release(1)
        (event,) = exchange.close()

    assert type(event.outcome) is InDoubt


def test_closing_while_a_connection_opens_leaves_nothing_open() -> None:
    script: dict[str, Answer] = {"GREETING": SILENCE}
    with (
        ScriptedServer(script) as server,
        exchanging(f"{server.url}?connections=1", timeouts=patience_with(script)) as exchange,
    ):
        exchange.pools[0].want(1)
        exchange.poll(0.05)
        events = exchange.close()

    assert events == []


def _unstuffed(raw: bytes) -> bytes:
    return (b"\r\n" + raw).replace(b"\r\n..", b"\r\n.")[2:]

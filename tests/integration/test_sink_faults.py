"""Every fault of docs/sink.md, struck in a real conversation with a real process."""

import time
from collections.abc import Iterator

import pytest

from tests.sink import SinkProcess, wait_until
from tests.wire import Wire

CONTENT = b"Subject: Hello\r\n\r\nHello.\r\n"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    with SinkProcess(tmp_path_factory.mktemp("sink")) as started:
        yield started


@pytest.fixture
def calm(process: SinkProcess) -> SinkProcess:
    """The shared sink without rules and without mail."""
    process.faults()
    process.clear()
    return process


@pytest.fixture
def wire(calm: SinkProcess) -> Iterator[Wire]:
    with Wire(calm.smtp_host, calm.smtp_port) as opened:
        yield opened.greet()


def greeting(sink: SinkProcess) -> list[bytes]:
    with Wire(sink.smtp_host, sink.smtp_port) as wire:
        return wire.read_reply()


@pytest.mark.parametrize(
    ("keyword", "reply"),
    [
        ("550", b"550 5.0.0 "),
        ("550-5.1.1", b"550 5.1.1 "),
        ("451-4.2.2", b"451 4.2.2 "),
        ("452", b"452 4.0.0 "),
    ],
)
def test_a_recipient_is_refused_by_its_own_address_and_others_are_not(
    calm: SinkProcess, wire: Wire, keyword: str, reply: bytes
) -> None:
    wire.code("MAIL FROM:<news@newsroom.example>")

    refused = wire.say(f"RCPT TO:<olena+fault-{keyword}@reader.example>")
    accepted = wire.code("RCPT TO:<ivan@reader.example>")
    wire.code("DATA")
    wire.send_message(CONTENT)

    assert refused[0].startswith(reply)
    assert accepted == 250
    assert calm.message().recipients == ["ivan@reader.example"]


def test_greylisting_takes_the_second_attempt(calm: SinkProcess, wire: Wire) -> None:
    address = "olena+fault-greylist@reader.example"
    wire.code("MAIL FROM:<news@newsroom.example>")

    first = wire.say(f"RCPT TO:<{address}>")
    wire.code("RSET")
    second = wire.deliver(address)

    assert first[0].startswith(b"451 4.7.1 ")
    assert second[0].startswith(b"250 ")
    assert len(calm.messages(to=address)) == 1


def test_after_421_the_server_hangs_up(wire: Wire) -> None:
    wire.code("MAIL FROM:<news@newsroom.example>")

    assert wire.code("RCPT TO:<olena+fault-421@reader.example>") == 421
    assert wire.read_reply() == []


@pytest.mark.parametrize(
    ("keyword", "reply", "kept"),
    [
        ("dot-454-4.7.0", b"454 4.7.0 ", 0),
        ("dot-554-5.7.1", b"554 5.7.1 ", 0),
        ("kept-451", b"451 4.0.0 ", 1),
    ],
)
def test_the_final_dot_can_be_refused(
    calm: SinkProcess, wire: Wire, keyword: str, reply: bytes, kept: int
) -> None:
    answered = wire.deliver(f"olena+fault-{keyword}@reader.example")

    assert answered[0].startswith(reply)
    assert len(calm.messages()) == kept


def test_data_can_be_refused(calm: SinkProcess, wire: Wire) -> None:
    wire.code("MAIL FROM:<news@newsroom.example>")
    wire.code("RCPT TO:<olena+fault-data-451@reader.example>")

    assert wire.code("DATA") == 451
    assert wire.code("RSET") == 250
    assert calm.messages() == []


def test_a_sender_can_be_refused(calm: SinkProcess, wire: Wire) -> None:
    calm.faults({"match": "bounces+*@newsroom.example", "fault": "mail-550-5.7.1"})

    assert wire.say("MAIL FROM:<bounces+4f@newsroom.example>")[0].startswith(b"550 5.7.1 ")
    assert wire.code("MAIL FROM:<news@newsroom.example>") == 250


def test_the_connection_drops_at_the_recipient(calm: SinkProcess, wire: Wire) -> None:
    wire.code("MAIL FROM:<news@newsroom.example>")

    assert wire.say("RCPT TO:<olena+fault-drop-at-rcpt@reader.example>") == []


def test_the_connection_drops_before_the_data(calm: SinkProcess, wire: Wire) -> None:
    wire.code("MAIL FROM:<news@newsroom.example>")
    assert wire.code("RCPT TO:<olena+fault-drop-before-data@reader.example>") == 250

    assert wire.say("DATA") == []
    assert calm.messages() == []


def test_the_connection_drops_in_the_data(calm: SinkProcess, wire: Wire) -> None:
    wire.address("olena+fault-drop-in-data@reader.example")
    wire.send(b"Subject: Hel")

    assert wire.read_reply() == []
    assert calm.messages() == []


def test_the_connection_drops_at_the_dot_and_the_message_is_lost(calm: SinkProcess, wire: Wire) -> None:
    assert wire.deliver("olena+fault-drop-at-dot@reader.example") == []
    assert calm.messages() == []


def test_the_connection_drops_after_the_dot_and_the_message_is_kept(calm: SinkProcess, wire: Wire) -> None:
    address = "olena+fault-drop-after-dot@reader.example"

    assert wire.deliver(address, content=CONTENT) == []
    assert calm.message(to=address).raw == CONTENT


def test_what_was_pipelined_behind_a_drop_never_happens(calm: SinkProcess, wire: Wire) -> None:
    wire.send(
        b"MAIL FROM:<news@newsroom.example>\r\nRCPT TO:<ivan@reader.example>\r\n"
        b"RCPT TO:<olena+fault-drop-at-rcpt@reader.example>\r\nDATA\r\n" + CONTENT + b".\r\n"
    )
    while wire.read_reply():
        pass

    with Wire(calm.smtp_host, calm.smtp_port) as later:
        later.greet().deliver("later@reader.example")
    assert [each.recipients for each in calm.messages()] == [["later@reader.example"]]


def test_a_slow_answer_comes_after_the_message_is_kept(calm: SinkProcess, wire: Wire) -> None:
    address = "olena+fault-slow-0.6@reader.example"
    wire.address(address)
    started = time.monotonic()
    wire.send(CONTENT + b".\r\n")

    calm.wait_for(to=address)
    reply = wire.read_reply()

    assert time.monotonic() - started >= 0.6
    assert reply[0].startswith(b"250 ")


def test_a_client_that_gives_up_waiting_has_left_one_copy(calm: SinkProcess, wire: Wire) -> None:
    address = "olena+fault-slow-3600@reader.example"
    wire.address(address)
    wire.send(CONTENT + b".\r\n")
    calm.wait_for(to=address)
    wire.__exit__(None, None, None)

    wait_until(lambda: calm.stats()["connections"]["open"] == 0, timeout=60, what="the end of the connection")
    assert len(calm.messages()) == 1


def test_one_slow_connection_holds_up_no_other(calm: SinkProcess, wire: Wire) -> None:
    wire.address("olena+fault-slow-3600@reader.example")
    wire.send(CONTENT + b".\r\n")

    with Wire(calm.smtp_host, calm.smtp_port) as other:
        assert other.greet().deliver("ivan@reader.example")[0].startswith(b"250 ")


def test_garbage_is_no_reply(calm: SinkProcess, wire: Wire) -> None:
    answered = wire.deliver("olena+fault-dot-garbage@reader.example")

    assert not answered[0][:3].isdigit()
    assert calm.messages() == []


def test_a_long_reply_is_still_a_yes(calm: SinkProcess, wire: Wire) -> None:
    wire.code("MAIL FROM:<news@newsroom.example>")

    reply = wire.say("RCPT TO:<olena+fault-long@reader.example>")

    assert len(reply) > 100
    assert reply[-1].startswith(b"250 ")
    assert wire.code("DATA") == 354


def test_a_rule_strikes_so_often_and_no_more(calm: SinkProcess, wire: Wire) -> None:
    calm.faults({"match": "*@slow.example", "fault": "451-4.3.2", "times": 2})
    wire.code("MAIL FROM:<news@newsroom.example>")

    codes = [wire.code("RCPT TO:<olena@slow.example>") for _ in range(3)]

    assert codes == [451, 451, 250]
    assert wire.code("RCPT TO:<olena@fast.example>") == 250
    assert calm.fault_hits() == [2]


def test_a_rate_of_one_always_strikes_and_of_nought_never(calm: SinkProcess, wire: Wire) -> None:
    calm.faults({"match": "a@*", "fault": "451", "rate": 1}, {"match": "b@*", "fault": "451", "rate": 0})
    wire.code("MAIL FROM:<news@newsroom.example>")

    assert {wire.code("RCPT TO:<a@reader.example>") for _ in range(20)} == {451}
    assert {wire.code("RCPT TO:<b@reader.example>") for _ in range(20)} == {250}


def test_the_greeting_can_be_421_for_a_while(calm: SinkProcess) -> None:
    calm.faults({"fault": "greet-421-4.3.2", "times": 1})

    assert greeting(calm)[0].startswith(b"421 4.3.2 ")
    assert greeting(calm)[0].startswith(b"220 ")


def test_the_connection_drops_without_a_greeting(calm: SinkProcess) -> None:
    calm.faults({"fault": "drop-at-greeting", "times": 1})

    assert greeting(calm) == []


def test_ehlo_can_be_refused(calm: SinkProcess, wire: Wire) -> None:
    calm.faults({"fault": "ehlo-502", "times": 1})

    assert wire.code("EHLO client.example") == 502
    assert wire.code("HELO client.example") == 250


def test_connections_are_refused_and_the_same_port_comes_back(calm: SinkProcess, wire: Wire) -> None:
    calm.faults({"fault": "refuse"})

    with pytest.raises(ConnectionRefusedError):
        Wire(calm.smtp_host, calm.smtp_port)
    assert wire.say("NOOP") == []
    assert calm.get("/healthz")["is_refusing"] is True
    calm.faults()
    assert greeting(calm)[0].startswith(b"220 ")


def test_a_tiny_size_is_announced_and_kept_to(calm: SinkProcess) -> None:
    calm.faults({"fault": "size-100"})

    with Wire(calm.smtp_host, calm.smtp_port) as wire:
        wire.read_reply()
        assert b"250-SIZE 100" in wire.say("EHLO client.example")
        assert wire.code("MAIL FROM:<news@newsroom.example> SIZE=101") == 552
        assert wire.deliver("olena@reader.example", content=b"x" * 200 + b"\r\n")[0].startswith(b"552 ")
        assert wire.deliver("olena@reader.example", content=b"x" * 98 + b"\r\n")[0].startswith(b"250 ")


@pytest.mark.parametrize(
    ("fault", "extension"),
    [
        ("no-smtputf8", b"SMTPUTF8"),
        ("no-8bitmime", b"8BITMIME"),
        ("no-pipelining", b"PIPELINING"),
        ("no-size", b"SIZE 26214400"),
    ],
)
def test_an_extension_is_not_offered(calm: SinkProcess, fault: str, extension: bytes) -> None:
    offered = b"250-" + extension
    with Wire(calm.smtp_host, calm.smtp_port) as wire:
        wire.read_reply()
        assert offered in wire.say("EHLO client.example")
    calm.faults({"fault": fault})

    with Wire(calm.smtp_host, calm.smtp_port) as wire:
        wire.read_reply()
        assert offered not in wire.say("EHLO client.example")


def test_without_smtputf8_it_is_refused_too(calm: SinkProcess) -> None:
    calm.faults({"fault": "no-smtputf8"})

    with Wire(calm.smtp_host, calm.smtp_port) as wire:
        wire.greet()
        assert wire.code("MAIL FROM:<news@newsroom.example> SMTPUTF8") in (501, 555)
        assert wire.code("MAIL FROM:<news@newsroom.example>") == 250
        assert wire.code("RCPT TO:<олена@reader.example>") == 500

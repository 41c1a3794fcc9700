"""The SMTP side against the real sink: what arrives, byte for byte, and what each fault comes to."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletters.mail.dialogue import Timeouts
from newsletters.mail.replies import (
    Deferred,
    InDoubt,
    MessageTooBig,
    NeedsSmtputf8,
    Phase,
    Refused,
    ServerUnavailable,
    SmtpError,
    UnsafeAddress,
)
from newsletters.mail.server import SmtpServer
from newsletters.mail.smtp import Connection, UnsafeMessage
from tests.sink import SinkProcess

SENDER = "b+token@newsroom.example"
HEAD = (
    b"From: news@newsroom.example\r\nTo: reader@readers.example\r\nSubject: Hello\r\n"
    b"Date: Mon, 02 Mar 2026 09:00:00 +0000\r\nMessage-ID: <1@newsroom.example>\r\n\r\n"
)
MESSAGE = HEAD + b"Hello.\r\n"
SHARED = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def connection(sink: SinkProcess) -> Iterator[Connection]:
    with Connection(SmtpServer.from_url(sink.smtp_url)) as opened:
        yield opened


def send(connection: Connection, recipient: str, message: bytes = MESSAGE) -> str:
    return str(connection.send(sender=SENDER, recipient=recipient, message=message))


def test_a_message_arrives_with_its_envelope_and_bytes(sink: SinkProcess, connection: Connection) -> None:
    reply = connection.send(sender=SENDER, recipient="reader@readers.example", message=MESSAGE)

    kept = sink.message()
    assert (reply.code, reply.enhanced) == (250, "2.0.0")
    assert (kept.mail_from, kept.recipients, kept.raw) == (SENDER, ["reader@readers.example"], MESSAGE)


def test_the_null_return_path_is_empty(sink: SinkProcess, connection: Connection) -> None:
    connection.send(sender="", recipient="reader@readers.example", message=MESSAGE)

    assert sink.message().mail_from == ""


@SHARED
@given(
    lines=st.lists(
        st.one_of(st.sampled_from([b"", b".", b"..", b".x", b"From x", b"QUIT"]), st.binary(max_size=40)),
        max_size=12,
    )
)
def test_any_body_comes_through_byte_for_byte(
    sink: SinkProcess, connection: Connection, lines: list[bytes]
) -> None:
    clean = [bytes(byte & 0x7F for byte in line).translate(None, b"\r\n\0") for line in lines]
    message = HEAD + b"".join(line + b"\r\n" for line in clean)

    connection.send(sender=SENDER, recipient="reader@readers.example", message=message)

    assert sink.messages()[0].raw == message


def test_a_message_without_a_last_line_break_gets_one(sink: SinkProcess, connection: Connection) -> None:
    send(connection, "reader@readers.example", HEAD + b"no end")

    assert sink.message().raw == HEAD + b"no end\r\n"


@pytest.mark.parametrize("smuggled", [b"a\n.\nb", b"a\r.\rb", b"a\r\n.\nb", b"a\n.\r\nMAIL FROM:<>"])
def test_a_bare_line_break_is_never_sent(connection: Connection, smuggled: bytes) -> None:
    with pytest.raises(UnsafeMessage):
        send(connection, "reader@readers.example", HEAD + smuggled + b"\r\n")


@pytest.mark.parametrize(
    "recipient",
    [
        "a@b.c>\r\nRCPT TO:<z@z.z",
        "a@b.example> <z@z.example",
        "a b@readers.example",
        "reader@readers.example\r\n",
        "reader@readers.example\0",
        "reader",
        "",
        "<reader@readers.example>",
    ],
)
def test_a_malicious_recipient_is_refused_whole(
    sink: SinkProcess, connection: Connection, recipient: str
) -> None:
    with pytest.raises(UnsafeAddress) as caught:
        send(connection, recipient)

    assert caught.value.is_local
    assert sink.messages() == []


@pytest.mark.parametrize(
    ("stored", "wire"),
    [
        ("Reader.O'Brien+tag@readers.example", "Reader.O'Brien+tag@readers.example"),
        ("olena@приклад.укр", "olena@xn--80aikifvh.xn--j1amh"),
        ("ツ@readers.example", "ツ@readers.example"),
        ("олена@приклад.укр", "олена@xn--80aikifvh.xn--j1amh"),
    ],
)
def test_the_recipient_is_the_stored_address(
    sink: SinkProcess, connection: Connection, stored: str, wire: str
) -> None:
    send(connection, stored)

    assert sink.message().recipients == [wire]


def test_a_local_part_beyond_ascii_fails_here_without_smtputf8(
    sink: SinkProcess, connection: Connection
) -> None:
    sink.faults({"fault": "no-smtputf8"})

    with pytest.raises(NeedsSmtputf8) as caught:
        send(connection, "ツ@readers.example")

    assert caught.value.is_local
    assert str(caught.value.reply).startswith("550 5.6.7")
    assert send(connection, "olena@приклад.укр").startswith("250")


def test_a_message_over_the_declared_size_fails_here(sink: SinkProcess, connection: Connection) -> None:
    sink.faults({"fault": "size-2000"})

    with pytest.raises(MessageTooBig) as caught:
        send(connection, "reader@readers.example", MESSAGE + b"x" * 70 + b"\r\n" * 1000)

    assert caught.value.is_local
    assert send(connection, "reader@readers.example").startswith("250")


@pytest.mark.parametrize(
    ("fault", "error", "phase", "code", "enhanced"),
    [
        ("mail-550-5.7.1", Refused, Phase.MAIL, 550, "5.7.1"),
        ("550-5.1.1", Refused, Phase.RCPT, 550, "5.1.1"),
        ("451-4.7.1", Deferred, Phase.RCPT, 451, "4.7.1"),
        ("data-554-5.5.1", Refused, Phase.DATA, 554, "5.5.1"),
        ("dot-552-5.2.2", Refused, Phase.DOT, 552, "5.2.2"),
        ("dot-452-4.2.2", Deferred, Phase.DOT, 452, "4.2.2"),
        ("421-4.3.2", ServerUnavailable, Phase.RCPT, 421, "4.3.2"),
        ("dot-421-4.3.2", ServerUnavailable, Phase.DOT, 421, "4.3.2"),
        ("garbage", Deferred, Phase.RCPT, 0, ""),
        ("dot-garbage", InDoubt, Phase.DOT, 0, ""),
        ("drop-at-rcpt", ServerUnavailable, Phase.RCPT, 0, ""),
        ("drop-before-data", ServerUnavailable, Phase.DATA, 0, ""),
        ("drop-at-dot", InDoubt, Phase.DOT, 0, ""),
        ("drop-after-dot", InDoubt, Phase.DOT, 0, ""),
    ],
)
@pytest.mark.parametrize("extensions", ["pipelined", "plain"])
def test_every_failure_has_its_kind_and_phase(
    sink: SinkProcess,
    connection: Connection,
    fault: str,
    error: type[SmtpError],
    phase: Phase,
    code: int,
    enhanced: str,
    extensions: str,
) -> None:
    rules = [{"fault": "no-pipelining"}] if extensions == "plain" else []
    sink.faults({"fault": fault, "times": 1}, *rules)

    with pytest.raises(SmtpError) as caught:
        send(connection, "unlucky@readers.example")

    assert type(caught.value) is error
    assert (caught.value.phase, caught.value.reply.code, caught.value.reply.enhanced) == (
        phase,
        code,
        enhanced,
    )
    assert send(connection, "lucky@readers.example").startswith("250")
    assert [message.recipients for message in sink.messages(to="lucky@readers.example")] == [
        ["lucky@readers.example"]
    ]


def test_a_refusal_costs_no_connection(sink: SinkProcess, connection: Connection) -> None:
    sink.faults({"match": "unlucky@*", "fault": "550-5.1.1"})

    for number in range(10):
        with pytest.raises(Refused):
            send(connection, "unlucky@readers.example")
        send(connection, f"reader{number}@readers.example")

    assert sink.stats()["connections"]["total"] == 1
    assert sink.stats()["messages"] == 10


def test_an_overlong_reply_is_cut_and_understood(sink: SinkProcess, connection: Connection) -> None:
    sink.faults({"fault": "dot-long"})

    reply = connection.send(sender=SENDER, recipient="reader@readers.example", message=MESSAGE)

    assert reply.code == 250
    assert len(str(reply)) <= 500


def test_a_connection_is_closed_at_its_cap(sink: SinkProcess) -> None:
    with Connection(SmtpServer.from_url(f"{sink.smtp_url}?messages=20")) as connection:
        for number in range(50):
            send(connection, f"reader{number}@readers.example")

    assert sink.stats()["messages"] == 50
    assert sink.stats()["connections"]["total"] == 3
    assert sink.stats()["connections"]["most_open"] == 1


def test_a_server_that_restarted_is_found_again_without_a_failure(
    sink: SinkProcess, connection: Connection
) -> None:
    send(connection, "first@readers.example")
    sink.stop()
    sink.start()

    assert send(connection, "second@readers.example").startswith("250")


def test_a_server_that_is_away_is_nobodys_fault(sink: SinkProcess, connection: Connection) -> None:
    sink.stop()

    with pytest.raises(ServerUnavailable) as caught:
        send(connection, "reader@readers.example")

    assert caught.value.phase is Phase.CONNECT
    assert not caught.value.in_transaction


def test_a_server_that_greets_with_a_refusal_is_away(sink: SinkProcess, connection: Connection) -> None:
    sink.faults({"fault": "greet-554"})

    with pytest.raises(ServerUnavailable) as caught:
        send(connection, "reader@readers.example")

    assert (caught.value.phase, caught.value.reply.code) == (Phase.GREETING, 554)


def test_a_slow_last_word_is_waited_for(sink: SinkProcess) -> None:
    sink.faults({"fault": "dot-slow-3"})
    patient = Timeouts(mail=2, rcpt=2, data=2, body=2, dot=60)  # all but the dot are shorter

    with Connection(SmtpServer.from_url(sink.smtp_url, timeouts=patient)) as connection:
        assert send(connection, "reader@readers.example").startswith("250")

    assert sink.stats()["messages"] == 1


def test_the_usual_patience_is_what_the_rfc_asks_for() -> None:
    patience = SmtpServer.from_url("smtp://localhost").timeouts

    asked = {"greeting": 300, "mail": 300, "rcpt": 300, "data": 120, "body": 180, "dot": 600}
    assert {name: getattr(patience, name) for name in asked} == asked

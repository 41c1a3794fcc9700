"""The drills' sink against an ordinary client: it counts every message, and fails where it is told to."""

import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import found_authority
from tests.drills.fastsink.faults import Fault
from tests.drills.fastsink.process import FastSink
from tests.sink import wait_until
from tests.wire import Wire

LONG = "".join(f"line {number}: {'x' * 60}\r\n" for number in range(5000))


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[FastSink]:
    with FastSink(tmp_path / "fast") as sink:
        yield sink


@pytest.fixture
def client(fast: FastSink) -> Iterator[smtplib.SMTP]:
    with smtplib.SMTP("127.0.0.1", fast.port, timeout=60) as client:
        yield client


def send(client: smtplib.SMTP, to: str, *, message_id: str = "<1@x>", text: str = "Hello.") -> None:
    client.sendmail("news@newsroom.example", [to], f"Message-ID: {message_id}\r\nSubject: x\r\n\r\n{text}")


def test_every_recipient_is_counted_and_known_again(fast: FastSink, client: smtplib.SMTP) -> None:
    for number in range(20):
        send(client, f"reader{number}@readers.example", message_id=f"<{number}@x>", text=LONG)

    books = fast.books()

    assert (fast.count(), books.messages, len(books.recipients)) == (20, 20, 20)
    assert books.missing(f"reader{number}@readers.example" for number in range(21)) == 1
    assert books.strangers(f"reader{number}@readers.example" for number in range(19)) == 1
    assert books.repeats.same_id == books.repeats.other_id == 0
    assert all(entry.size > len(LONG) for entry in books.entries)


def test_a_repeat_is_told_from_another_message_to_the_same_reader(
    fast: FastSink, client: smtplib.SMTP
) -> None:
    for message_id in ("<1@x>", "<1@x>", "<2@x>"):
        send(client, "reader@readers.example", message_id=message_id)

    repeats = fast.books().repeats

    assert (repeats.same_id, repeats.other_id, repeats.unprovoked) == (1, 1, 2)


@pytest.mark.parametrize("head", ["message-id: <1@x>\r\n", "To: y\r\nMESSAGE-ID:\r\n <1@x>\r\n"])
def test_a_message_id_is_found_however_it_is_written(fast: FastSink, client: smtplib.SMTP, head: str) -> None:
    send(client, "reader@readers.example")
    client.sendmail("news@newsroom.example", ["reader@readers.example"], head + "\r\nHello.")

    assert fast.books().repeats.same_id == 1


def test_a_whole_conversation_may_come_in_one_piece_or_byte_by_byte(fast: FastSink) -> None:
    said = (
        b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<one@x.example>\r\nDATA\r\n.\r\n"
        b"MAIL FROM:<>\r\nRCPT TO:<two@x.example>\r\nDATA\r\n..dot\r\n.\r\nQUIT\r\n"
    )

    for pieces in ([said], [said[at : at + 1] for at in range(len(said))]):
        with Wire("127.0.0.1", fast.port) as wire:
            for piece in pieces:
                wire.send(piece)
                fast.status()  # by the time it has answered it has also read the piece
            replies = [wire.read_reply()[-1][:3] for _ in range(10)]
        assert replies == [b"220", *[b"250"] * 3, b"354", *[b"250"] * 3, b"354", b"250"]

    assert fast.count() == 4
    assert fast.books().missing(["one@x.example", "two@x.example"]) == 0


def test_what_was_answered_outlives_the_sinks_own_death(fast: FastSink, client: smtplib.SMTP) -> None:
    send(client, "reader@readers.example")

    fast.kill()
    books = fast.books()
    fast.start()
    with smtplib.SMTP("127.0.0.1", fast.port, timeout=60) as again:
        send(again, "reader@readers.example")

    assert books.messages == 1
    assert fast.books().repeats.same_id == 1


@pytest.mark.parametrize("phase", ["ehlo", "mail", "rcpt", "data", "body", "dot"])
def test_it_hangs_up_in_any_phase_and_counts_nothing(fast: FastSink, phase: str) -> None:
    fast.faults(Fault(phase=phase, kind="drop", times=1))  # type: ignore[arg-type]

    with (
        smtplib.SMTP("127.0.0.1", fast.port, timeout=60) as client,
        pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError, BrokenPipeError)),
    ):
        client.ehlo_or_helo_if_needed()
        send(client, "reader@readers.example", text=LONG)

    assert fast.count() == 0
    assert fast.hits() == [1]


def test_an_answer_that_is_lost_is_not_the_clients_fault(fast: FastSink, client: smtplib.SMTP) -> None:
    fast.faults(Fault(phase="taken", kind="drop", times=1))
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(client, "reader@readers.example")

    with smtplib.SMTP("127.0.0.1", fast.port, timeout=60) as again:
        send(again, "reader@readers.example")

    repeats = fast.books().repeats
    assert (repeats.same_id, repeats.unprovoked) == (1, 0)


def test_one_domain_is_refused_and_the_others_are_not(fast: FastSink, client: smtplib.SMTP) -> None:
    fast.faults(Fault(phase="rcpt", kind="451 4.3.2 later", domain="slow.example"))

    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(client, "reader@slow.example")
    send(client, "reader@fast.example")

    assert refusal.value.recipients["reader@slow.example"] == (451, b"4.3.2 later")
    assert fast.count() == 1


@pytest.mark.parametrize("kind", ["slow", "drip", "long"])
def test_an_odd_answer_is_an_answer_all_the_same(fast: FastSink, client: smtplib.SMTP, kind: str) -> None:
    fast.faults(Fault(phase="dot", kind=kind, seconds=0.2), Fault(phase="mail", kind=kind, seconds=0.2))

    if kind == "long":  # smtplib gives up on a reply of many kilobytes line by line, but reads it
        client.putcmd("mail", "FROM:<news@newsroom.example>")
        assert client.getreply()[0] == 250
        return
    send(client, "reader@readers.example")

    assert fast.count() == 1


def test_the_gate_takes_as_many_as_it_was_told_and_the_rest_wait(fast: FastSink) -> None:
    fast.allow(1)
    wires = [Wire("127.0.0.1", fast.port).greet() for _ in range(3)]
    for wire in wires:
        wire.address("reader@readers.example").send(b"Subject: x\r\n\r\n.\r\n")
    wait_until(lambda: fast.status()["waiting"] == 2, timeout=60, what="two at the gate")

    counted = fast.count()
    fast.allow_all()

    assert counted == 1
    assert [wire.read_reply()[0][:3] for wire in wires] == [b"250"] * 3
    assert fast.count() == 3
    for wire in wires:
        wire.__exit__(None, None, None)


def test_who_hung_up_at_the_gate_left_nothing_behind(fast: FastSink) -> None:
    fast.allow(0)
    with Wire("127.0.0.1", fast.port) as wire:
        wire.greet().address("reader@readers.example").send(b"Subject: x\r\n\r\n.\r\n")
        wait_until(lambda: fast.status()["waiting"] == 1, timeout=60, what="one at the gate")
    wait_until(lambda: fast.status()["open"] == 0, timeout=60, what="the hanging up")

    fast.allow_all()

    assert fast.count() == 0


def test_mail_comes_over_tls_and_a_handshake_can_fail(tmp_path: Path) -> None:
    authority = found_authority(tmp_path)
    trust = ssl.create_default_context(cafile=str(authority.cafile))

    with FastSink(tmp_path / "fast", certificate=authority.vouch("127.0.0.1")) as fast:
        with smtplib.SMTP("127.0.0.1", fast.port, timeout=60) as client:
            client.starttls(context=trust)
            send(client, "reader@readers.example", text=LONG)
        fast.faults(Fault(phase="starttls", kind="tls"))
        no_tls = pytest.raises((ssl.SSLError, ConnectionError))  # the sink's words may come, or it has gone
        with smtplib.SMTP("127.0.0.1", fast.port, timeout=60) as client, no_tls:
            client.starttls(context=trust)

        assert fast.count() == 1


def test_a_fault_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no phase"):
        Fault(phase="nowhere", kind="drop")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no fault"):
        Fault(phase="dot", kind="explode")

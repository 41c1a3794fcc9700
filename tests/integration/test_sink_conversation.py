import http.client
import json
import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.sink import SinkProcess
from tests.wire import Wire

PIECES = [b".", b"\r\n", b"\n", b"\r", b"a", b" ", b"\xd0", b"\0", b"..", b"QUIT", b".\r\n", b"x" * 1200]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    with SinkProcess(tmp_path_factory.mktemp("sink"), SINK_MAX_MESSAGE_BYTES="100000") as process:
        yield process


@pytest.fixture
def wire(shared: SinkProcess) -> Iterator[Wire]:
    shared.clear()
    with Wire(shared.smtp_host, shared.smtp_port) as opened:
        yield opened.greet()


def test_what_is_offered_is_what_is_kept_to(shared: SinkProcess) -> None:
    with smtplib.SMTP(shared.smtp_host, shared.smtp_port) as client:
        client.ehlo()

        assert {"size", "8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes"} <= set(
            client.esmtp_features
        )
        assert client.esmtp_features["size"] == "100000"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
@example(b"")
@example(b"\r\n")
@example(b".\r\n")
@example(b"\r\n.\r\n")
@example(b"..\r\n.\r\n.x\r\n\r\n.\r\n")
@example(b"a\n.\nb\r\n")
@example(b"a\r.\r\r\n")
def test_every_byte_comes_back_as_it_was_sent(shared: SinkProcess, pieces: bytes) -> None:
    content = pieces + b"\r\n" if pieces and not pieces.endswith(b"\r\n") else pieces
    with Wire(shared.smtp_host, shared.smtp_port) as wire:
        reply = wire.greet().deliver("olena@reader.example", content=content)

    sequence = reply[0].rpartition(b" ")[2].decode()
    assert shared.get_bytes(f"/api/messages/{sequence}/raw") == content


def test_a_leading_dot_is_always_taken_away(shared: SinkProcess, wire: Wire) -> None:
    wire.address("olena@reader.example").send(b".a\r\n..b\r\nc.\r\n.\r\n")
    wire.read_reply()

    assert shared.message().raw == b"a\r\n.b\r\nc.\r\n"


def test_the_envelope_is_kept_exactly(shared: SinkProcess, wire: Wire) -> None:
    wire.code('MAIL FROM:<"Odd Name"@newsroom.example> SIZE=100 BODY=8BITMIME')
    wire.code('RCPT TO:<"a>b"@reader.example>')
    wire.code("RCPT TO:<Olena.O'Neil+x@Reader.Example>")
    wire.code("DATA")
    wire.send_message(b"Subject: Hello\r\n\r\n")

    envelope = shared.message().envelope
    assert envelope["mail_from"] == '"Odd Name"@newsroom.example'
    assert envelope["rcpt_tos"] == ['"a>b"@reader.example', "Olena.O'Neil+x@Reader.Example"]
    assert envelope["mail_options"] == ["SIZE=100", "BODY=8BITMIME"]
    assert envelope["helo"] == "client.example"


def test_the_null_sender_is_an_empty_one(shared: SinkProcess, wire: Wire) -> None:
    assert wire.code("MAIL FROM:<>") == 250
    assert wire.code("RCPT TO:<olena@reader.example>") == 250
    wire.code("DATA")
    wire.send_message(b"\r\n")

    assert shared.message().mail_from == ""


@pytest.mark.parametrize(
    "path",
    [
        "<>",
        "olena@reader.example",
        "<a@b.example",
        "<a b@c.example>",
        "<a@b.example> <c@d.example>",
        "<<a@b>>",
    ],
)
def test_a_malformed_recipient_is_refused(wire: Wire, path: str) -> None:
    wire.code("MAIL FROM:<news@newsroom.example>")

    assert wire.code(f"RCPT TO:{path}") in (501, 553, 555)


def test_an_address_beyond_ascii_needs_smtputf8(shared: SinkProcess, wire: Wire) -> None:
    wire.code("MAIL FROM:<news@newsroom.example>")
    without = wire.say("RCPT TO:<олена@reader.example>")
    wire.code("RSET")
    wire.code("MAIL FROM:<news@newsroom.example> SMTPUTF8")

    assert without[0].startswith(b"553 5.6.7 ")
    assert wire.code("RCPT TO:<олена@reader.example>") == 250
    wire.code("DATA")
    wire.send_message("Subject: Привіт\r\n\r\nОлено!\r\n".encode())
    assert shared.message(to="олена@reader.example").subject == "Привіт"


def test_bytes_that_are_no_text_are_no_address(wire: Wire) -> None:
    wire.code("MAIL FROM:<news@newsroom.example> SMTPUTF8")
    wire.send(b"RCPT TO:<\xff@reader.example>\r\n")

    assert wire.read_reply()[0].startswith(b"553 ")


def test_pipelined_commands_are_answered_in_order(shared: SinkProcess, wire: Wire) -> None:
    group = b"MAIL FROM:<news@newsroom.example>\r\nRCPT TO:<%s@reader.example>\r\nDATA\r\n"
    wire.send(group % b"first")
    before_first = [wire.read_reply()[0][:3] for _ in range(3)]
    wire.send(b"Subject: First\r\n\r\n.\r\n" + group % b"second")
    after_first = [wire.read_reply()[0][:3] for _ in range(4)]
    wire.send(b".\r\nQUIT\r\n")
    after_second = [wire.read_reply()[0][:3] for _ in range(2)]

    assert (before_first, after_first, after_second) == (
        [b"250", b"250", b"354"],
        [b"250", b"250", b"250", b"354"],
        [b"250", b"221"],
    )
    assert [each.recipients for each in shared.messages()] == [
        ["second@reader.example"],
        ["first@reader.example"],
    ]


def test_a_bare_line_feed_ends_no_message(shared: SinkProcess, wire: Wire) -> None:
    smuggled = b"Subject: One\r\n\r\nHello\n.\nMAIL FROM:<evil@x.example>\r\n"

    wire.deliver("olena@reader.example", content=smuggled)

    assert [each.raw for each in shared.messages()] == [smuggled]
    assert any("bare LF" in each for each in shared.message().detail["breaches"])


@pytest.mark.parametrize("excess", [1, 300_000])
def test_a_message_over_size_is_refused_and_the_connection_lives(
    shared: SinkProcess, wire: Wire, excess: int
) -> None:
    body = b"x" * 998 + b"\r\n"
    content = body * 100 + b"y" * (excess - 2 if excess > 2 else 0) + b"\r\n"

    refused = wire.deliver("olena@reader.example", content=content)
    accepted = wire.deliver("olena@reader.example", content=body * 100)

    assert refused[0].startswith(b"552 5.3.4 ")
    assert accepted[0].startswith(b"250 ")
    assert wire.code("MAIL FROM:<news@newsroom.example> SIZE=100001") == 552
    assert len(shared.messages()) == 1


def test_one_message_to_five_thousand_recipients_counts_them_all(shared: SinkProcess, wire: Wire) -> None:
    recipients = [f"reader{number}@reader.example" for number in range(5000)]
    wire.send(b"MAIL FROM:<news@newsroom.example>\r\n")
    wire.send(b"".join(b"RCPT TO:<%s>\r\n" % each.encode() for each in recipients) + b"DATA\r\n")
    replies = [wire.read_reply()[0][:3] for _ in range(5002)]
    wire.send_message(b"Message-ID: <1@newsroom.example>\r\n\r\n")

    assert replies == [b"250"] * 5001 + [b"354"]
    stats = shared.stats()
    assert (stats["messages"], stats["recipients"], stats["distinct_recipients"]) == (1, 5000, 5000)
    assert shared.messages(to="reader4999@reader.example")[0].recipients == recipients


def test_a_drill_of_five_thousand_messages_adds_up(shared: SinkProcess) -> None:
    shared.clear()
    content = b"Message-ID: <%d@newsroom.example>\r\n\r\n" + b"x" * 70 + b"\r\n"
    wires = [Wire(shared.smtp_host, shared.smtp_port).greet() for _ in range(5)]
    for number in range(0, 5000, 5):
        for offset, wire in enumerate(wires):
            recipient = b"reader%d@reader.example" % (number + offset)
            wire.send(b"MAIL FROM:<news@newsroom.example>\r\nRCPT TO:<%s>\r\nDATA\r\n" % recipient)
            wire.send(content % (number + offset) + b".\r\n")
    answers = {wire.read_reply()[0][:3] for wire in wires for _ in range(4 * 1000)}
    wires[0].deliver("reader7@reader.example", content=content % 7)
    for wire in wires:
        wire.__exit__(None, None, None)

    stats = shared.stats()
    assert answers == {b"250", b"354"}
    assert (stats["messages"], stats["recipients"]) == (5001, 5001)
    assert (stats["distinct_recipients"], stats["duplicates"]) == (5000, 1)
    assert stats["connections"]["most_open"] >= 5


def test_a_client_that_goes_away_leaves_nothing(shared: SinkProcess) -> None:
    shared.clear()
    with Wire(shared.smtp_host, shared.smtp_port) as wire:
        wire.greet().address("olena@reader.example").send(b"Subject: Half\r\n\r\nHalf a mess")

    with Wire(shared.smtp_host, shared.smtp_port) as wire:
        wire.greet().deliver("after@reader.example")

    assert [each.recipients for each in shared.messages()] == [["after@reader.example"]]


def test_the_json_tells_everything_of_a_message(shared: SinkProcess) -> None:
    shared.clear()
    with smtplib.SMTP(shared.smtp_host, shared.smtp_port) as client:
        client.sendmail(
            "bounces@newsroom.example",
            ["olena@reader.example"],
            b"From: Newsroom <news@newsroom.example>\r\nSubject: Hello\r\nMessage-ID: <1@x>\r\n"
            b"Content-Type: text/html\r\n\r\n<a href='https://newsroom.example/confirm/1'>Confirm</a>\r\n",
        )

    message = shared.message(to="OLENA@reader.example", subject="hell")

    assert message.sender == "Newsroom <news@newsroom.example>"
    assert message.mail_from == "bounces@newsroom.example"
    assert message.message_id == "<1@x>"
    assert message.header("subject") == "Hello"
    assert message.link("/confirm/") == "https://newsroom.example/confirm/1"
    assert message.text == ""
    assert message.size == len(message.raw)
    assert message.detail["raw"].encode() == message.raw
    assert message.parsed["Subject"] == "Hello"


def test_the_list_goes_on_behind_its_first_page(shared: SinkProcess, wire: Wire) -> None:
    for _ in range(5):
        wire.deliver("olena@reader.example")

    first = shared.get("/api/messages?limit=3")
    second = shared.get(f"/api/messages?limit=3&cursor={first['next_cursor']}")

    assert [len(first["messages"]), len(second["messages"])] == [3, 2]
    assert second["next_cursor"] is None


def test_the_http_side_refuses_a_foreign_host(shared: SinkProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as refusal:
        shared.request("GET", "/api/messages", headers={"Host": "evil.example"})

    with refusal.value:
        assert refusal.value.code == 403


@pytest.mark.parametrize("header", [("Content-Length", "1000001"), ("Transfer-Encoding", "chunked")])
def test_the_http_side_reads_no_endless_body(shared: SinkProcess, header: tuple[str, str]) -> None:
    connection = http.client.HTTPConnection(shared.http_url.removeprefix("http://"), timeout=60)
    connection.putrequest("PUT", "/api/faults")
    connection.putheader(*header)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()

    assert status == 413


def test_head_is_get_without_its_body(shared: SinkProcess) -> None:
    request = urllib.request.Request(f"{shared.http_url}/healthz", method="HEAD")  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        length, body = int(answer.headers["Content-Length"]), answer.read()

    assert body == b""
    assert length == len(shared.get_bytes("/healthz"))
    assert json.loads(shared.get_bytes("/healthz"))["status"] == "ok"

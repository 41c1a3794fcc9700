"""The SMTP side against servers that misbehave, fall silent, or are not who they say they are."""

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from newsletters.mail.replies import Deferred, InDoubt, Phase, Refused, ServerUnavailable, SmtpError
from newsletters.mail.server import SmtpServer
from newsletters.mail.smtp import Connection
from tests.certificates import found_authority
from tests.scripted import HANG_UP, SILENCE, ScriptedServer
from tests.talking import patience_with

MESSAGE = b"From: a@newsroom.example\r\n\r\nHello.\r\n"
PLAIN = b"250 scripted.example\r\n"
STARTTLS = b"250-scripted.example\r\n250-STARTTLS\r\n250 PIPELINING\r\n"


def send(server: ScriptedServer, *, options: str = "", times: int = 1) -> str:
    url = server.url + options
    with Connection(SmtpServer.from_url(url, timeouts=patience_with(server.script))) as connection:
        for _ in range(times):
            reply = connection.send(
                sender="b@newsroom.example", recipient="r@readers.example", message=MESSAGE
            )
    return str(reply)


def test_a_transaction_is_one_write_where_pipelines_are_offered() -> None:
    with ScriptedServer() as server:
        send(server)

    assert server.pipelined == ["MAIL", "RCPT"]
    assert server.messages == [MESSAGE]


def test_commands_wait_for_their_answers_where_pipelines_are_not_offered() -> None:
    with ScriptedServer({"EHLO": PLAIN}) as server:
        send(server, times=2)

    assert server.pipelined == []
    assert server.messages == [MESSAGE, MESSAGE]


def test_a_server_that_knows_no_ehlo_is_greeted_the_old_way() -> None:
    with ScriptedServer({"EHLO": b"500 what?\r\n"}) as server:
        send(server)

    assert server.messages == [MESSAGE]


def test_each_reply_belongs_to_its_own_command() -> None:
    script = {
        "RCPT": [b"550 5.1.1 nobody\r\n", b"250 ok\r\n"],
        "DATA": [b"503 5.5.1 need RCPT\r\n", b"354 go\r\n"],
    }
    with ScriptedServer(script) as server, Connection(SmtpServer.from_url(server.url)) as connection:
        with pytest.raises(Refused) as caught:
            connection.send(sender="", recipient="r@readers.example", message=MESSAGE)
        reply = connection.send(sender="", recipient="s@readers.example", message=MESSAGE)

    assert (caught.value.phase, caught.value.reply.enhanced) == (Phase.RCPT, "5.1.1")
    assert reply.enhanced == "2.0.0"
    assert server.messages == [MESSAGE]
    assert server.connections == 1


def test_a_message_to_nobody_is_never_finished() -> None:
    script = {"RCPT": [b"550 5.1.1 nobody\r\n", b"250 ok\r\n"]}
    with ScriptedServer(script) as server, Connection(SmtpServer.from_url(server.url)) as connection:
        with pytest.raises(Refused):
            connection.send(sender="", recipient="r@readers.example", message=MESSAGE)
        connection.send(sender="", recipient="s@readers.example", message=MESSAGE)

    assert server.messages == [MESSAGE]
    assert server.connections == 2


def test_a_server_that_hung_up_between_two_messages_costs_nothing() -> None:
    with ScriptedServer({"MAIL": [b"250 ok\r\n", HANG_UP, b"250 ok\r\n"]}) as server:
        send(server, times=3)

    assert len(server.messages) == 3
    assert server.connections == 2


def test_a_421_between_two_messages_costs_nothing() -> None:
    with ScriptedServer({"MAIL": [b"250 ok\r\n", b"421 4.3.2 enough\r\n", b"250 ok\r\n"]}) as server:
        send(server, times=2)

    assert len(server.messages) == 2
    assert server.connections == 2


@pytest.mark.parametrize(
    ("moment", "error", "phase"),
    [
        ("GREETING", ServerUnavailable, Phase.GREETING),
        ("EHLO", ServerUnavailable, Phase.EHLO),
        ("MAIL", ServerUnavailable, Phase.MAIL),
        ("RCPT", ServerUnavailable, Phase.RCPT),
        ("DATA", ServerUnavailable, Phase.DATA),
        ("DOT", InDoubt, Phase.DOT),
    ],
)
@pytest.mark.parametrize("trouble", [SILENCE, HANG_UP])
def test_trouble_at_any_moment_has_its_kind_and_phase(
    moment: str, error: type[SmtpError], phase: Phase, trouble: bytes
) -> None:
    with ScriptedServer({moment: trouble}) as server, pytest.raises(SmtpError) as caught:
        send(server)

    assert type(caught.value) is error
    assert caught.value.phase is phase


@pytest.mark.parametrize(
    "reply",
    [
        b"\r\n",
        b"\xff\xfe\r\n",
        b"25\r\n",
        b"2500 ok\r\n",
        b"100 eh\r\n",
        b"250~ok\r\n",
        b"HTTP/1.1 400 Bad\r\n",
    ],
)
def test_a_reply_that_makes_no_sense_defers_the_message(reply: bytes) -> None:
    with ScriptedServer({"RCPT": reply}) as server, pytest.raises(Deferred) as caught:
        send(server)

    assert caught.value.reply.code == 0
    assert server.messages == []


@pytest.mark.parametrize(("moment", "reply"), [("MAIL", b"354 go\r\n"), ("DATA", b"250 ok\r\n")])
def test_a_reply_to_something_else_defers_the_message(moment: str, reply: bytes) -> None:
    with ScriptedServer({moment: reply}) as server, pytest.raises(Deferred):
        send(server)

    assert server.messages == []


def test_a_reply_of_many_lines_is_one_reply() -> None:
    lines = b"".join(b"250-line %d\r\n" % number for number in range(500)) + b"250 2.0.0 end\r\n"
    with ScriptedServer({"DOT": lines}) as server:
        reply = send(server, times=2)

    assert reply.startswith("250 line 0 line 1")
    assert len(reply) <= 500


def test_a_reply_without_end_is_given_up() -> None:
    with ScriptedServer({"DOT": b"250-more\r\n" * 200_000}) as server, pytest.raises(InDoubt):
        send(server)


def test_control_characters_of_a_reply_stay_out_of_the_ledger() -> None:
    reply = b"550 5.1.1 no\tsuch \x1b[31muser\0\r\n"
    with ScriptedServer({"RCPT": reply}) as server, pytest.raises(Refused) as caught:
        send(server)

    assert str(caught.value.reply) == "550 5.1.1 no such [31muser"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_starttls_is_verified_and_used(folder: Path) -> None:
    authority = found_authority(folder)
    with ScriptedServer({"EHLO": STARTTLS}, tls=_context(*authority.vouch("127.0.0.1"))) as server:
        send(server, options=f"?tls=required&cafile={authority.cafile}")

    assert server.messages == [MESSAGE]
    assert [command.split()[0] for command in server.commands[:3]] == ["ehlo", "STARTTLS", "ehlo"]


@pytest.mark.parametrize(
    ("address", "days"), [("127.0.0.9", 1), ("127.0.0.1", -1)], ids=["wrong host", "expired"]
)
def test_a_wrong_certificate_is_an_outage(folder: Path, address: str, days: int) -> None:
    authority = found_authority(folder)
    files = authority.vouch(address, valid_for=timedelta(days=days))
    options = f"?tls=required&cafile={authority.cafile}"
    tls = _context(*files)
    with ScriptedServer({"EHLO": STARTTLS}, tls=tls) as server, pytest.raises(ServerUnavailable) as caught:
        send(server, options=options)

    assert caught.value.phase is Phase.TLS
    assert not caught.value.in_transaction
    assert server.messages == []


def test_an_unknown_authority_is_an_outage(folder: Path) -> None:
    tls = _context(*found_authority(folder).vouch("127.0.0.1"))
    with ScriptedServer({"EHLO": STARTTLS}, tls=tls) as server, pytest.raises(ServerUnavailable) as caught:
        send(server, options="?tls=required")

    assert caught.value.phase is Phase.TLS
    assert "certificate not trusted" in str(caught.value.reply)


@pytest.mark.parametrize("script", [{"EHLO": PLAIN}, {"EHLO": STARTTLS, "STARTTLS": b"454 not now\r\n"}])
def test_a_stripped_starttls_is_an_outage(script: dict[str, bytes]) -> None:
    with ScriptedServer(script) as server, pytest.raises(ServerUnavailable) as caught:
        send(server, options="?tls=required")

    assert caught.value.phase is Phase.TLS
    assert not any(command.startswith("MAIL") for command in server.commands)


def test_implicit_tls_is_verified_too(folder: Path) -> None:
    authority = found_authority(folder)
    with ScriptedServer(tls=_context(*authority.vouch("127.0.0.1"))) as server:
        server.is_tls_at_once = True
        url = server.url.replace("smtp:", "smtps:") + f"?cafile={authority.cafile}"
        with Connection(SmtpServer.from_url(url)) as connection:
            connection.send(sender="", recipient="r@readers.example", message=MESSAGE)
        with (
            pytest.raises(ServerUnavailable),
            Connection(SmtpServer.from_url(url.partition("?")[0])) as other,
        ):
            other.send(sender="", recipient="r@readers.example", message=MESSAGE)

    assert server.messages == [MESSAGE]


def test_a_missing_file_of_roots_is_an_outage() -> None:
    with ScriptedServer({"EHLO": STARTTLS}) as server, pytest.raises(ServerUnavailable):
        send(server, options="?tls=required&cafile=/nowhere/at/all.pem")


def test_signing_in_happens_before_the_first_message(folder: Path) -> None:
    authority = found_authority(folder)
    offer = b"250-scripted.example\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
    with ScriptedServer({"EHLO": offer}, tls=_context(*authority.vouch("127.0.0.1"))) as server:
        url = server.url.replace("//", "//news:p%40ss@") + f"?tls=required&cafile={authority.cafile}"
        with Connection(SmtpServer.from_url(url)) as connection:
            connection.send(sender="", recipient="r@readers.example", message=MESSAGE)

    assert server.commands[3] == "AUTH PLAIN AG5ld3MAcEBzcw=="
    assert server.messages == [MESSAGE]


def test_a_refused_password_is_an_outage() -> None:
    script = {"EHLO": b"250-scripted.example\r\n250 AUTH PLAIN\r\n", "AUTH": b"535 5.7.8 no\r\n"}
    with ScriptedServer(script) as server:
        url = server.url.replace("//", "//news:wrong@")
        with Connection(SmtpServer.from_url(url)) as connection, pytest.raises(ServerUnavailable) as caught:
            connection.send(sender="", recipient="r@readers.example", message=MESSAGE)

    assert (caught.value.phase, caught.value.reply.code) == (Phase.AUTH, 535)


def _context(certfile: Path, keyfile: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile, keyfile)
    return context

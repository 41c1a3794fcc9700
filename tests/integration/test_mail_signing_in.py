"""Signing in to servers that demand it, each in its way, and showing a certificate to one that asks."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from newsletters.mail.exchange import Exchange
from newsletters.mail.replies import Phase, Reply, ServerUnavailable
from newsletters.mail.server import SmtpServer
from newsletters.mail.smtp import Connection
from tests.certificates import Authority, found_authority
from tests.demanding import DemandingServer
from tests.posting import Posting, letter
from tests.scripted import ScriptedServer

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
USER, PASSWORD = "news@newsroom.example", "p@ss:/w%rd"
MECHANISMS = ("PLAIN", "LOGIN", "XOAUTH2")


@contextmanager
def demanding(
    authority: Authority, *mechanisms: str, password: str = PASSWORD, wants_certificate: bool = False
) -> Iterator[DemandingServer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.vouch("127.0.0.1"))
    if wants_certificate:
        tls.load_verify_locations(authority.cafile)
        tls.verify_mode = ssl.CERT_REQUIRED
    with DemandingServer(mechanisms=mechanisms, tls=tls, user=USER, password=password) as server:
        yield server


def url_of(
    server: DemandingServer, authority: Authority, *, password: str = PASSWORD, options: str = ""
) -> str:
    signed_in = f"{quote(USER, safe='')}:{quote(password, safe='')}@" if password else ""
    return f"smtps://{signed_in}{server.address}?cafile={authority.cafile}{options}"


def send(url: str) -> Reply:
    with Connection(SmtpServer.from_url(url)) as connection:
        return connection.send(sender="", recipient="r@readers.example", message=letter(1).message)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_each_way_of_signing_in_is_taken(authority: Authority, mechanism: str) -> None:
    with demanding(authority, mechanism) as server:
        reply = send(url_of(server, authority, options=f"&auth={mechanism.lower()}"))

    assert reply.code == 250
    assert len(server.messages) == 1


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_without_a_choice_what_the_server_offers_is_taken(authority: Authority, mechanism: str) -> None:
    with demanding(authority, mechanism) as server:
        reply = send(url_of(server, authority))

    assert reply.code == 250


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_secret_is_an_outage_and_nothing_else_is_tried(authority: Authority, mechanism: str) -> None:
    with demanding(authority, *MECHANISMS) as server, pytest.raises(ServerUnavailable) as caught:
        send(url_of(server, authority, password="wrong", options=f"&auth={mechanism.lower()}"))

    assert (caught.value.phase, caught.value.reply.code) == (Phase.AUTH, 535)
    assert server.messages == []


def test_many_connections_sign_in_too(authority: Authority) -> None:
    with demanding(authority, "PLAIN") as server:
        exchange = Exchange(
            [SmtpServer.from_url(url_of(server, authority, options="&connections=3&messages=5"))]
        )
        outcomes = Posting(exchange).send([letter(key) for key in range(30)])
        exchange.close()

    assert [outcome.code for outcome in outcomes.values() if isinstance(outcome, Reply)] == [250] * 30
    assert len(server.messages) == 30


def test_a_token_is_read_anew_each_time(authority: Authority, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("expired\n")
    with demanding(authority, "XOAUTH2", password="fresh") as server:
        url = url_of(server, authority, password="none", options=f"&auth=xoauth2&tokenfile={token}")
        with pytest.raises(ServerUnavailable):
            send(url)
        token.write_text("fresh\n")
        reply = send(url)

    assert reply.code == 250


@pytest.mark.parametrize("secret", ["пароль", "token-файл"])
def test_a_secret_beyond_ascii_is_an_outage(authority: Authority, secret: str) -> None:
    with demanding(authority, "PLAIN") as server, pytest.raises(ServerUnavailable) as caught:
        send(url_of(server, authority, password=secret, options="&auth=plain"))

    assert caught.value.phase is Phase.AUTH
    assert secret not in str(caught.value)


def test_a_missing_tokenfile_is_an_outage(authority: Authority) -> None:
    with demanding(authority, "XOAUTH2") as server, pytest.raises(ServerUnavailable) as caught:
        send(url_of(server, authority, options="&auth=xoauth2&tokenfile=/nowhere/token"))

    assert caught.value.phase is Phase.AUTH


@pytest.mark.parametrize("challenge", [b"334 abcde\r\n", b"334 \xff\r\n", b"334\r\n"])
def test_a_challenge_that_makes_no_sense_is_an_outage(challenge: bytes) -> None:
    offer = b"250-scripted.example\r\n250 AUTH LOGIN\r\n"
    with ScriptedServer({"EHLO": offer, "AUTH": challenge}) as server, pytest.raises(ServerUnavailable):
        send(server.url.replace("//", "//user:secret@"))


def test_a_certificate_of_ours_is_shown_to_a_server_that_asks(authority: Authority) -> None:
    certfile, keyfile = authority.vouch("127.0.0.2")
    ours = f"&certfile={certfile}&keyfile={keyfile}"
    with demanding(authority, wants_certificate=True) as server:
        reply = send(url_of(server, authority, password="", options=ours))
        with pytest.raises(ServerUnavailable):
            send(url_of(server, authority, password=""))

    assert reply.code == 250
    assert len(server.messages) == 1


def test_a_renewed_certificate_is_used_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    stranger = found_authority(tmp_path)
    certfile, keyfile = tmp_path / "ours.pem", tmp_path / "ours.key"
    ours = f"&certfile={certfile}&keyfile={keyfile}"
    with demanding(authority, wants_certificate=True) as server:
        url = url_of(server, authority, password="", options=ours)
        _copied(stranger, certfile, keyfile)
        with pytest.raises(ServerUnavailable):
            send(url)
        _copied(authority, certfile, keyfile)
        reply = send(url)

    assert reply.code == 250


def test_words_before_the_handshake_are_an_outage(authority: Authority) -> None:
    script = {
        "EHLO": b"250-scripted.example\r\n250 STARTTLS\r\n",
        "STARTTLS": b"220 2.0.0 go\r\n250 2.0.0 injected\r\n",
    }
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.vouch("127.0.0.1"))
    with ScriptedServer(script, tls=tls) as server, pytest.raises(ServerUnavailable) as caught:
        send(f"{server.url}?tls=required&cafile={authority.cafile}")

    assert caught.value.phase is Phase.TLS
    assert not any(command.startswith("MAIL") for command in server.commands)


def _copied(authority: Authority, certfile: Path, keyfile: Path) -> None:
    for source, target in zip(authority.vouch("127.0.0.3"), (certfile, keyfile), strict=True):
        renewed = target.with_suffix(".new")
        renewed.write_bytes(source.read_bytes())
        renewed.replace(target)

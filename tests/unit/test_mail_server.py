"""What SMTP_URL may say, and what it may not."""

from pathlib import Path

import pytest

from newsletters.mail.server import Auth, BadServerUrl, SmtpServer, Tls
from tests.certificates import found_authority


def test_a_server_on_this_machine_needs_no_tls() -> None:
    server = SmtpServer.from_url("smtp://127.0.0.1:1025")

    assert (server.host, server.port, server.tls, server.user) == ("127.0.0.1", 1025, Tls.NONE, "")


@pytest.mark.parametrize(
    ("url", "port", "tls"),
    [
        ("smtp://mail.example", 25, Tls.REQUIRED),
        ("smtp://u:p@mail.example", 587, Tls.REQUIRED),
        ("smtps://u:p@mail.example", 465, Tls.IMPLICIT),
        ("smtp://mail.example:2525?tls=none", 2525, Tls.NONE),
        ("smtp://localhost?tls=required", 25, Tls.REQUIRED),
        ("smtp://[::1]:26", 26, Tls.NONE),
    ],
)
def test_ports_and_protection_have_safe_defaults(url: str, port: int, tls: Tls) -> None:
    server = SmtpServer.from_url(url)

    assert (server.port, server.tls) == (port, tls)


def test_user_and_password_are_decoded_and_not_shown() -> None:
    server = SmtpServer.from_url("smtps://news%40mail.example:p%2Fs%3As%40@mail.example")

    assert (server.user, server.password) == ("news@mail.example", "p/s:s@")
    assert "p/s" not in repr(server)


def test_a_connection_has_a_cap() -> None:
    assert SmtpServer.from_url("smtp://localhost").messages_per_connection == 100
    assert SmtpServer.from_url("smtp://localhost?messages=20").messages_per_connection == 20


def test_what_a_server_may_carry_and_how_it_is_signed_in_to() -> None:
    server = SmtpServer.from_url(
        "smtps://news@mail.example?connections=4&weight=3&rate=2.5&auth=xoauth2&tokenfile=/run/token"
        "&certfile=/etc/a.pem&keyfile=/etc/a.key"
    )

    assert (server.connections, server.weight, server.rate) == (4, 3, 2.5)
    assert (server.auth, server.tokenfile) == (Auth.XOAUTH2, "/run/token")
    assert (server.certfile, server.keyfile) == ("/etc/a.pem", "/etc/a.key")


def test_without_a_word_a_server_has_forty_connections_and_no_rate() -> None:
    server = SmtpServer.from_url("smtp://localhost")

    assert (server.connections, server.weight, server.rate, server.auth) == (40, 1, None, Auth.ANY)


@pytest.mark.parametrize(
    ("url", "name"), [("smtp://mail.example", "mail.example:25"), ("smtp://[::1]:26", "[::1]:26")]
)
def test_a_server_has_a_name_without_secrets(url: str, name: str) -> None:
    assert SmtpServer.from_url(url).name == name


def test_the_certificates_are_read_once_and_again_when_they_change(tmp_path: Path) -> None:
    cafile = found_authority(tmp_path).cafile
    server = SmtpServer.from_url(f"smtp://mail.example?cafile={cafile}")
    first, second = server.trust(), server.trust()
    found_authority(tmp_path)

    assert first is second
    assert server.trust() is not first


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example",
        "smtp://",
        "smtp:mail.example",
        "smtp://mail.example:99999",
        "smtp://mail.example?tls=maybe",
        "smtp://mail.example?starttls=no",
        "smtp://mail.example?messages=0",
        "smtp://mail.example?messages=many",
        "smtp://u:p@mail.example?tls=none",
        "smtp://mail.example?tls=none&certfile=a.pem",
        "smtp://mail.example?keyfile=a.key",
        "smtp://mail.example?auth=plain",
        "smtp://u:p@mail.example?auth=cram-md5",
        "smtp://u:p@mail.example?tokenfile=/run/token",
        "smtp://mail.example?connections=0",
        "smtp://mail.example?weight=1.5",
        "smtp://mail.example?rate=0",
        "smtp://mail.example?rate=nan",
        "smtp://mail.example?rate=inf",
        "smtp://mail.example?rate=fast",
    ],
)
def test_what_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(BadServerUrl):
        SmtpServer.from_url(url)


def test_certificates_are_checked_against_the_name() -> None:
    context = SmtpServer.from_url("smtp://mail.example").trust()

    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"
    assert context.minimum_version.name == "TLSv1_2"

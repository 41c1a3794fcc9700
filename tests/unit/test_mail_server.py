"""What SMTP_URL may say, and what it may not."""

import pytest

from newsletters.mail.server import BadServerUrl, SmtpServer, Tls


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

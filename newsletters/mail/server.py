"""A mail server as ``SMTP_URL`` names it: where it is, how it is trusted, how much one connection may carry.

TLS is required and verified unless the server is this machine or the URL says ``tls=none``: a STARTTLS that
is missing, refused or under a wrong certificate is an outage, never a reason to go on in the clear.
"""

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

from newsletters.mail.dialogue import Timeouts

MESSAGES_PER_CONNECTION = 100
PATIENCE = Timeouts()
SUBMISSION, SUBMISSIONS, RELAY = 587, 465, 25  # RFC 6409, RFC 8314, RFC 5321


class BadServerUrl(ValueError):
    """``SMTP_URL`` cannot be used; the message says why."""


class Tls(StrEnum):
    """How a connection is protected."""

    NONE = "none"
    REQUIRED = "required"
    IMPLICIT = "implicit"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mail goes out. ``smtp://user:password@host:port?tls=required|none&cafile=PATH&messages=100``."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: Tls = Tls.REQUIRED
    cafile: str | None = None
    messages_per_connection: int = MESSAGES_PER_CONNECTION
    helo: str = "localhost"
    timeouts: Timeouts = PATIENCE

    @classmethod
    def from_url(cls, url: str, *, helo: str = "localhost", timeouts: Timeouts = PATIENCE) -> Self:
        """Raises BadServerUrl."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise BadServerUrl("write smtp://host:port or smtps://host:port")
        options = {name: given[-1] for name, given in parse_qs(parts.query).items()}
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        tls = _tls(options.pop("tls", ""), is_implicit=parts.scheme == "smtps", host=parts.hostname)
        if user and tls is Tls.NONE and not _is_this_machine(parts.hostname):
            raise BadServerUrl("a password is not sent without TLS")
        cafile, messages = options.pop("cafile", None), options.pop("messages", None)
        if options:
            raise BadServerUrl(f"unknown option {min(options)!r}; there are tls, cafile and messages")
        return cls(
            host=parts.hostname,
            port=_port(url) or _usual_port(tls, user),
            user=user,
            password=password,
            tls=tls,
            cafile=cafile,
            messages_per_connection=_count(messages) if messages else MESSAGES_PER_CONNECTION,
            helo=helo,
            timeouts=timeouts,
        )

    def trust(self) -> ssl.SSLContext:
        """What certificates must satisfy: a chain to a known root, and this server's name."""
        context = ssl.create_default_context(cafile=self.cafile)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def _tls(option: str, *, is_implicit: bool, host: str) -> Tls:
    if option not in ("", Tls.NONE, Tls.REQUIRED):
        raise BadServerUrl("tls is required or none")
    if is_implicit:
        return Tls.IMPLICIT
    if option:
        return Tls(option)
    return Tls.NONE if _is_this_machine(host) else Tls.REQUIRED


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError as error:
        raise BadServerUrl(str(error)) from error


def _usual_port(tls: Tls, user: str) -> int:
    if tls is Tls.IMPLICIT:
        return SUBMISSIONS
    return SUBMISSION if user else RELAY


def _count(messages: str) -> int:
    if not messages.isdecimal() or int(messages) < 1:
        raise BadServerUrl("messages is a whole number above nought")
    return int(messages)

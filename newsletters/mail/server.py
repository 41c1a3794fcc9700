"""A mail server as ``SMTP_URL`` names it: where it is, how it is trusted and signed in to, what it may carry.

TLS is required and verified unless the server is this machine or the URL says ``tls=none``: a STARTTLS that
is missing, refused or under a wrong certificate is an outage, never a reason to go on in the clear.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from newsletters.mail.dialogue import Timeouts
from newsletters.mail.trust import trust

MESSAGES_PER_CONNECTION = 100
CONNECTIONS = 40  # Postfix lets one client have 50; a server that wants fewer says so, and is obeyed
PATIENCE = Timeouts()
SUBMISSION, SUBMISSIONS, RELAY = 587, 465, 25  # RFC 6409, RFC 8314, RFC 5321


class BadServerUrl(ValueError):
    """``SMTP_URL`` cannot be used; the message says why."""


class Tls(StrEnum):
    """How a connection is protected."""

    NONE = "none"
    REQUIRED = "required"
    IMPLICIT = "implicit"


class Auth(StrEnum):
    """How to sign in; ANY takes the strongest that the server offers."""

    ANY = ""
    PLAIN = "plain"
    LOGIN = "login"
    XOAUTH2 = "xoauth2"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mail goes out: ``smtp://user:password@host:port?option=value&option=value``."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    auth: Auth = Auth.ANY
    tokenfile: str | None = None
    tls: Tls = Tls.REQUIRED
    cafile: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    connections: int = CONNECTIONS
    messages_per_connection: int = MESSAGES_PER_CONNECTION
    weight: int = 1
    rate: float | None = None  # messages a second
    helo: str = "localhost"
    timeouts: Timeouts = PATIENCE

    @classmethod
    def from_url(cls, url: str, *, helo: str = "localhost", timeouts: Timeouts = PATIENCE) -> Self:
        """Raises BadServerUrl."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise BadServerUrl("write smtp://host:port or smtps://host:port")
        options = {name: given[-1] for name, given in parse_qs(parts.query).items()}
        user = unquote(parts.username or "")
        tls = _tls(options.pop("tls", ""), is_implicit=parts.scheme == "smtps", host=parts.hostname)
        server = cls(
            host=parts.hostname,
            port=_port(url) or _usual_port(tls, user),
            user=user,
            password=unquote(parts.password or ""),
            tls=tls,
            helo=helo,
            timeouts=timeouts,
            **_read(options),
        )
        server.check()
        return server

    @classmethod
    def from_urls(cls, urls: str, *, helo: str = "localhost") -> tuple[Self, ...]:
        """Several servers, their URLs separated by blanks. Raises BadServerUrl."""
        servers = tuple(cls.from_url(url, helo=helo) for url in urls.split())
        if len({server.name for server in servers}) < len(servers):
            raise BadServerUrl("the same server stands there twice")
        return servers

    @classmethod
    def of_both_ways(cls, urls: str, single_urls: str) -> tuple[Self, ...]:
        """The servers of issues first, then those that single mails alone go over. Raises BadServerUrl."""
        of_issues = cls.from_urls(urls)
        names = {server.name for server in of_issues}
        return of_issues + tuple(server for server in cls.from_urls(single_urls) if server.name not in names)

    @property
    def name(self) -> str:
        """What logs and the desk call it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def check(self) -> None:
        """Refuse what would give a secret away or could never work. Raises BadServerUrl."""
        if self.tls is Tls.NONE and not _is_this_machine(self.host):
            if self.user:
                raise BadServerUrl("a password is not sent without TLS")
            if self.certfile:
                raise BadServerUrl("a certificate is not shown without TLS")
        if self.keyfile and not self.certfile:
            raise BadServerUrl("keyfile needs certfile")
        if self.auth and not self.user:
            raise BadServerUrl("auth needs a user")
        if self.tokenfile and self.auth is not Auth.XOAUTH2:
            raise BadServerUrl("tokenfile needs auth=xoauth2")

    def secret(self) -> str:
        """The password, or the token that is good at this moment. Raises OSError."""
        if self.tokenfile is None:
            return self.password
        return Path(self.tokenfile).read_text(encoding="ascii").strip()

    def trust(self) -> ssl.SSLContext:
        """What certificates must satisfy, and what we show of ourselves. Raises OSError."""
        return trust(self.cafile, certfile=self.certfile, keyfile=self.keyfile)


def _read(options: dict[str, str]) -> dict[str, Any]:
    unknown = options.keys() - _OPTIONS.keys()
    if unknown:
        *names, last = _OPTIONS
        raise BadServerUrl(f"unknown option {min(unknown)!r}; there are tls, {', '.join(names)} and {last}")
    read = {}
    for name, value in options.items():
        field_name, reader = _OPTIONS[name]
        try:
            read[field_name] = reader(value)
        except ValueError as error:
            raise BadServerUrl(f"{name}: {error}") from None
    return read


def _count(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise ValueError("a whole number above nought")
    return int(value)


def _rate(value: str) -> float:
    try:
        rate = float(value)
    except ValueError:
        rate = 0
    if not 0 < rate < float("inf"):
        raise ValueError("messages a second, above nought")
    return rate


def _auth(value: str) -> Auth:
    if value not in ("plain", "login", "xoauth2"):
        raise ValueError("plain, login or xoauth2")
    return Auth(value)


_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "cafile": ("cafile", str),
    "certfile": ("certfile", str),
    "keyfile": ("keyfile", str),
    "auth": ("auth", _auth),
    "tokenfile": ("tokenfile", str),
    "connections": ("connections", _count),
    "messages": ("messages_per_connection", _count),
    "weight": ("weight", _count),
    "rate": ("rate", _rate),
}


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

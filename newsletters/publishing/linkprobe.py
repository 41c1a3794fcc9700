"""Asks whether the links of an issue still lead somewhere, without letting an editor's text reach inside.

A host is resolved once, refused if any of its addresses is not public, and connected to at that very
address, so that a name which answers differently the second time gains nothing (ASVS 5.0, 1.3.6). No
redirect is followed, nothing but the status line is looked at, and the whole round has one deadline.
What a site answers to a stranger's robot (401, 403, 429) says nothing against the link.
"""

import http.client
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from enum import StrEnum
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

MOST_LINKS: Final = 60
THREADS: Final = 12
STEP_SECONDS: Final = 4.0
ROUND_SECONDS: Final = 10.0
GONE: Final = (404, 410)
HEAD_UNKNOWN: Final = (400, 403, 404, 405, 406, 501)  # some servers answer only GET properly
NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: leads to the IPv4 address written in it
USER_AGENT: Final = "Mozilla/5.0 (compatible; link check before sending)"

Resolve = Callable[[str, int], Sequence[str]]


class LinkProblem(StrEnum):
    """What is wrong with a link; an HTTP status is kept as its number instead."""

    NONE = ""
    NO_HOST = "no_host"
    NO_ANSWER = "no_answer"
    CERTIFICATE = "certificate"
    NOT_PUBLIC = "not_public"
    UNREADABLE = "unreadable"


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Every address of ``host``. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[4][0]) for address in found]


def is_public(address: str) -> bool:
    """Whether an address is out in the world: not this machine, this network, or a disguise of either."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo and parsed.teredo[1])
        if inner or parsed in NAT64:
            return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


class LinkProbe:
    """One way of asking; tests bring their own resolver and idea of what is public."""

    def __init__(
        self,
        resolve: Resolve = system_resolve,
        *,
        is_allowed: Callable[[str], bool] = is_public,
        step_seconds: float = STEP_SECONDS,
    ) -> None:
        self._resolve = resolve
        self._is_allowed = is_allowed
        self._step_seconds = step_seconds

    def problems(self, urls: Iterable[str], *, round_seconds: float = ROUND_SECONDS) -> Mapping[str, str]:
        """Every url with its problem, empty where there is none; at most ``MOST_LINKS`` are asked."""
        asked = list(dict.fromkeys(urls))[:MOST_LINKS]
        pool = ThreadPoolExecutor(THREADS, thread_name_prefix="link")
        futures = {pool.submit(self.problem, url): url for url in asked}
        done, late = wait(futures, timeout=round_seconds)
        pool.shutdown(wait=False, cancel_futures=True)
        answers = {futures[future]: future.result() for future in done}
        return answers | {futures[future]: LinkProblem.NO_ANSWER.value for future in late}

    def problem(self, url: str) -> str:
        """What is wrong with ``url``: a LinkProblem's value or an HTTP status, empty if nothing is."""
        try:
            return self._status_problem(url)
        except _Refused as refused:
            return refused.problem.value
        except ssl.SSLCertVerificationError:
            return LinkProblem.CERTIFICATE.value
        except (OSError, http.client.HTTPException):
            return LinkProblem.NO_ANSWER.value
        except ValueError:
            return LinkProblem.UNREADABLE.value

    def _status_problem(self, url: str) -> str:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        if parts.scheme not in ("http", "https") or not host or parts.username is not None:
            raise _Refused(LinkProblem.UNREADABLE)
        address = self._pin(host, port)
        status = 0
        for method in ("HEAD", "GET"):
            status = self._ask(method, parts, address=address, port=port)
            if status not in HEAD_UNKNOWN:
                break
        return str(status) if status in GONE or status >= 500 else LinkProblem.NONE.value

    def _pin(self, host: str, port: int) -> str:
        """The one address to connect to, resolved once. Raises _Refused."""
        try:
            addresses = self._resolve(host.encode("idna").decode(), port)
        except (OSError, UnicodeError) as error:
            raise _Refused(LinkProblem.NO_HOST) from error
        if not addresses:
            raise _Refused(LinkProblem.NO_HOST)
        if not all(self._is_allowed(address) for address in addresses):
            raise _Refused(LinkProblem.NOT_PUBLIC)
        return addresses[0]

    def _ask(self, method: str, parts: SplitResult, *, address: str, port: int) -> int:
        host = parts.hostname or ""
        target = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection = http.client.HTTPConnection(host, port, timeout=self._step_seconds)
        with socket.create_connection((address, port), timeout=self._step_seconds) as plain:
            connection.sock = plain if parts.scheme == "http" else _with_tls(plain, host)
            try:
                connection.request(method, target, headers={"User-Agent": USER_AGENT, "Accept": "*/*"})
                return connection.getresponse().status
            finally:
                connection.close()


def _with_tls(plain: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=host)


class _Refused(Exception):
    """The link cannot or must not be asked."""

    def __init__(self, problem: LinkProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem

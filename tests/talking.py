"""Scripted servers and exchanges that talk to them: with and without PIPELINING, in the clear and in TLS."""

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import pytest

from newsletters.mail.dialogue import Timeouts
from newsletters.mail.exchange import Exchange
from newsletters.mail.letters import Waiting
from newsletters.mail.replies import Reply
from newsletters.mail.server import SmtpServer
from tests.certificates import Authority, found_authority
from tests.posting import Outcome, Posting
from tests.scripted import Answer, ScriptedServer

IMPATIENT = Timeouts(
    **dict.fromkeys(("greeting", "ehlo", "tls", "mail", "rcpt", "data", "body", "dot"), 0.3), farewell=0.5
)
PLAIN = b"250-scripted.example\r\n250 SIZE 100000000\r\n"
PIPELINED = b"250-scripted.example\r\n250-PIPELINING\r\n250 SIZE 100000000\r\n"
OK = b"250 2.0.0 ok\r\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return found_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["pipelined", "plain"])
def ehlo(request: pytest.FixtureRequest) -> bytes:
    return PIPELINED if request.param == "pipelined" else PLAIN


@pytest.fixture(params=["clear", "tls"])
def is_tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "tls")


class Talk(Protocol):
    """A scripted server and somebody who posts to it."""

    def __call__(
        self, script: dict[str, Answer], *, options: str = ..., timeouts: Timeouts = ...
    ) -> AbstractContextManager[tuple[ScriptedServer, Posting]]: ...


@pytest.fixture
def talk(ehlo: bytes, is_tls: bool, authority: Authority) -> Talk:
    @contextmanager
    def talking(
        script: dict[str, Answer], *, options: str = "connections=1", timeouts: Timeouts = IMPATIENT
    ) -> Iterator[tuple[ScriptedServer, Posting]]:
        with ScriptedServer({"EHLO": ehlo} | script, tls=_context(authority) if is_tls else None) as server:
            server.is_tls_at_once = is_tls
            url = f"{server.url}?{options}"
            if is_tls:
                url = url.replace("smtp:", "smtps:") + f"&cafile={authority.cafile}"
            with exchanging(url, timeouts=timeouts) as exchange:
                yield server, Posting(exchange)

    return talking


@contextmanager
def exchanging(*urls: str, timeouts: Timeouts = IMPATIENT, idle_seconds: float = 20.0) -> Iterator[Exchange]:
    """An exchange over these servers, closed in the end."""
    servers = [SmtpServer.from_url(url, timeouts=timeouts) for url in urls]
    exchange = Exchange(servers, idle_seconds=idle_seconds)
    try:
        yield exchange
    finally:
        exchange.close()


def _context(authority: Authority) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.vouch("127.0.0.1"))
    return context


def accepted(outcomes: dict[object, Outcome]) -> list[object]:
    """The letters that the server took."""
    return [key for key, outcome in outcomes.items() if isinstance(outcome, Reply)]


def good(moment: str) -> bytes:
    """What a server says to that command when all is well."""
    return b"354 go ahead\r\n" if moment == "DATA" else OK


def opened(posting: Posting, count: int) -> Callable[[], bool]:
    """Whether so many connections are open; asks for them."""
    pool = posting.exchange.pools[0]

    def is_so() -> bool:
        is_open = pool.health().open >= count
        pool.want(0 if is_open else count)
        if not is_open:
            posting.exchange.poll(0.05)
        return is_open

    return is_so


def until_waiting(exchange: Exchange, key: object) -> None:
    ends_at = time.monotonic() + 60
    while Waiting(key) not in exchange.poll(0.5):
        assert time.monotonic() < ends_at

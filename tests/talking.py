"""Scripted servers and exchanges that talk to them: with and without PIPELINING, in the clear and in TLS."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
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
from tests.scripted import DEAF, DRIP, SILENCE, Answer, ScriptedServer

SILENT_SECONDS = 0.3  # how long is waited for an answer that never comes
SOMETIMES_SILENT_SECONDS = 1.0  # where others of its kind come, and must not be missed on a busy machine
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
        self, script: dict[str, Answer], *, options: str = ...
    ) -> AbstractContextManager[tuple[ScriptedServer, Posting]]: ...


@pytest.fixture
def talk(ehlo: bytes, is_tls: bool, authority: Authority) -> Talk:
    @contextmanager
    def talking(
        script: dict[str, Answer], *, options: str = "connections=1"
    ) -> Iterator[tuple[ScriptedServer, Posting]]:
        with ScriptedServer({"EHLO": ehlo} | script, tls=_context(authority) if is_tls else None) as server:
            server.is_tls_at_once = is_tls
            url = f"{server.url}?{options}"
            if is_tls:
                url = url.replace("smtp:", "smtps:") + f"&cafile={authority.cafile}"
            with exchanging(url, timeouts=patience_with(script)) as exchange:
                yield server, Posting(exchange)

    return talking


def patience_with(script: Mapping[str, Answer]) -> Timeouts:
    """As patient as ever, but for the moments at which this server falls silent."""
    waits = {moment.lower(): _patience(answer) for moment, answer in script.items() if _is_silent(answer)}
    if "helo" in waits:
        waits["ehlo"] = waits.pop("helo")
    return Timeouts(**waits, farewell=0.5)


def _is_silent(answer: Answer) -> bool:
    answers = answer if isinstance(answer, list) else [answer]
    return any(one in (SILENCE, DEAF) or one.startswith(DRIP) for one in answers)


def _patience(answer: Answer) -> float:
    is_always = isinstance(answer, bytes) or len(answer) == 1
    return SILENT_SECONDS if is_always else SOMETIMES_SILENT_SECONDS


@contextmanager
def exchanging(
    *urls: str, timeouts: Timeouts | None = None, idle_seconds: float = 20.0
) -> Iterator[Exchange]:
    """An exchange over these servers, closed in the end."""
    servers = [SmtpServer.from_url(url, timeouts=timeouts or patience_with({})) for url in urls]
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

"""Whether links are alive: asked of a real server on this machine, and by default of nothing inside."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from newsletters.kernel.db import Database
from newsletters.publishing.linkchecks import known, note
from newsletters.publishing.linkprobe import LinkProbe, is_public
from tests.conftest import NOW


class Site(BaseHTTPRequestHandler):
    """Answers with the status that stands in the path; /get-only-200 knows no HEAD."""

    def do_HEAD(self) -> None:
        self._answer(405 if "get-only" in self.path else None)

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, status: int | None) -> None:
        if "silence" in self.path:
            self.server.finished.wait(600)  # type: ignore[attr-defined]
            return
        self.send_response(status or int(self.path[-3:]))
        self.send_header("Location", "http://127.0.0.1:1/inside")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.finished = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://site.example:{server.server_port}"
    server.finished.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


class Resolver:
    """Answers in turn, and counts how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(self, _host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


def probe(**options: float) -> LinkProbe:
    return LinkProbe(Resolver(["127.0.0.1"]), is_allowed=lambda _: True, **options)


@pytest.mark.parametrize("path", ["/200", "/204", "/301", "/302", "/403", "/429", "/get-only-200"])
def test_a_link_that_answers_is_alive(site: str, path: str) -> None:
    assert probe().problem(site + path) == ""


@pytest.mark.parametrize("status", ["404", "410", "500", "503"])
def test_a_dead_link_is_known_by_its_status(site: str, status: str) -> None:
    assert probe().problem(f"{site}/{status}") == status


def test_silence_ends_with_the_deadline(site: str) -> None:
    asked_at = time.monotonic()

    found = probe(step_seconds=1.0).problems([f"{site}/silence", f"{site}/200"], round_seconds=600)

    assert found == {f"{site}/silence": "no_answer", f"{site}/200": ""}
    assert time.monotonic() - asked_at < 300


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"),
        "0.0.0.0",  # noqa: S104  (refused, not bound)
        *("::1", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "2002:7f00:1::", "::"),
        *("64:ff9b::a00:1", "224.0.0.1", "255.255.255.255", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    ],
)
def test_no_address_inside_counts_as_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111"])
def test_addresses_out_in_the_world_are_public(address: str) -> None:
    assert is_public(address)


def test_a_host_inside_is_never_asked(site: str) -> None:
    inside = LinkProbe(Resolver(["127.0.0.1"]))

    assert inside.problem(f"{site}/200") == "not_public"


def test_one_private_address_among_public_ones_is_enough_to_refuse(site: str) -> None:
    mixed = LinkProbe(Resolver(["8.8.8.8", "127.0.0.1"]))

    assert mixed.problem(f"{site}/200") == "not_public"


def test_a_name_that_answers_differently_the_second_time_gains_nothing(site: str) -> None:
    rebinding = Resolver(["127.0.0.1"], ["10.0.0.1"])
    checked: list[str] = []

    def allow(address: str) -> bool:
        checked.append(address)
        return True

    found = LinkProbe(rebinding, is_allowed=allow).problem(f"{site}/get-only-200")

    assert (found, rebinding.asked, checked) == ("", 1, ["127.0.0.1"])


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "http://", "http://user:pw@a.example", "http://a.example:x"]
)
def test_an_address_of_another_kind_is_not_asked(url: str) -> None:
    resolver = Resolver(["127.0.0.1"])

    assert LinkProbe(resolver, is_allowed=lambda _: True).problem(url) == "unreadable"
    assert resolver.asked == 0


def test_a_host_that_does_not_exist_is_said_so() -> None:
    def nobody(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    assert LinkProbe(nobody).problem("https://gone.example/") == "no_host"


def test_answers_are_kept_for_a_day(db: Database) -> None:
    with db.transaction() as session:
        note(session, {"https://a.example": "404", "https://b.example": ""}, now=NOW)
        note(session, {"https://a.example": ""}, now=NOW + timedelta(hours=1))
        urls = ["https://a.example", "https://b.example", "https://c.example"]

        assert known(session, urls, now=NOW + timedelta(hours=2)) == {
            "https://a.example": "",
            "https://b.example": "",
        }
        assert known(session, urls, now=NOW + timedelta(hours=24)) == {"https://a.example": ""}

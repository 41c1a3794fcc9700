"""Machines that post a sign-up form as fast as they are answered, and readers who come in between them.

A machine does no work for anybody: asked for a proof, it posts the next form. A reader's browser does what
embed.js does: it finds the answer to the challenge and posts once more.
"""

import http.client
import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import altcha

from tests.drills.newsroom import SLUG

PATH: Final = "/embed/subscribe"
PATIENCE_SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 0.5
TAKEN: Final = http.HTTPStatus.OK


def client(number: int) -> str:
    """The address of one of many clients, each in a network of its own."""
    return f"{11 + number // 62_500 % 100}.{number // 250 % 250}.{number % 250}.9"


class Browser:
    """One kept connection to the form."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS
        )

    def post(self, fields: dict[str, str], *, address: str) -> tuple[int, dict[str, Any]]:
        """The status and the data of one answer; 0 where there was none."""
        said = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Host": "localhost",
            "X-Forwarded-For": address,
        }
        try:
            self._connection.request("POST", PATH, urlencode(fields), said)
            answer = self._connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self._connection.close()
            return 0, {}

    def close(self) -> None:
        self._connection.close()


def sign_up(url: str, email: str, *, newsletter: str = SLUG, address: str) -> int:
    """A reader's own sign-up, with the work their browser does where it is asked to; the last status."""
    fields = {"email": email, "newsletter": newsletter, "form": "article"}
    status, said = _post_once(url, fields, address)
    if "moment" not in said:
        return status
    challenge = altcha.Challenge.from_dict(said["moment"]["challenge"])
    solution = altcha.solve_challenge(challenge)
    proof = altcha.Payload(challenge, solution).to_base64() if solution else ""
    return _post_once(url, {**fields, "altcha": proof}, address)[0]


def _post_once(url: str, fields: dict[str, str], address: str) -> tuple[int, dict[str, Any]]:
    """On a connection of its own: the server does not wait while a browser works."""
    browser = Browser(url)
    try:
        return browser.post(fields, address=address)
    finally:
        browser.close()


@dataclass
class Flood:
    """Posts for ``emails`` from ``clients`` addresses, over some connections at once."""

    url: str
    emails: Iterable[str]
    clients: int
    connections: int = 8
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def run(self) -> Self:
        """Post all of it, and return once the last answer is there."""
        began = time.monotonic()
        self._waiting = zip(self.emails, count(), strict=False)
        self._lock = Lock()
        threads = [Thread(target=self._post_all) for _ in range(self.connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.seconds = time.monotonic() - began
        return self

    @property
    def taken(self) -> int:
        return self.statuses[TAKEN]

    def _post_all(self) -> None:
        browser = Browser(self.url)
        while (one := self._next()) is not None:
            email, number = one
            fields = {"email": email, "newsletter": SLUG, "form": "article"}
            status, _ = browser.post(fields, address=client(number % self.clients))
            with self._lock:
                self.statuses[status] += 1
        browser.close()

    def _next(self) -> tuple[str, int] | None:
        with self._lock:
            return next(self._waiting, None)


class ReadersInBetween:
    """Real readers who sign up one after another until the block ends; ``since`` is when each began."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._ended = Event()
        self._thread = Thread(target=self._come)
        self.since: dict[str, datetime] = {}
        self.refused: list[tuple[str, int]] = []

    def _come(self) -> None:
        for number in count():
            email = f"real.reader.{number}@ukr.net"
            self.since[email] = datetime.now(UTC)
            status = sign_up(self._url, email, address=client(6_000_000 + number))
            if status != TAKEN:
                self.refused.append((email, status))
            if self._ended.wait(PAUSE_SECONDS):
                return

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

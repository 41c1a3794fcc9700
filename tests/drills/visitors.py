"""Readers at the door while things go wrong: they sign up and leave, and remember what they were told."""

import http.client
import random
import time
import urllib.parse
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Final, Self

from newsletters.kernel.tokens import Purpose, Signer
from tests.drills.newsroom import SLUG

PATIENCE_SECONDS: Final = 120.0
NO_ANSWER: Final = 0
CROWD: Final = 20


@dataclass(frozen=True, slots=True)
class Visit:
    """One post and its answer; ``status`` is 0 where none came. Times are the monotonic clock's."""

    who: str
    began: float
    ended: float
    status: int

    @property
    def was_taken(self) -> bool:
        return 200 <= self.status < 400

    @property
    def broke(self) -> bool:
        return self.status >= 500


def post(url: str, path: str, form: dict[str, str], *, headers: dict[str, str] | None = None) -> int:
    """The status of one post; 0 where nobody answered."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
    said = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Host": "localhost",
        "X-Forwarded-For": f"10.{random.randrange(250)}.{random.randrange(250)}.{random.randrange(1, 250)}",
        **(headers or {}),
    }
    try:
        connection.request("POST", path, urllib.parse.urlencode(form), said)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return NO_ANSWER
    finally:
        connection.close()


def sign_up(url: str, address: str, *, form: str = "article") -> int:
    """Fill in the form of an article."""
    said = {"email": address, "newsletter": SLUG, "took": "5000", "form": form}
    return post(url, "/embed/subscribe", said)


def leave(url: str, signer: Signer, subscription_id: int, issue_id: int) -> int:
    """Press the mail program's button (RFC 8058)."""
    token = signer.sign(Purpose.UNSUBSCRIBE, subscription_id, issue_id)
    return post(url, f"/unsubscribe/{token}", {"List-Unsubscribe": "One-Click"})


@dataclass
class Newcomers:
    """People who sign up one after the other, each in ``threads`` lines at a time, until it is enough."""

    url: str
    threads: int = 2
    pause_seconds: float = 0.05
    name: str = "crowd"
    visits: list[Visit] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)
    _lock: Lock = field(default_factory=Lock)
    _enough: Event = field(default_factory=Event)
    _running: list[Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._running = [Thread(target=self._come, daemon=True) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._enough.set()
        for thread in self._running:
            thread.join(PATIENCE_SECONDS + 10)

    def taken(self) -> list[str]:
        """The addresses whose sign-up was answered with success."""
        with self._lock:
            return [visit.who for visit in self.visits if visit.was_taken]

    def _come(self) -> None:
        while not self._enough.wait(self.pause_seconds):
            with self._lock:
                number = next(self._numbers)
            crowd = f"{self.name}{number // CROWD}"  # more at a time from one place look like an attack
            address = f"newcomer{number}@{crowd}.example"
            began = time.monotonic()
            status = sign_up(self.url, address, form=crowd)
            with self._lock:
                self.visits.append(Visit(address, began, time.monotonic(), status))

"""Readers who sign up all the while, at whichever web server answers, as a load balancer would send them."""

import http.client
import itertools
import random
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

from tests.drills.newsroom import SLUG

TRY_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 0.05


class SigningUp:
    """A crowd of one: signs up address after address until the block ends. ``answered`` were told success."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._count = len(ports)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sign_up_all)
        self.answered: list[str] = []
        self.refused: list[tuple[str, int]] = []

    def _sign_up_all(self) -> None:
        for number in itertools.count():
            if self._ended.wait(PAUSE_SECONDS):
                return
            self._sign_up(f"newcomer{number}@signups.example")

    def _sign_up(self, email: str) -> None:
        """Try one server after the other; what none of them answers with success was promised to nobody."""
        for port in itertools.islice(self._ports, self._count):
            status = self._post(port, email)
            if status == http.HTTPStatus.OK:
                self.answered.append(email)
                return
            if status is not None:
                self.refused.append((email, status))

    def _post(self, port: int, email: str) -> int | None:
        """The answer's status; None where there is no whole answer."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TRY_SECONDS)
        headers = {
            "Host": "localhost",
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": ".".join(str(random.randint(1, 250)) for _ in range(4)),
        }
        try:
            connection.request(
                "POST", "/embed/subscribe", urlencode({"email": email, "newsletter": SLUG}), headers
            )
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return None
        else:
            return answer.status
        finally:
            connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

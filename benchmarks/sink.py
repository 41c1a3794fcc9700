"""Postfix's smtp-sink as the relay of every round, with a clock beside its counter.

smtp-sink tells its count after every message; the moments are noted here some hundred times a second, so
that a rate is what the receiver saw, from the first message to the last.
"""

import os
import re
import subprocess
import time
from threading import Thread
from types import TracebackType
from typing import Self

from benchmarks.processes import cpu_seconds, wait_until
from benchmarks.programs import Programs
from tests.postgres import free_port
from tests.running import listens

BACKLOG = "1000"
LOOK_SECONDS = 0.01
_COUNT = re.compile(rb"mesg=(\d+)\r")


class Sink:
    """One smtp-sink; ``marks`` are (moment, messages so far), a moment being of time.monotonic()."""

    def __init__(self, programs: Programs) -> None:
        self.port = free_port()
        self.marks: list[tuple[float, int]] = []
        self._programs = programs

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """As SMTP_URL: connections are reused, as smtp-source -d does."""
        return f"smtp://{self.address}?messages=100000"

    @property
    def count(self) -> int:
        return self.marks[-1][1] if self.marks else 0

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid)

    def seconds_between_first_and_last(self) -> float:
        return self.marks[-1][0] - self.marks[0][0]

    def rate(self) -> float:
        """Messages a second from the first look that saw any to the last."""
        received = self.marks[-1][1] - self.marks[0][1]
        return received / self.seconds_between_first_and_last()

    def wait_for(self, messages: int, *, seconds: float) -> None:
        wait_until(lambda: self.count >= messages, seconds=seconds, what=f"{messages} messages")

    def __enter__(self) -> Self:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(
            [self._programs.smtp_sink, "-c", *user, self.address, BACKLOG],
            stdout=subprocess.PIPE,
            env=self._programs.environ,
        )
        self._reader = Thread(target=self._read)
        self._reader.start()
        wait_until(lambda: listens(self.port), seconds=10, what="smtp-sink")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._reader.join()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while chunk := os.read(stream.fileno(), 1 << 16):
                counts = _COUNT.findall(chunk)
                if counts and (count := int(counts[-1])) > self.count:
                    self.marks.append((time.monotonic(), count))
                time.sleep(LOOK_SECONDS)

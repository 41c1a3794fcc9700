"""The drills' sink as whoever drives it sees it."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from tests.drills.fastsink.books import RECORD, Books
from tests.drills.fastsink.faults import Fault
from tests.postgres import free_port
from tests.sink import ended

PROJECT = Path(__file__).resolve().parents[3]
STOP_SECONDS = 10.0


class FastSink:
    """A sink in its own process. Use it as a context manager, or call start() and stop().

    The books stay in ``folder`` and go on where they ended when it is started again, on the same port.
    """

    def __init__(self, folder: Path, *, certificate: tuple[Path, Path] | None = None) -> None:
        self.path = folder / "books"
        self.port = free_port()
        self._certificate = certificate
        self._process: subprocess.Popen[bytes] | None = None
        self._asking = Lock()

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it listens."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.drills.fastsink", str(self.path), "--port", str(self.port)]
        if self._certificate is not None:
            command += ["--certificate", str(self._certificate[0]), "--key", str(self._certificate[1])]
        self._process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self._hear()["port"])
        return self

    def stop(self) -> None:
        """Close its standard input and wait for its end. Twice is harmless."""
        self._end(None)

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals | None) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None and process.stdout is not None
        if number is not None:
            process.send_signal(number)
        process.stdin.close()
        try:
            ended(process, within=STOP_SECONDS)
        finally:
            process.stdout.close()

    def count(self) -> int:
        """How many messages it has taken: the size of its books."""
        return self.path.stat().st_size // RECORD.size if self.path.exists() else 0

    def books(self, *, after: int = 0) -> Books:
        """What it has taken so far."""
        return Books.read(self.path, after=after)

    def faults(self, *faults: Fault) -> None:
        """Put these faults in force and no others."""
        self._ask({"faults": [fault.to_json() for fault in faults]})

    def hits(self) -> list[int]:
        """How often each fault has struck."""
        return list(self.status()["hits"])

    def allow(self, count: int) -> None:
        """From now on take only ``count`` more messages; further ones wait for their answer."""
        self._ask({"allow": count})

    def allow_all(self) -> None:
        """Take whatever comes."""
        self._ask({"allow": None})

    def hang_up(self) -> None:
        """Cut every connection."""
        self._ask({"hang_up": True})

    def status(self) -> dict[str, Any]:
        """``connections`` so far, ``open`` ones, ``waiting`` messages and ``hits`` of the faults."""
        return self._ask({})

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process is not None and self._process.stdin is not None
        with self._asking:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
            return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process is not None and self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sink ended with status {self._process.wait(STOP_SECONDS)}")
        return dict(json.loads(line))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

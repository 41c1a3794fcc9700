"""``make run``'s own supervisor as a process of a test, with ports and a folder of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.postgres import free_ports
from tests.sink import STOP_SECONDS, ended

READY_SECONDS = 240  # migrating and furnishing, on a machine that is very busy
ROOT = Path(__file__).parent.parent
PORTS = ("PORT", "SINK_SMTP_PORT", "SINK_HTTP_PORT", "EXAMPLE_PORT", "INBOUND_PORT")


class Running:
    """``python -m newsletters.cli run`` with ports and a folder of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        environ = {
            name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "SMTP_URL")
        }
        environ |= {name: str(port) for name, port in self.ports.items()}
        environ |= {"DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1", **settings}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "newsletters.cli", "run"],
            cwd=ROOT,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def wait_until_ready(self) -> None:
        try:
            wait_for(self._is_ready_or_over, seconds=READY_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"not ready after {READY_SECONDS} s: {self.output}") from error
        assert self.process.poll() is None, self.output

    def _is_ready_or_over(self) -> bool:
        return "Ctrl-C stops everything" in self.output or self.process.poll() is not None

    def finish(self, number: signal.Signals | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        try:
            status = ended(self.process)
        finally:
            self._reader.join(STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def health(self) -> dict[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['PORT']}/healthz", timeout=60) as answer:
            health: dict[str, str] = json.load(answer)
        return health

    def listening(self) -> list[str]:
        return [name for name, port in self.ports.items() if listens(port)]


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)

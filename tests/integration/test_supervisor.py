"""``make run`` as an operator meets it: real processes, real ports, real signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.postgres import free_port

ROOT = Path(__file__).parent.parent.parent
PORTS = ("PORT", "SINK_SMTP_PORT", "SINK_HTTP_PORT", "EXAMPLE_PORT", "INBOUND_PORT")

pytestmark = pytest.mark.xdist_group("supervisor")


class Running:
    """``python -m newsletters.cli run`` with ports and a folder of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.ports = {name: free_port() for name in PORTS}
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
        wait_for(lambda: "Ctrl-C stops everything" in self.output or self.process.poll() is not None)
        assert self.process.poll() is None, self.output

    def finish(self, number: signal.Signals | None = None) -> int:
        if number is not None:
            self.process.send_signal(number)
        status = self.process.wait(30)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def health(self) -> dict[str, str]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['PORT']}/healthz", timeout=5) as answer:
            health: dict[str, str] = json.load(answer)
        return health

    def listening(self) -> list[str]:
        return [name for name, port in self.ports.items() if _listens(port)]


def _listens(port: int) -> bool:
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


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start one; whatever still runs at the end of a test is ended."""
    running: list[Running] = []

    def start(**settings: str) -> Running:
        one = Running(tmp_path / "var", **settings)
        running.append(one)
        return one

    yield start
    for one in running:
        if one.process.poll() is None:
            one.finish(signal.SIGTERM)
        assert one.process.returncode is not None


def test_the_first_run_furnishes_and_the_second_keeps(started: Callable[..., Running]) -> None:
    first = started()
    first.wait_until_ready()

    health = first.health()
    stopped = first.finish(signal.SIGINT)
    second = started()
    second.wait_until_ready()

    assert health == {"status": "ok", "web": "ok", "database": "ok", "engine": "ok"}
    assert stopped == 0
    assert re.search(r"editor@newsroom\.example, password \S{12,}", first.output)
    assert "furnishing" not in second.output
    assert "password" not in second.output
    assert second.finish(signal.SIGTERM) == 0
    assert first.listening() == second.listening() == []


def test_a_taken_port_is_one_clear_line(started: Callable[..., Running]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        running = started(SINK_HTTP_PORT=str(port))
        status = running.finish()

    assert status != 0
    assert running.output.strip() == (
        f"Cannot start: port {port} is taken by another program; "
        "stop it or set SINK_HTTP_PORT to another port."
    )


def test_a_bad_setting_is_one_clear_line(started: Callable[..., Running]) -> None:
    running = started(PUBLIC_URL="newsroom.example")

    status = running.finish()

    assert status != 0
    assert running.output.startswith("Cannot start: PUBLIC_URL: ")
    assert running.output.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_one_clear_line(
    started: Callable[..., Running], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")

    running = started(DATA_DIR=str(tmp_path / "file" / "var"), SECRET_KEY="s" * 40, ADDRESS_HASH_KEY="h" * 40)
    status = running.finish()

    assert status != 0
    assert running.output.startswith("Cannot start: the data folder ")
    assert running.output.count("\n") == 1


def test_two_equal_ports_are_one_clear_line(started: Callable[..., Running]) -> None:
    port = str(free_port())

    running = started(PORT=port, SINK_HTTP_PORT=port)
    status = running.finish()

    assert status != 0
    assert f"PORT and SINK_HTTP_PORT are both {port}" in running.output


def test_a_program_that_dies_is_started_again(started: Callable[..., Running]) -> None:
    running = started(DATABASE_URL="")
    running.wait_until_ready()
    sink = _child_of(running.process.pid, "newsletters.sink")

    os.kill(sink, signal.SIGKILL)
    wait_for(lambda: "The sink process had ended and was started again" in running.output)
    wait_for(lambda: _listens(running.ports["SINK_SMTP_PORT"]))

    assert _child_of(running.process.pid, "newsletters.sink") != sink


def test_nothing_outlives_a_killed_supervisor(started: Callable[..., Running]) -> None:
    running = started()
    running.wait_until_ready()

    running.finish(signal.SIGKILL)

    wait_for(lambda: running.listening() == [])


def _child_of(parent: int, word: str) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(int(child) for child in children if word in Path(f"/proc/{child}/cmdline").read_text())

"""Processes a drill starts, watches, freezes and kills, each with a log of its own.

A nursery forks workers from a process that has already imported everything: the same program with the same
settings, started in some hundredths of a second, so that a thousand of them can be killed in minutes.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.sink import ended

PROJECT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 60.0
POLL_SECONDS = 0.01
TCP_ESTABLISHED = "01"
READY = "worker ready"


class Program:
    """One process at a time; started again it goes on in the same log."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.command = list(command)
        self.environment = dict(environment)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0
        log.parent.mkdir(parents=True, exist_ok=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def words(self) -> str:
        """What it has logged since it was started last."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(self._began)
            return log.read().decode(errors="replace")

    def start(self) -> Self:
        """Start it, and wait for nothing."""
        self._began = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=PROJECT,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def wait_for(self, words: str, *, seconds: float = 60.0) -> Self:
        """Wait until it logs ``words``. Raises RuntimeError when it ends before."""

        def said() -> bool:
            if words in self.words():
                return True
            if not self.is_running:
                raise RuntimeError(f"{self.command[-1]} ended: {self.words()[-2000:]}")
            return False

        wait_until(said, seconds=seconds, what=f"{words!r} in {self.log.name}")
        return self

    def send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with that signal and return its exit status. Twice is harmless."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        return ended(process, within=STOP_SECONDS)

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class Nursery:
    """Forks workers. It alone may kill them, since it alone knows that a number is still theirs."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> Self:
        with (self._folder / "nursery.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.drills.nursery"],
                cwd=PROJECT,
                env={**os.environ, **self._environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._ask({})
        return self

    def spawn(self, name: str) -> int:
        """Start a worker that logs to ``name``; return its process number."""
        return int(self._ask({"spawn": str(self._folder / name)})["pid"])

    def kill(self, pid: int) -> bool:
        """Kill it as ``kill -9`` does; False where it had ended by itself."""
        return bool(self._ask({"kill": pid})["killed"])

    def words(self, name: str) -> str:
        path = self._folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """Kill whoever is left, and end."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait(STOP_SECONDS)
        process.stdout.close()

    def _ask(self, command: dict[str, object]) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the nursery ended: {self.words('nursery.log')[-2000:]}")
        return dict(json.loads(line))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def connections_to(pid: int, port: int) -> int:
    """How many connections a process has to a loopback port at this moment."""
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == TCP_ESTABLISHED and int(fields[2].rpartition(":")[2], 16) == port:
            inodes.add(fields[9])
    found = 0
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            socket = re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink()))
            found += socket is not None and socket[1] in inodes
    except OSError:  # it has just ended
        return 0
    return found


def peak_memory_bytes(pid: int) -> int:
    """The most memory a process has held, as the system counts it."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def wait_until(condition: Callable[[], object], *, seconds: float, what: str) -> float:
    """Ask again and again until it holds; how long that took. Raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began

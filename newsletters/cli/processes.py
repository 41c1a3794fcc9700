"""Child processes: started in their own sessions, watched, and stopped in order.

A child dies with its parent (Linux's parent-death signal), so that even a killed supervisor leaves
nothing running. Output goes to a log file each; its last lines are shown when a child will not start.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PR_SET_PDEATHSIG = 1  # prctl(2)
LONGEST_STOP_SECONDS = 20.0
RESTART_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0  # a child that lived this long starts over with the shortest wait


@dataclass(slots=True)
class Child:
    """One program of ours and the process that runs it at the moment."""

    name: str
    command: Sequence[str]
    log: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restarts: int = 0
    restart_at: float | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  (our own commands, no shell)
                self.command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environ},
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops all in order
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        self.started_at = time.monotonic()
        self.restart_at = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def last_words(self, lines: int = 8) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """Ask it to finish, wait, and end it if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(LONGEST_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def revive(self, now: float) -> bool:
        """Start it again after it ended by itself, a little later each time; True when it was started."""
        if self.is_running:
            return False
        if self.restart_at is None:
            self.restarts = 0 if now - self.started_at > STEADY_SECONDS else self.restarts + 1
            wait = RESTART_SECONDS[min(self.restarts, len(RESTART_SECONDS)) - 1] if self.restarts else 0.0
            self.restart_at = now + wait
        if now < self.restart_at:
            return False
        self.start()
        return True


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

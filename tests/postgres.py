"""A private PostgreSQL server for the suite: its own folder, its own free port, loopback only."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")
DURABLE = ("max_connections=200",)  # as PostgreSQL comes: what is committed is on disk


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As many different ones."""
    with ExitStack() as held:
        listeners = [held.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]


def binaries() -> Path | None:
    """The folder of PostgreSQL's server programs, the newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    if found:
        return found[0].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PrivatePostgres:
    """One server, started with ``start`` and stopped with ``stop``. PostgreSQL refuses to run as root.

    Its data lie in a temporary folder, or in one made inside ``place``.
    """

    def __init__(
        self, programs: Path, *, settings: Sequence[str] = SETTINGS, place: Path | None = None
    ) -> None:
        self._programs = programs
        self._settings = settings
        self._user = "postgres" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=place))
        self._data = self._folder / "data"
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it; the first time on a new, empty cluster."""
        if not self.is_running():  # a killed server's process number may still be somebody's
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            (self._folder / f".s.PGSQL.{self.port}.lock").unlink(missing_ok=True)
        if not self._data.exists():
            if self._user:
                shutil.chown(self._folder, self._user)
            self._run(
                "initdb", "-D", str(self._data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"
            )
        options = " ".join(f"-c {setting}" for setting in self._settings)
        listen = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self._folder}"
        )
        log = self._folder / "log"
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(log), "-o", f"{listen} {options}", "start")

    def restart(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "fast", "restart")

    def halt(self, *, mode: str = "fast") -> None:
        """Stop it and keep its data: ``fast`` in order, ``immediate`` as a crash."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-m", mode, "stop")

    def is_running(self) -> bool:
        """Whether its first process lives."""
        try:
            first = (self._data / "postmaster.pid").read_text().split()[0]
            state = Path(f"/proc/{first}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, IndexError):
            return False
        return state not in "ZX"

    def pids(self) -> list[int]:
        """All its processes, the first one first."""
        first = int((self._data / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def stop(self) -> None:
        if self.is_running():
            self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(
            command, user=self._user, cwd=self._folder, check=True, stdout=subprocess.DEVNULL, timeout=60
        )

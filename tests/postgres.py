"""A private PostgreSQL server for the suite: its own folder, its own free port, loopback only."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

LOWEST_PORT = 10_240
PATIENCE_SECONDS = 240.0

SETTINGS = (  # whatever is on this server may be lost at any moment
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=256MB",
    "autovacuum=off",
    "jit=off",
    "max_connections=200",
)
DURABLE = ("max_connections=200",)  # as PostgreSQL comes: what is committed is on disk

_claims: dict[int, socket.socket] = {}


def free_port() -> int:
    """A TCP port that nobody listens on at this moment, nor is given to anybody else while we run."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As many different ones.

    None is among those that the system hands out by itself: between the choice and the listening it would
    give it to some connection or to another test. Other processes of the suite choose otherwise.
    """
    return list(islice(filter(_is_ours, iter(_some_port, None)), count))


def give_back(ports: Iterable[int]) -> None:
    """Let others have ports that were free ones."""
    for port in ports:
        if port in _claims:
            _claims.pop(port).close()


def _some_port() -> int:
    handed_out = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(handed_out.read_text().split()[0]) if handed_out.exists() else 32768
    return random.SystemRandom().randrange(LOWEST_PORT, max(first, LOWEST_PORT + 5000))


def _is_ours(port: int) -> bool:
    """Take a port, for as long as this process lives, where nobody listens and nobody has taken it."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0newsletters-port-{port}")
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
    except OSError:
        claim.close()
        return False
    _claims[port] = claim
    return True


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
        """Start it; the first time on a new, empty cluster, of which a failure leaves nothing behind."""
        is_new = not self._data.exists()
        try:
            self._start()
        except BaseException:
            if is_new:
                self.stop()
            raise

    def _start(self) -> None:
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
        given = ("-w", "-t", str(int(PATIENCE_SECONDS / 2)), "-l", str(log), "-o", f"{listen} {options}")
        self._run("pg_ctl", "-D", str(self._data), *given, "start")

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
        with (self._folder / "said").open("wb") as said:  # no pipe: the server would keep it open
            done = subprocess.run(
                command,
                user=self._user,
                cwd=self._folder,
                check=False,
                stdout=said,
                stderr=said,
                timeout=PATIENCE_SECONDS,
            )
        if done.returncode:
            files = [path for path in (self._folder / "said", self._folder / "log") if path.exists()]
            words = "".join(path.read_text(errors="replace") for path in files)
            raise RuntimeError(f"{program} failed with status {done.returncode}: {words[-2000:]}")

"""Where the newsroom's rows lie: SQLite files, or a private PostgreSQL server as one would run it.

Databases that take long to build are kept in a folder and copied for each use. Their name says which code
built them, so that none outlives a change of the schema.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from sqlalchemy import create_engine, text

from benchmarks.processes import cpu_seconds
from newsletters.kernel.db import Database
from newsletters.migrations import upgrade
from tests.postgres import binaries, free_port

ROOT = Path(__file__).parent.parent
BUILDERS = (
    "newsletters/migrations/versions/*.py",
    "newsletters/*/models.py",
    "benchmarks/newsroom.py",
    "benchmarks/archive.py",
)
# Like a small production server: every commit is on the disk.
POSTGRES_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "max_connections": "200",
}
Build = Callable[[Database], None]


class Store(Protocol):
    """A kind of database."""

    name: str

    def kept(self, name: str, build: Build) -> str:
        """The URL of a migrated database that ``build`` has filled, now or in an earlier run."""

    def copy(self, name: str, build: Build) -> "_Copy":
        """A copy of that, gone after the block."""

    def cpu_seconds(self) -> float:
        """What the database's own processes have cost."""


class _Copy(Protocol):
    def __enter__(self) -> str: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None: ...


class SqliteStore:
    """One file a database."""

    name = "SQLite"

    def __init__(self, cache: Path) -> None:
        self._folder = cache / "sqlite"
        self._folder.mkdir(parents=True, exist_ok=True)

    def kept(self, name: str, build: Build) -> str:
        path = self._folder / f"{name}-{fingerprint()}.sqlite3"
        if not path.exists():
            for stale in self._folder.glob(f"{name}-*"):
                stale.unlink()
            unfinished = path.with_suffix(".unfinished")
            _fill(f"sqlite:///{unfinished}", build)
            unfinished.rename(path)
            for left in self._folder.glob(f"{unfinished.name}-*"):
                left.unlink()  # such as the queue of those who wrote to it
        return f"sqlite:///{path}"

    @contextmanager
    def copy(self, name: str, build: Build) -> Iterator[str]:
        path = self._folder / "in-use.sqlite3"
        shutil.copyfile(self.kept(name, build).removeprefix("sqlite:///"), path)
        yield f"sqlite:///{path}"
        for left in self._folder.glob("in-use*"):
            left.unlink()

    def cpu_seconds(self) -> float:
        return 0.0  # its work is done in the processes that use it


class PostgresStore:
    """A private server with its data in the cache; PostgreSQL refuses to run as root."""

    name = "PostgreSQL"

    def __init__(self, cache: Path, programs: Path) -> None:
        self._programs = programs
        self._folder = cache / f"postgresql-{programs.parent.name}"
        self._data = self._folder / "data"
        self._user = _unprivileged() if os.geteuid() == 0 else None
        self._port = free_port()

    def kept(self, name: str, build: Build) -> str:
        database = f"{name}_{fingerprint()}".replace("-", "_")
        if database not in self._databases():
            for stale in self._databases():
                if stale.startswith(f"{name}_".replace("-", "_")):
                    self._run_sql(f"DROP DATABASE {stale} WITH (FORCE)")
            self._run_sql("DROP DATABASE IF EXISTS unfinished WITH (FORCE)", "CREATE DATABASE unfinished")
            _fill(self._url("unfinished"), build)
            self._run_sql(f"ALTER DATABASE unfinished RENAME TO {database}")
        return self._url(database)

    @contextmanager
    def copy(self, name: str, build: Build) -> Iterator[str]:
        template = self.kept(name, build).rpartition("/")[2]
        drop = "DROP DATABASE IF EXISTS in_use WITH (FORCE)"
        self._run_sql(drop, f"CREATE DATABASE in_use TEMPLATE {template} STRATEGY FILE_COPY", "CHECKPOINT")
        yield self._url("in_use")
        self._run_sql(drop)

    def cpu_seconds(self) -> float:
        return cpu_seconds(int((self._data / "postmaster.pid").read_text().split()[0]))

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            shutil.chown(self._folder, self._user)
        if not self._data.exists():
            access = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
            self._run("initdb", "-D", str(self._data), *access)
        settings = {**POSTGRES_SETTINGS, "listen_addresses": "127.0.0.1", "port": str(self._port)}
        settings["unix_socket_directories"] = str(self._folder)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        log = str(self._folder / "log")
        self._stop_what_was_left()
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "300", "-l", log, "-o", options, "start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "300", "-m", "fast", "stop")

    def _stop_what_was_left(self) -> None:
        """A run that was killed leaves its server behind; no other run is in this folder now."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "-D", str(self._data), "status")
            self._run("pg_ctl", "-D", str(self._data), "-w", "-m", "fast", "stop")

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{database}"

    def _databases(self) -> list[str]:
        engine = create_engine(self._url("postgres"))
        with engine.connect() as connection:
            found = list(connection.scalars(text("SELECT datname FROM pg_database WHERE NOT datistemplate")))
        engine.dispose()
        return found

    def _run_sql(self, *statements: str) -> None:
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, user=self._user, cwd=self._folder, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def stores(cache: Path) -> Iterator[list[Store]]:
    """SQLite, and PostgreSQL, which is installed where it is missing and may be."""
    programs = binaries()
    if programs is None:
        subprocess.run(["sh", str(ROOT / ".ci/prepare")], check=True)
        programs = binaries()
    assert programs is not None
    with PostgresStore(cache, programs) as server:
        yield [SqliteStore(cache), server]


def fingerprint() -> str:
    """Which code builds and reads the databases, in ten letters."""
    digest = hashlib.sha256()
    for pattern in BUILDERS:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def _fill(url: str, build: Build) -> None:
    db = Database(url)
    upgrade(db.engine)
    build(db)
    db.close()


def _unprivileged() -> str:
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"

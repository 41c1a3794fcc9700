"""Fixtures for the whole suite: a database of its own for each test, and what is built upon it.

``TEST_DATABASE=postgresql`` runs the same tests against a private PostgreSQL server, which the first
process starts and every worker of pytest-xdist shares.
"""

import os
import shutil
import tempfile
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url

from config import Config
from newsletters.app import create_app
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.migrations import upgrade
from newsletters.runtime import Runtime, build
from tests.compiled import share
from tests.postgres import PrivatePostgres, binaries
from tests.sink import sink
from tests.talking import authority, ehlo, is_tls, talk

__all__ = ["authority", "ehlo", "is_tls", "sink", "talk"]  # fixtures of their own modules

# The same examples in every run, and none too slow: how long one takes says how busy the machine is. Whoever
# wants to look for others runs pytest with ``--hypothesis-profile=default``.
settings.register_profile(
    "suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")
share()

IN_MEMORY = Path("/dev/shm")  # noqa: S108  (every file there is made by tempfile)
ENOUGH_BYTES = 4 * 2**30
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SERVER_URL = "TEST_POSTGRES_URL"
# What these ask of the database, others ask too; what they are about is not the database.
ALIKE = frozenset(
    {
        "test_desk_access",
        "test_desk_csrf",
        "test_desk_headers",
        "test_languages",
        "test_languages_desk",
        "test_languages_whole",
        "test_macros",
        "test_mail_kinds",
        "test_public_headers",
        "test_webhooks_sns",
    }
)
KEPT_DATABASES = 2  # the last ones: what a test leaves is still hanging up
on_postgres = os.environ.get("TEST_DATABASE", "sqlite") == "postgresql"
_server: PrivatePostgres | None = None
_used: deque[str] = deque()


def pytest_configure(config: pytest.Config) -> None:
    global _server  # noqa: PLW0603  (one server for the whole run, stopped in pytest_unconfigure)
    _keep_files_in_memory()
    if not on_postgres or hasattr(config, "workerinput") or SERVER_URL in os.environ:
        return
    programs = binaries()
    if programs is None:
        raise pytest.UsageError("PostgreSQL's server is missing: apt-get install postgresql")
    _server = PrivatePostgres(programs)
    try:
        _server.start()
    except RuntimeError as error:
        raise pytest.UsageError(f"PostgreSQL's server does not start: {error}") from error
    os.environ[SERVER_URL] = _server.url


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL only what meets the database is run again, and not what asks it the same as others do."""
    if not on_postgres:
        return
    meeting = [item for item in items if _meets_postgres(item)]
    kept = set(meeting)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = meeting


def _meets_postgres(item: pytest.Item) -> bool:
    if item.get_closest_marker("sqlite") or item.path.stem in ALIKE:
        return False
    return "database_url" in getattr(item, "fixturenames", ())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where a clean machine runs the suite, a skipped test is a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    if _used:
        _drop_used(but=0)
        _server_connection().close()
    if _server is not None:
        _server.stop()


def _keep_files_in_memory() -> None:
    """Where memory is plenty, no test waits for a disk. Whoever sets TMPDIR decides themselves."""
    if "TMPDIR" in os.environ or not os.access(IN_MEMORY, os.W_OK):
        return
    if shutil.disk_usage(IN_MEMORY).free >= ENOUGH_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The suite's PostgreSQL server, also where the suite runs on SQLite; for what is of PostgreSQL alone."""
    if SERVER_URL in os.environ:
        yield os.environ[SERVER_URL]
        return
    programs = binaries()
    if programs is None:
        raise pytest.UsageError("PostgreSQL's server is missing: apt-get install postgresql")
    server = PrivatePostgres(programs)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database that tests copy: a file, or a PostgreSQL template, one per process."""
    if not on_postgres:
        path = tmp_path_factory.mktemp("template") / "migrated.sqlite3"
        _migrate(f"sqlite:///{path}")
        return str(path)
    name = f"template_{uuid.uuid4().hex}"
    _on_server(f"CREATE DATABASE {name}")
    _migrate(_database_url(name))
    return name


@contextmanager
def fresh_database(migrated: str, folder: Path) -> Iterator[str]:
    """The URL of a migrated database of its own, gone after the block."""
    if not on_postgres:
        path = folder / "newsletters.sqlite3"
        shutil.copy(migrated, path)
        yield f"sqlite:///{path}"
        return
    with _database(template=migrated) as url:
        yield url


@contextmanager
def empty_database(folder: Path) -> Iterator[str]:
    """The URL of a database with nothing in it: a file that is not there yet, or one on the server."""
    if not on_postgres:
        yield f"sqlite:///{folder / 'empty.sqlite3'}"
        return
    with _database(template="template1") as url:
        yield url


@pytest.fixture
def database_url(migrated: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database."""
    with fresh_database(migrated, tmp_path) as url:
        yield url


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def config(database_url: str, tmp_path: Path) -> Config:
    return Config.from_env(
        {
            "DATA_DIR": str(tmp_path / "var"),
            "DATABASE_URL": database_url,
            "ENGINE_URL": "memory://",
            "SECRET_KEY": "k" * 40,
            "ADDRESS_HASH_KEY": "h" * 40,
            "PUBLIC_URL": "http://localhost",
        }
    )


@pytest.fixture
def runtime(config: Config, clock: FixedClock) -> Iterator[Runtime]:
    built = build(config, clock=clock)
    yield built
    built.close()


@pytest.fixture
def db(runtime: Runtime) -> Database:
    return runtime.db


@pytest.fixture
def app(config: Config, runtime: Runtime) -> Flask:
    """The application as it runs, CSRF protection and all."""
    return create_app(config, runtime=runtime)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def _migrate(url: str) -> None:
    database = Database(url)
    upgrade(database.engine)
    database.close()


def _database_url(name: str) -> str:
    return make_url(os.environ[SERVER_URL]).set(database=name).render_as_string(hide_password=False)


@contextmanager
def _database(*, template: str) -> Iterator[str]:
    """The URL of a database of the server, dropped a little after the block.

    Dropping one that somebody is just leaving would wait for them.
    """
    name = f"test_{uuid.uuid4().hex}"
    as_files = "STRATEGY FILE_COPY" if _server_connection().info.server_version >= 150000 else ""
    _on_server(f"CREATE DATABASE {name} TEMPLATE {template} {as_files}")
    yield _database_url(name)
    _used.append(name)
    _drop_used(but=KEPT_DATABASES)


def _drop_used(*, but: int) -> None:
    while len(_used) > but:
        _on_server(f"DROP DATABASE {_used.popleft()} WITH (FORCE)")


def _on_server(statement: str) -> None:
    _server_connection().execute(statement.encode())


@cache
def _server_connection() -> psycopg.Connection:
    """One for all databases that this process makes."""
    url = make_url(os.environ[SERVER_URL]).set(drivername="postgresql")
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)

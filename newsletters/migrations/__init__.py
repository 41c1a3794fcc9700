"""Bringing a database to this version of the code, and back, with Alembic.

One at a time: of two machines that migrate at once, the second waits and then finds nothing to do. On SQLite
the writing transaction sees to that. There a table is often changed by making it anew, so foreign keys rest
meanwhile: dropping the old one would take with it whatever refers to it. They are checked before the commit.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

HERE = Path(__file__).parent
LOCK = 0x6D696772617465  # "migrate"


class BrokenReferences(Exception):
    """A migration would leave rows that refer to nothing; none of it was kept."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up; does nothing on a database that is already there."""
    with _alone(engine) as connection:
        command.upgrade(_settings(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate down; ``base`` drops everything."""
    with _alone(engine) as connection:
        command.downgrade(_settings(connection), revision)


def is_behind(engine: Engine) -> bool:
    """Whether the database lacks a migration of this code; one that is ahead of this code does not."""
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(_settings(connection))
        here = MigrationContext.configure(connection).get_current_revision()
    ours = [script.revision for script in scripts.walk_revisions()]
    return here is None or here in ours[1:]


def newest() -> str | None:
    """The version that this code's migrations lead to."""
    return ScriptDirectory(str(HERE)).get_current_head()


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    if engine.dialect.name == "sqlite":
        with _without_foreign_keys(engine) as connection, connection.begin():
            yield connection
            _check_foreign_keys(connection)
        return
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        yield connection


@contextmanager
def _without_foreign_keys(engine: Engine) -> Iterator[Connection]:
    """SQLite obeys this pragma outside of transactions only, so it goes past SQLAlchemy."""
    with engine.connect() as connection:
        driver = cast(sqlite3.Connection, connection.connection.driver_connection)
        driver.execute("PRAGMA foreign_keys=OFF").close()
        try:
            yield connection
        finally:
            driver.execute("PRAGMA foreign_keys=ON").close()


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        raise BrokenReferences(f"rows of {broken[0][0]} refer to rows of {broken[0][2]} that are not there")


def _settings(connection: Connection) -> AlembicConfig:
    settings = AlembicConfig(attributes={"connection": connection})
    settings.set_main_option("script_location", str(HERE))
    return settings

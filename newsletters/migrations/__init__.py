"""Bringing a database to this version of the code, and back, with Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, Engine

HERE = Path(__file__).parent


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrate up; does nothing on a database that is already there."""
    with engine.begin() as connection:
        command.upgrade(_settings(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Migrate down; ``base`` drops everything."""
    with engine.begin() as connection:
        command.downgrade(_settings(connection), revision)


def _settings(connection: Connection) -> AlembicConfig:
    settings = AlembicConfig(attributes={"connection": connection})
    settings.set_main_option("script_location", str(HERE))
    return settings

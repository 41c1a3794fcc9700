"""The migrations make exactly the tables the models describe, and take them away again."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from newsletters.kernel.db import Database
from newsletters.migrations import downgrade, upgrade
from newsletters.schema import metadata


def test_a_migrated_database_equals_the_models(db: Database) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        differences = compare_metadata(context, metadata)

    assert differences == []


def test_down_and_up_again_leaves_the_same_tables(db: Database) -> None:
    before = set(inspect(db.engine).get_table_names())

    downgrade(db.engine, "base")
    between = set(inspect(db.engine).get_table_names())
    upgrade(db.engine)

    assert between == {"alembic_version"}
    assert set(inspect(db.engine).get_table_names()) == before

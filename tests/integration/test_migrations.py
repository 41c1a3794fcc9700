"""The migrations make exactly the tables the models describe, and take them away again."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from newsletters.delivery.models import Batch, Delivery
from newsletters.kernel.db import Database
from newsletters.migrations import HERE, BrokenReferences, downgrade, is_behind, upgrade
from newsletters.publishing.models import IssueRevision
from newsletters.schema import metadata
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter, make_subscriber, make_subscription

KEPT = (
    "newsletters",
    "optin_wordings",
    "issues",
    "issue_revisions",
    "batches",
    "deliveries",
    "subscribers",
    "subscriptions",
)


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


def test_each_step_down_and_up_again_keeps_what_there_was(db: Database) -> None:
    _furnish(db)
    before = _rows(db)
    steps = [script.revision for script in ScriptDirectory(str(HERE)).walk_revisions()]

    counted = []
    for step in steps[1:]:
        downgrade(db.engine, step)
        counted.append(_rows(db))
    for step in reversed(steps[:-1]):
        upgrade(db.engine, step)
        counted.append(_rows(db))

    assert steps[-1] == "0001"
    assert before == dict.fromkeys(KEPT, 1)
    assert all(rows == before for rows in counted)
    assert not is_behind(db.engine)


def test_on_sqlite_a_migration_that_would_leave_loose_ends_is_taken_back(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'newsletters.sqlite3'}")
    upgrade(db.engine)
    _furnish(db)
    with closing(sqlite3.connect(db.url.database or "")) as careless, careless:
        careless.execute("DELETE FROM issues")

    with pytest.raises(BrokenReferences, match=r"refer to rows of issues"):
        downgrade(db.engine, "0001")

    assert not is_behind(db.engine)
    db.close()


def _furnish(db: Database) -> None:
    """A row in every table that others refer to, and one that refers to it."""
    with db.transaction() as session:
        newsletter, subscriber = make_newsletter(session), make_subscriber(session)
        make_subscription(session, newsletter, subscriber)
        issue = make_issue(session, newsletter)
        session.add(IssueRevision(issue_id=issue.id, subject="", preheader="", body="", created_at=NOW))
        numbers = {"first_id": subscriber.id, "last_id": subscriber.id}
        session.add(Batch(issue_id=issue.id, number=0, due_at=NOW, **numbers))
        session.add(Delivery(issue_id=issue.id, subscriber_id=subscriber.id))


def _rows(db: Database) -> dict[str, int]:
    with db.engine.connect() as connection:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
            for table in KEPT
        }

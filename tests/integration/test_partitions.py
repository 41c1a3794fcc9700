"""The statements of docs/scaling.md that cut the deliveries into partitions: run as they stand there."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from config import Config
from newsletters.delivery import counts
from newsletters.delivery.models import DeliveryState
from newsletters.kernel.db import Database
from newsletters.migrations import upgrade
from newsletters.publishing.models import IssueState, Newsletter
from tests.delivering import WorkerProcess, make_audience, schedule_issue, state_of
from tests.running import ROOT
from tests.sink import SinkProcess, wait_until

READERS = 20
STATEMENTS = dict(
    re.findall(r"```sql\n-- (\w+)[^\n]*\n(.*?)```", (ROOT / "docs/scaling.md").read_text(), re.DOTALL)
)


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """A migrated PostgreSQL database, whatever the suite runs on."""
    name = f"partitioned_{uuid.uuid4().hex}"
    server = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = Database(make_url(postgres_url).set(database=name).render_as_string(hide_password=False))
    upgrade(database.engine)
    yield database
    database.close()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def test_issues_go_out_and_are_counted_as_before_and_old_ones_keep_their_numbers(
    database: Database, sink: SinkProcess, tmp_path: Path
) -> None:
    newsletter = make_audience(database, READERS)
    config = Config.from_env(
        {
            "DATABASE_URL": database.url.render_as_string(hide_password=False),
            "SECRET_KEY": "k" * 40,
            "ADDRESS_HASH_KEY": "h" * 40,
        }
    )
    with WorkerProcess(config, sink, tmp_path / "worker"):
        old = _send(database, newsletter)
    _run(database, "cut")
    _on(database, "SELECT setval('issues_id_seq', 1000)")
    with WorkerProcess(config, sink, tmp_path / "worker"):
        new = _send(database, newsletter)
    _run(database, "next")
    where = {part: _rows(database, part) for part in ("deliveries_0", "deliveries_1000", "deliveries_other")}

    _run(database, "drop")

    assert (old, new) == (1, 1001)
    assert where == {"deliveries_0": READERS, "deliveries_1000": READERS, "deliveries_other": 0}
    assert _rows(database, "deliveries") == READERS
    with database.reading() as session:
        told = [counts.by_state(session, issue_id)[DeliveryState.ACCEPTED] for issue_id in (old, new)]
    assert told == [READERS, READERS]
    assert sink.stats()["messages"] == 2 * READERS


def _send(database: Database, newsletter: Newsletter) -> int:
    issue_id = schedule_issue(database, newsletter, at=datetime.now(UTC) - timedelta(seconds=1))
    wait_until(lambda: state_of(database, issue_id) is IssueState.SENT, timeout=60, what="the issue")
    return issue_id


def _run(database: Database, name: str) -> None:
    """Run the statements as ``psql`` would."""
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.autocommit = True
        raw.execute(STATEMENTS[name])
        raw.autocommit = False


def _on(database: Database, statement: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text(statement))


def _rows(database: Database, table: str) -> int:
    with database.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608

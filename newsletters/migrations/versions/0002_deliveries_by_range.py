"""deliveries by range: a batch owns a range of subscriber numbers, and tells how its deliveries stand

Deliveries lose the batch's number and the index by state; on SQLite the primary key becomes the table.
"""

import json
from collections import Counter
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BATCH_SIZE = 500  # for deliveries that were written without a batch
STATES = ("waiting", "accepted", "bounced", "failed", "unknown", "cancelled")
IS_OPEN = "(state = 'waiting' OR (state = 'unknown' AND next_attempt_at IS NOT NULL))"
IN_RANGE = "issue_id = :issue_id AND subscriber_id BETWEEN :first_id AND :last_id"


def upgrade() -> None:
    _add_to_issues()
    _add_to_batches()
    connection = op.get_bind()
    for (issue_id,) in connection.execute(sa.text("SELECT id FROM issues ORDER BY id")).all():
        _give_ranges(connection, issue_id)
    _narrow_deliveries()
    for batch in connection.execute(sa.text("SELECT id, issue_id, first_id, last_id FROM batches")).all():
        _count(connection, batch)
    _finish_batches()


def downgrade() -> None:
    connection = op.get_bind()
    unprepared = "SELECT count(*) FROM issues WHERE state IN ('sending', 'paused') AND frozen_at IS NULL"
    if connection.scalar(sa.text(unprepared)):
        raise RuntimeError("an issue's readers are still being written down: let that end first")
    _widen_deliveries()
    op.add_column("batches", sa.Column("in_flight_id", BigId, nullable=True))
    op.add_column("batches", sa.Column("settled", sa.Integer(), nullable=False, server_default="0"))
    for batch_id, in_flight in connection.execute(
        sa.text("SELECT id, in_flight FROM batches WHERE in_flight <> ''")
    ).all():
        connection.execute(
            sa.text("UPDATE batches SET in_flight_id = :first WHERE id = :id"),
            {"first": int(in_flight.partition(",")[0]), "id": batch_id},
        )
    op.drop_index("ix_batches_issue_id_last_id", "batches")
    with op.batch_alter_table("batches") as batches:
        batches.alter_column("settled", server_default=None)
        batches.drop_constraint(op.f("ck_batches_is_a_range"), type_="check")
        for name in ("first_id", "last_id", "in_flight", *STATES, "reasons", "accepted_in"):
            batches.drop_column(name)
    for name in ("frozen_at", "frozen_through"):  # making the table anew would take its children along
        op.execute(f"ALTER TABLE issues DROP COLUMN {name}")


def _add_to_issues() -> None:
    op.add_column("issues", sa.Column("frozen_through", BigId, nullable=False, server_default="0"))
    op.add_column("issues", sa.Column("frozen_at", UtcDateTime(), nullable=True))
    op.execute("UPDATE issues SET frozen_at = started_at")
    op.execute(
        "UPDATE issues SET frozen_through = coalesce("
        "(SELECT max(subscriber_id) FROM deliveries WHERE deliveries.issue_id = issues.id), 0)"
    )


def _add_to_batches() -> None:
    op.add_column("batches", sa.Column("first_id", BigId, nullable=True))
    op.add_column("batches", sa.Column("last_id", BigId, nullable=True))
    op.add_column("batches", sa.Column("in_flight", sa.Text(), nullable=False, server_default=""))
    for state in STATES:
        op.add_column("batches", sa.Column(state, sa.Integer(), nullable=False, server_default="0"))
    for name in ("reasons", "accepted_in"):
        op.add_column("batches", sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.execute("UPDATE batches SET in_flight = CAST(in_flight_id AS TEXT) WHERE in_flight_id IS NOT NULL")


def _give_ranges(connection: sa.Connection, issue_id: int) -> None:
    """From the deliveries' own batches, in their order; batches are cut anew around what has none."""
    rows = connection.execute(
        sa.text("SELECT subscriber_id, batch_id FROM deliveries WHERE issue_id = :id ORDER BY subscriber_id"),
        {"id": issue_id},
    )
    first_id, runs = 1, _runs([(row.subscriber_id, row.batch_id) for row in rows])
    kept = [batch_id for batch_id, _ in runs]
    if None in kept or len(set(kept)) != len(kept):
        connection.execute(sa.text("DELETE FROM batches WHERE issue_id = :id"), {"id": issue_id})
        readers = [reader for _, some in runs for reader in some]
        runs = [(None, readers[at : at + BATCH_SIZE]) for at in range(0, len(readers), BATCH_SIZE)]
    for number, (batch_id, readers) in enumerate(runs):
        values = {"id": batch_id, "issue_id": issue_id, "number": number}
        values |= {"first_id": first_id, "last_id": readers[-1]}
        connection.execute(sa.text(MAKE_BATCH if batch_id is None else SET_RANGE), values)
        first_id = readers[-1] + 1
    connection.execute(
        sa.text("DELETE FROM batches WHERE issue_id = :id AND last_id IS NULL"), {"id": issue_id}
    )


MAKE_BATCH = f"""
    INSERT INTO batches (issue_id, number, state, due_at, fence, worker, settled, first_id, last_id)
    SELECT id, :number, CASE WHEN EXISTS (SELECT 1 FROM deliveries WHERE {IN_RANGE} AND {IS_OPEN})
    THEN 'open' ELSE 'done' END, coalesce(started_at, created_at), 0, '', 0, :first_id, :last_id
    FROM issues WHERE id = :issue_id
"""  # noqa: S608
SET_RANGE = "UPDATE batches SET first_id = :first_id, last_id = :last_id WHERE id = :id"


def _runs(rows: list[tuple[int, int | None]]) -> list[tuple[int | None, list[int]]]:
    return [
        (batch_id, [reader for reader, _ in some]) for batch_id, some in groupby(rows, key=lambda row: row[1])
    ]


def _count(connection: sa.Connection, batch: Any) -> None:
    epoch = "extract(epoch FROM settled_at)"
    if connection.dialect.name == "sqlite":
        epoch = "strftime('%s', settled_at)"
    rows = connection.execute(
        sa.text(
            f"SELECT state, reason, CAST({epoch} AS BIGINT) AS second, count(*) AS readers "  # noqa: S608
            f"FROM deliveries WHERE {IN_RANGE} GROUP BY 1, 2, 3"
        ),
        {"issue_id": batch.issue_id, "first_id": batch.first_id, "last_id": batch.last_id},
    ).all()
    states: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    seconds: Counter[int] = Counter()
    for state, reason, second, readers in rows:
        states[state] += readers
        reasons[state, reason] += readers
        if state == "accepted" and second is not None:
            seconds[second] += readers
    values = {state: states[state] for state in STATES} | {
        "id": batch.id,
        "reasons": json.dumps([[*which, readers] for which, readers in sorted(reasons.items())]),
        "accepted_in": json.dumps([[*which] for which in sorted(seconds.items())]),
    }
    sets = ", ".join(f"{name} = :{name}" for name in (*STATES, "reasons", "accepted_in"))
    if connection.dialect.name != "sqlite":
        sets = sets.replace(":reasons", "CAST(:reasons AS JSON)")
        sets = sets.replace(":accepted_in", "CAST(:accepted_in AS JSON)")
    connection.execute(sa.text(f"UPDATE batches SET {sets} WHERE id = :id"), values)  # noqa: S608


def _finish_batches() -> None:
    with op.batch_alter_table("batches") as batches:
        batches.drop_column("in_flight_id")
        batches.drop_column("settled")
        batches.alter_column("first_id", existing_type=BigId, nullable=False)
        batches.alter_column("last_id", existing_type=BigId, nullable=False)
        for name in ("in_flight", *STATES, "reasons", "accepted_in"):
            batches.alter_column(name, server_default=None)
        batches.create_check_constraint("is_a_range", "first_id <= last_id")
    op.create_index("ix_batches_issue_id_last_id", "batches", ["issue_id", "last_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE batches SET (fillfactor = 50)")


def _narrow_deliveries() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_deliveries(with_batch=False)
        return
    op.drop_index("ix_deliveries_batch_id_state_subscriber_id", "deliveries")
    op.drop_index("ix_deliveries_issue_id_state_subscriber_id", "deliveries")
    op.drop_column("deliveries", "batch_id")
    op.execute("ALTER TABLE deliveries SET (fillfactor = 50)")


def _widen_deliveries() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild_deliveries(with_batch=True)
    else:
        op.add_column("deliveries", sa.Column("batch_id", BigId, nullable=True))
        op.execute("ALTER TABLE deliveries RESET (fillfactor)")
    op.execute(
        "UPDATE deliveries SET batch_id = (SELECT batches.id FROM batches "
        "WHERE batches.issue_id = deliveries.issue_id "
        "AND deliveries.subscriber_id BETWEEN batches.first_id AND batches.last_id)"
    )
    for columns in (["batch_id", "state", "subscriber_id"], ["issue_id", "state", "subscriber_id"]):
        op.create_index(f"ix_deliveries_{'_'.join(columns)}", "deliveries", columns)


def _rebuild_deliveries(*, with_batch: bool) -> None:
    """SQLite decides when a table is made whether its primary key is the table."""
    columns = "issue_id, subscriber_id, state, reason, attempts, next_attempt_at, settled_at, reply"
    op.create_table(
        "deliveries_new",
        sa.Column("issue_id", BigId, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        *([sa.Column("batch_id", BigId, nullable=True)] if with_batch else []),
        sa.Column(
            "state",
            sa.Enum(*STATES, name="state", native_enum=False, create_constraint=False, length=20),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("reply", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name="fk_deliveries_issue_id_issues", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issue_id", "subscriber_id", name="pk_deliveries"),
        sa.CheckConstraint(f"state IN {STATES}", name=op.f("ck_deliveries_state")),
        sqlite_with_rowid=with_batch,
    )
    op.execute(f"INSERT INTO deliveries_new ({columns}) SELECT {columns} FROM deliveries")  # noqa: S608
    op.drop_table("deliveries")
    op.rename_table("deliveries_new", "deliveries")
    op.create_index("ix_deliveries_subscriber_id", "deliveries", ["subscriber_id"])

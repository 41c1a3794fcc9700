"""The ledger's statements on SQLite: microseconds each, in one transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from sqlite3 import Cursor
from typing import Any

from newsletters.delivery.ledger_lines import BatchLine, DeliveryLine

# The state of the issue decides in the same statement what is about to leave.
_NAME = """
    UPDATE batches SET leased_until = ?, in_flight =
        CASE WHEN (SELECT state FROM issues WHERE id = batches.issue_id) = 'sending' THEN ? ELSE ? END
    WHERE id = ? AND fence = ? AND state = 'open'
    RETURNING (SELECT state FROM issues WHERE id = batches.issue_id)
"""
_SETTLE = """
    UPDATE deliveries
    SET state = ?, reason = ?, attempts = ?, next_attempt_at = ?, settled_at = ?, reply = ?
    WHERE issue_id = ? AND subscriber_id = ?
    AND (state = 'waiting' OR (state = 'unknown' AND next_attempt_at IS NOT NULL))
"""


def prepare(_cursor: Cursor) -> None:
    """Nothing: what every connection is told is enough."""


def write(
    cursor: Cursor,
    batches: Sequence[BatchLine],
    deliveries: Sequence[DeliveryLine],
    *,
    leased_until: datetime,
) -> dict[int, str]:
    """Write what is still ours; the states of the issues by batch, without the batches that are not."""
    until, states = _moment(leased_until), {}
    for line in batches:
        given = (until, line.if_sending, line.otherwise, line.batch_id, line.fence)
        row = cursor.execute(_NAME, given).fetchone()
        if row is not None:
            states[line.batch_id] = row[0]
    rows = [_row(line) for line in deliveries if line.batch_id in states]
    if rows:
        cursor.executemany(_SETTLE, rows)
    return states


def settle(cursor: Cursor, line: DeliveryLine) -> bool:
    """Write what became of one delivery that was open; say whether it was."""
    return cursor.execute(_SETTLE, _row(line)).rowcount == 1


def _row(line: DeliveryLine) -> tuple[Any, ...]:
    return (
        line.state,
        line.reason,
        line.attempts,
        _moment(line.next_attempt_at),
        _moment(line.settled_at),
        line.reply,
        line.issue_id,
        line.subscriber_id,
    )


@lru_cache(maxsize=64)  # most of a group have one moment
def _moment(at: datetime | None) -> str | None:
    """As the column type UtcDateTime writes it."""
    if at is None:
        return None
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")

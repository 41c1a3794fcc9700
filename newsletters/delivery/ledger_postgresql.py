"""The ledger's statements on PostgreSQL: one for the whole group, whatever its size, in one round trip."""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Cursor

from newsletters.delivery.ledger_lines import BatchLine, DeliveryLine

_OPEN = "(d.state = 'waiting' OR (d.state = 'unknown' AND d.next_attempt_at IS NOT NULL))"
# The state of the issue decides in the same statement what is about to leave; what is not ours any more
# is not held, and then none of its deliveries is written.
_WRITE = f"""
    WITH held AS (
        UPDATE batches AS b SET leased_until = %(until)s,
            in_flight = CASE WHEN i.state = 'sending' THEN g.if_sending ELSE g.otherwise END
        FROM unnest(%(batches)s::bigint[], %(fences)s::int[], %(if_sending)s::text[], %(otherwise)s::text[])
            AS g(id, fence, if_sending, otherwise), issues AS i
        WHERE b.id = g.id AND b.fence = g.fence AND b.state = 'open' AND i.id = b.issue_id
        RETURNING b.id, i.state
    ), settled AS (
        UPDATE deliveries AS d SET state = s.state, reason = s.reason, attempts = s.attempts,
            next_attempt_at = s.next_attempt_at, settled_at = s.settled_at, reply = s.reply
        FROM unnest(%(of)s::bigint[], %(issues)s::bigint[], %(subscribers)s::bigint[], %(states)s::text[],
            %(reasons)s::text[], %(attempts)s::int[], %(next)s::timestamptz[], %(settled)s::timestamptz[],
            %(replies)s::text[]) AS s(batch_id, issue_id, subscriber_id, state, reason, attempts,
            next_attempt_at, settled_at, reply) JOIN held ON held.id = s.batch_id
        WHERE d.issue_id = s.issue_id AND d.subscriber_id = s.subscriber_id AND {_OPEN}
    )
    SELECT id, state FROM held
"""  # noqa: S608
_SETTLE = f"""
    UPDATE deliveries AS d SET state = %s, reason = %s, attempts = %s, next_attempt_at = %s,
        settled_at = %s, reply = %s
    WHERE d.issue_id = %s AND d.subscriber_id = %s AND {_OPEN}
"""  # noqa: S608
_OF_BATCHES = ("batches", "fences", "if_sending", "otherwise")
_OF_DELIVERIES = (
    *("of", "issues", "subscribers", "states", "reasons", "attempts", "next", "settled", "replies"),
)
# A plan made while the tables were nearly empty is kept for the connection's life: it must not be a scan.
_PREPARE = "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"


def prepare(cursor: Cursor) -> None:
    """What a connection that writes nothing but the ledger is told first."""
    cursor.execute(_PREPARE)


def write(
    cursor: Cursor,
    batches: Sequence[BatchLine],
    deliveries: Sequence[DeliveryLine],
    *,
    leased_until: datetime,
) -> dict[int, str]:
    """Write what is still ours; the states of the issues by batch, without the batches that are not."""
    given: dict[str, object] = {"until": leased_until}
    given |= zip(_OF_BATCHES, map(list, zip(*batches, strict=True)), strict=True)
    columns = map(list, zip(*deliveries, strict=True)) if deliveries else ([] for _ in _OF_DELIVERIES)
    given |= zip(_OF_DELIVERIES, columns, strict=True)
    return dict(cursor.execute(_WRITE, given).fetchall())


def settle(cursor: Cursor, line: DeliveryLine) -> bool:
    """Write what became of one delivery that was open; say whether it was."""
    values = (line.state, line.reason, line.attempts, line.next_attempt_at, line.settled_at, line.reply)
    cursor.execute(_SETTLE, (*values, line.issue_id, line.subscriber_id))
    return cursor.rowcount == 1

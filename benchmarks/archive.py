"""A newsroom with a past: many readers, each with evidence of their consent, and many issues sent to all.

The first issue goes through the product's own freeze and books; its rows are then copied, issue by issue, by
the database itself. Up to a thousand messages bounced, the last issue still waits half-way, and the readers
are counted as the periodic table does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection, Table, insert, literal, select, update
from sqlalchemy.orm import Session

from benchmarks import bulk, newsroom
from benchmarks.newsroom import BEGAN
from benchmarks.stores import Build
from newsletters.bounces.models import Bounce, BounceKind
from newsletters.delivery import freeze, reconcile, tallies
from newsletters.delivery.models import Batch, BatchState, Delivery, DeliveryState
from newsletters.kernel.db import Database
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.subscribers.models import ConsentEvent, ConsentRecord
from newsletters.subscribers.standing_counts import count_anew
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason

BATCH_SIZE = 500
FEWEST_BOUNCES, MOST_BOUNCES = 60, 1000  # so that a list of them fills its page in any newsroom
ACCEPTED, REFUSED = "250 2.0.0 Ok: queued", "550 5.1.1 The address does not exist here"
TABLES: tuple[Any, ...] = (Batch, Delivery, Bounce, ConsentRecord)


@dataclass(frozen=True, slots=True)
class Past:
    """How many readers and issues there are."""

    readers: int
    issues: int

    @property
    def name(self) -> str:
        return f"archive_{self.readers}_{self.issues}"

    @property
    def build(self) -> Build:
        return partial(furnish, readers=self.readers, issues=self.issues)


def furnish(db: Database, *, readers: int, issues: int) -> None:
    """Write the newsroom and its past into an empty database."""
    newsroom.furnish(db, readers=readers)
    _write_consent(db, readers)
    bounces = min(max(FEWEST_BOUNCES, readers // 1000), MOST_BOUNCES)
    _send_first(db, one_bounces_in=readers // bounces)
    _keep_bounces(db)
    with bulk.without_indexes(db, _table(Delivery)), bulk.without_indexes(db, _table(Batch)):
        for number in range(2, issues + 1):
            _repeat_first(db, number)
    bulk.settle(db, Issue)
    with db.transaction() as session:
        _leave_half_way(session, issues)
        newsroom.draft(session, lifecycle.newsletter_of(session, session.get_one(Issue, 1)), slug="next")
        count_anew(session)
    bulk.settle(db, *TABLES)


def _write_consent(db: Database, readers: int) -> None:
    events = [
        tuple(
            bulk.stored(db, ConsentRecord, name, value) for name, value in (("event", event), ("at", BEGAN))
        )
        for event in (ConsentEvent.REQUESTED, ConsentEvent.CONFIRMED)
    ]
    page = f"{newsroom.PUBLIC_URL}/newsletters/explaining"
    rows = (
        (number, 1, "form", 1, "newsletter page", page if number % 20 else f"{page}/bridge", *event)
        for number in range(1, readers + 1)
        for event in events
    )
    columns = ("subscriber_id", "newsletter_id", "mechanism", "wording_id", "form", "page", "event", "at")
    bulk.insert(db, ConsentRecord, columns, rows)


def _send_first(db: Database, *, one_bounces_in: int) -> None:
    """Freeze the first issue as a worker would, and settle every delivery."""
    with db.transaction() as session:
        lifecycle.schedule(session, session.get_one(Issue, 1), send_at=BEGAN, editor_id=1, now=BEGAN)
    with db.transaction() as session:
        freeze.start(session, 1, batch_size=BATCH_SIZE, now=BEGAN)
    is_going_on = True
    while is_going_on:
        with db.transaction() as session:
            is_going_on = freeze.go_on(session, 1, batch_size=BATCH_SIZE, now=BEGAN)
    with db.transaction() as session:
        _settle_all(session, one_bounces_in)
        tallies.recount_all(session, 1)
        session.execute(update(Batch).values(state=BatchState.DONE))
    with db.transaction() as session:
        reconcile.finish(session, 1, now=BEGAN + timedelta(minutes=5))


def _settle_all(session: Session, one_bounces_in: int) -> None:
    """Every delivery accepted, but for one in so many."""
    settled = {"attempts": 1, "settled_at": BEGAN + timedelta(seconds=90)}
    bounced = Delivery.subscriber_id % one_bounces_in == 0
    outcomes: tuple[tuple[Any, dict[str, object]], ...] = (
        (~bounced, {"state": DeliveryState.ACCEPTED, "reply": ACCEPTED}),
        (bounced, {"state": DeliveryState.BOUNCED, "reason": "hard", "reply": REFUSED}),
    )
    for which, outcome in outcomes:
        chosen = update(Delivery).where(which).values(**settled, **outcome)
        session.execute(chosen.execution_options(synchronize_session=False))


def _keep_bounces(db: Database) -> None:
    """Each bounce as it was taken, and the address suppressed."""
    with db.transaction() as session:
        readers = list(
            session.scalars(select(Delivery.subscriber_id).where(Delivery.state == DeliveryState.BOUNCED))
        )
        bounces = [
            {"subscriber_id": reader, "issue_id": 1, "kind": BounceKind.HARD, "reply": REFUSED, "at": BEGAN}
            for reader in readers
        ]
        hashes = [
            {"address_hash": f"{reader:064x}", "reason": SuppressionReason.HARD_BOUNCE, "created_at": BEGAN}
            for reader in readers
        ]
        if readers:
            session.execute(insert(Bounce), bounces)
            session.execute(insert(Suppression), hashes)


def _repeat_first(db: Database, number: int) -> None:
    """Another issue that went as the first did."""
    at = BEGAN + timedelta(days=number)
    with db.transaction() as session:
        first = session.get_one(Issue, 1)
        columns = {column.name: getattr(first, column.name) for column in _table(Issue).columns}
        columns |= {"id": number, "slug": f"issue-{number}", "subject": f"The bridge, part {number}"}
        columns |= dict.fromkeys(_times(columns), at)
        session.execute(insert(Issue), [columns])
        connection = session.connection()
        _copy(connection, _table(Batch), number, at)
        _copy(connection, _table(Delivery), number, at)


def _times(columns: dict[str, Any]) -> Iterator[str]:
    return (name for name, value in columns.items() if isinstance(value, datetime))


def _copy(connection: Connection, table: Table, issue_id: int, at: datetime) -> None:
    changed: dict[str, Any] = {
        "issue_id": literal(issue_id),
        "settled_at": literal(at),
        "worked_at": literal(at),
    }
    columns = [column for column in table.columns if column.name != "id"]
    values = [changed.get(column.name, column) for column in columns]
    rows = select(*values).where(table.c.issue_id == 1)
    connection.execute(insert(table).from_select([column.name for column in columns], rows))


def _leave_half_way(session: Session, issue_id: int) -> None:
    """The last issue stands still with half of its readers waiting."""
    issue = session.get_one(Issue, issue_id)
    issue.state, issue.sent_at = IssueState.PAUSED, None
    issue.pause_reason, issue.paused_at = PauseReason.EDITOR, issue.started_at
    middle = session.scalars(
        select(Batch.last_id).where(Batch.issue_id == issue_id).order_by(Batch.last_id)
    ).all()
    last = middle[len(middle) // 2]
    waiting = {"state": DeliveryState.WAITING, "reason": "", "reply": "", "attempts": 0, "settled_at": None}
    for table, values in ((Delivery, waiting), (Batch, {"state": BatchState.OPEN})):
        place = Delivery.subscriber_id if table is Delivery else Batch.last_id
        chosen = update(table).where(table.issue_id == issue_id, place > last).values(**values)
        session.execute(chosen.execution_options(synchronize_session=False))
    tallies.recount_all(session, issue_id)


def _table(model: Any) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table

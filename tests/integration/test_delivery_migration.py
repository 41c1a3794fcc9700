"""What was being sent before deliveries were cut into ranges is sent on after it, and the other way round."""

from sqlalchemy import text

from newsletters.kernel.db import Database
from newsletters.migrations import downgrade, upgrade
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter

BATCHES = """
    INSERT INTO batches (id, issue_id, number, state, due_at, fence, worker, in_flight_id, settled)
    VALUES (101, :issue, 0, 'done', :now, 1, '', NULL, 2), (102, :issue, 1, 'open', :now, 3, 'w', 12, 1)
"""
DELIVERIES = """
    INSERT INTO deliveries (issue_id, subscriber_id, batch_id, state, reason, attempts, settled_at, reply)
    VALUES (:issue, 3, 101, 'accepted', '', 1, :now, '250'),
           (:issue, 7, 101, 'bounced', 'hard', 1, :now, '550'),
           (:issue, 12, 102, 'waiting', '', 0, NULL, ''), (:issue, 15, 102, 'waiting', '', 0, NULL, ''),
           (:loose, 3, NULL, 'accepted', '', 1, :now, '250')
"""
RANGES = (
    "SELECT first_id, last_id, state, in_flight, waiting, accepted, bounced "
    "FROM batches WHERE issue_id = :issue ORDER BY number"
)
FORMER = "SELECT subscriber_id, batch_id FROM deliveries WHERE issue_id = :issue ORDER BY subscriber_id"


def test_batches_get_their_ranges_and_tallies_and_give_them_back(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        issue, loose = (make_issue(session, newsletter, started_at=NOW).id for _ in range(2))
    downgrade(db.engine, "0001")
    now = NOW if not db.is_sqlite else NOW.replace(tzinfo=None).isoformat(" ")
    given = {"issue": issue, "loose": loose, "now": now}
    with db.engine.begin() as connection:
        connection.execute(text(BATCHES), {"issue": issue, "now": now})
        connection.execute(text(DELIVERIES), given)

    upgrade(db.engine)

    with db.engine.connect() as connection:
        ranges = connection.execute(text(RANGES), {"issue": issue}).all()
        gathered = connection.execute(text(RANGES), {"issue": loose}).all()
    assert [tuple(row) for row in ranges] == [(1, 7, "done", "", 0, 1, 1), (8, 15, "open", "12", 2, 0, 0)]
    assert [tuple(row) for row in gathered] == [(1, 3, "done", "", 0, 1, 0)]

    downgrade(db.engine, "0001")

    with db.engine.connect() as connection:
        former = connection.execute(text(FORMER), {"issue": issue}).all()
        begun = connection.scalar(text("SELECT in_flight_id FROM batches WHERE number = 1"))
    assert [tuple(row) for row in former] == [(3, 101), (7, 101), (12, 102), (15, 102)]
    assert begun == 12
    upgrade(db.engine)

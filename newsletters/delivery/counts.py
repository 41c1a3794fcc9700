"""How the deliveries of an issue stand: quickly, from the batches' tallies, or truly, from the rows."""

from collections import Counter
from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.delivery.batches import is_open
from newsletters.delivery.models import Batch, Delivery, DeliveryState
from newsletters.delivery.tallies import TALLIES


def by_state(session: Session, issue_id: int) -> dict[DeliveryState, int]:
    """Every state with its number of readers, noughts too; a batch in work as it was last counted."""
    return by_issue(session, [issue_id])[issue_id]


def by_issue(session: Session, issue_ids: Collection[int]) -> dict[int, dict[DeliveryState, int]]:
    """The same for several issues at once."""
    sums = (func.coalesce(func.sum(column), 0) for column in TALLIES.values())
    counted = select(Batch.issue_id, *sums).where(Batch.issue_id.in_(issue_ids)).group_by(Batch.issue_id)
    found = {row[0]: map(int, row[1:]) for row in session.execute(counted)}
    return {
        issue_id: dict(zip(TALLIES, found.get(issue_id, (0,) * len(TALLIES)), strict=True))
        for issue_id in issue_ids
    }


def reasons(session: Session, issue_id: int) -> Counter[tuple[DeliveryState, str]]:
    """How many readers share one outcome for one reason, from the tallies."""
    total: Counter[tuple[DeliveryState, str]] = Counter()
    for counted in session.scalars(select(Batch.reasons).where(Batch.issue_id == issue_id)):
        for state, reason, readers in counted:
            total[DeliveryState(str(state)), str(reason)] += int(readers)
    return total


def accepted_in(session: Session, issue_id: int) -> Counter[int]:
    """How many messages were accepted in each second, by its number since 1970."""
    total: Counter[int] = Counter()
    for counted in session.scalars(select(Batch.accepted_in).where(Batch.issue_id == issue_id)):
        for second, readers in counted:
            total[second] += readers
    return total


def all_rows(session: Session, issue_id: int) -> int:
    """How many deliveries there are, counted one by one."""
    counted = select(func.count()).select_from(Delivery).where(Delivery.issue_id == issue_id)
    return session.scalar(counted) or 0


def still_open(session: Session, issue_id: int) -> int:
    """How many deliveries want more work: waiting, or in doubt and to be retried. Counted one by one."""
    counted = select(func.count()).select_from(Delivery).where(Delivery.issue_id == issue_id, is_open())
    return session.scalar(counted) or 0

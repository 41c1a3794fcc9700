"""Cutting deliveries into batches whose ranges lie end to end."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from newsletters.delivery import tallies
from newsletters.delivery.batches import in_range, is_open
from newsletters.delivery.models import Batch, BatchState, Delivery


def ranges(
    readers: Sequence[int], first_id: int, through: int, *, size: int
) -> Iterator[tuple[int, int, int]]:
    """The first and last number of each, and how many ``readers`` it has, up to ``through``."""
    for start in range(0, len(readers), size):
        some = readers[start : start + size]
        last_id = some[-1] if start + size < len(readers) else through
        yield first_id, last_id, len(some)
        first_id = last_id + 1


def gather(session: Session, issue_id: int, *, batch_size: int, now: datetime) -> None:
    """Put deliveries that were written by other means behind an issue's last batch into batches, counted."""
    last_id = session.scalar(select(func.max(Batch.last_id)).where(Batch.issue_id == issue_id)) or 0
    number = session.scalar(select(func.count()).where(Batch.issue_id == issue_id)) or 0
    loose = select(Delivery.subscriber_id).where(
        Delivery.issue_id == issue_id, Delivery.subscriber_id > last_id
    )
    readers = session.scalars(loose.order_by(Delivery.subscriber_id)).all()
    if not readers:
        return
    for first, last, _ in ranges(readers, last_id + 1, readers[-1], size=batch_size):
        batch = Batch(issue_id=issue_id, number=number, due_at=now, first_id=first, last_id=last)
        has_open = session.scalar(select(exists().where(in_range(issue_id, first, last), is_open())))
        batch.state = BatchState.OPEN if has_open else BatchState.DONE
        session.add(batch)
        session.flush()
        tallies.recount(session, batch.id)
        number += 1

"""How the deliveries of a batch stand: counted from the rows themselves, never added to or taken from.

Whoever changes a delivery's state locks its batch first, changes the row and counts again, all in one
transaction; a worker that holds the batch counts when it hands it back. An issue to a million readers is
then told from a thousand rows.
"""

from collections import Counter
from typing import Any, Final

from sqlalchemy import BigInteger, bindparam, cast, extract, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletters.delivery.models import Batch, Delivery, DeliveryState

TALLIES: Final[dict[DeliveryState, InstrumentedAttribute[int]]] = {
    state: getattr(Batch, state.value) for state in DeliveryState
}


def batch_of(session: Session, issue_id: int, subscriber_id: int) -> Batch | None:
    """The batch that owns a delivery, locked until the transaction ends."""
    found = select(Batch).where(
        Batch.issue_id == issue_id, Batch.first_id <= subscriber_id, Batch.last_id >= subscriber_id
    )
    return session.scalars(
        found.order_by(Batch.last_id).limit(1).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def recount(session: Session, batch_id: int) -> None:
    """Count a batch that the transaction has locked."""
    batch = session.execute(
        select(Batch.issue_id, Batch.first_id, Batch.last_id).where(Batch.id == batch_id)
    ).one()
    values = counted(session, batch.issue_id, batch.first_id, batch.last_id)
    session.execute(
        update(Batch)
        .where(Batch.id == batch_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def recount_all(session: Session, issue_id: int) -> None:
    """Count every batch of an issue."""
    for batch_id in session.scalars(
        select(Batch.id).where(Batch.issue_id == issue_id).order_by(Batch.id).with_for_update()
    ).all():
        recount(session, batch_id)


def counted(session: Session, issue_id: int, first_id: int, last_id: int) -> dict[str, Any]:
    """The tallies of a range of an issue's deliveries, by column of the batch."""
    between = {"issue_id": issue_id, "first_id": first_id, "last_id": last_id}
    rows = session.connection().execute(_COUNTED, between).all()
    states: Counter[str] = Counter(dict.fromkeys(DeliveryState, 0))
    reasons: Counter[tuple[str, str]] = Counter()
    seconds: Counter[int] = Counter()
    for state, reason, at, readers in rows:
        states[state] += readers
        reasons[state, reason] += readers
        if state is DeliveryState.ACCEPTED and at is not None:
            seconds[int(at)] += readers
    return {
        **{state.value: states[state] for state in DeliveryState},
        "reasons": [[state, reason, readers] for (state, reason), readers in sorted(reasons.items())],
        "accepted_in": [[at, readers] for at, readers in sorted(seconds.items())],
    }


_SECOND: Final = cast(extract("epoch", Delivery.settled_at), BigInteger)
_COUNTED: Final = (  # built once: a worker asks for every batch that it hands back
    select(Delivery.state, Delivery.reason, _SECOND, func.count())
    .where(
        Delivery.issue_id == bindparam("issue_id"),
        Delivery.subscriber_id >= bindparam("first_id"),
        Delivery.subscriber_id <= bindparam("last_id"),
    )
    .group_by(Delivery.state, Delivery.reason, _SECOND)
)

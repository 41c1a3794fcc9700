"""The rows of the ledger as its two drivers are given them."""

from datetime import datetime
from typing import NamedTuple


class BatchLine(NamedTuple):
    """A batch in work and whom it names as on their way: if its issue still sends, and if it does not."""

    batch_id: int
    fence: int
    if_sending: str
    otherwise: str


class DeliveryLine(NamedTuple):
    """What becomes of a delivery that is open."""

    batch_id: int
    issue_id: int
    subscriber_id: int
    state: str
    reason: str
    attempts: int
    next_attempt_at: datetime | None
    settled_at: datetime | None
    reply: str

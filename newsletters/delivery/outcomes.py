"""Who the next message goes to, what became of the last one, and which go into the ledger together."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from newsletters.delivery.batches import Hold
from newsletters.delivery.models import DeliveryState


class Recipient(NamedTuple):
    """Who a message goes to, as the database had it at that moment."""

    subscriber_id: int
    subscription_id: int
    email: str
    name: str
    attempts: int
    was_in_doubt: bool
    is_fresh: bool = True


class Outcome(NamedTuple):
    """What is to be written of one delivery."""

    subscriber_id: int
    state: DeliveryState
    attempts: int
    reason: str = ""
    next_attempt_at: datetime | None = None
    settled_at: datetime | None = None
    reply: str = ""


class Refusal(NamedTuple):
    """A 5xx that settles a delivery, and what it means: ``hard``, ``soft`` or ``policy``."""

    outcome: Outcome
    kind: str


@dataclass(slots=True)
class Page:
    """What is committed of one batch at one time.

    ``begins`` may leave when this is committed and the issue still sends; ``in_flight`` are on their way
    already and not settled. ``to_check`` were read too long ago: they are looked at again.
    """

    hold: Hold
    newsletter_id: int
    outcomes: list[Outcome] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    begins: list[Recipient] = field(default_factory=list)
    in_flight: set[int] = field(default_factory=set)
    to_check: list[Recipient] = field(default_factory=list)
    stop: str = ""


class Entered(NamedTuple):
    """How a page fared: whether the issue still sends, and who must not get its message after all."""

    is_sending: bool
    struck: frozenset[int] = frozenset()

"""What a sender has in hand: batches it holds, and of each the messages that are not over."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from newsletters.delivery.batches import Hold
from newsletters.delivery.dispatch import Placed
from newsletters.delivery.mailing import Mailing
from newsletters.delivery.outcomes import Recipient
from newsletters.delivery.verdict import Judge
from newsletters.mail.letters import Letter


class Stage(IntEnum):
    """How far a message has come."""

    READ = 0  # its reader is known
    WRITING = 1
    READY = 2  # written, and waits for a server
    OFFERED = 3  # its envelope is under way, or the server waits for it
    BEGUN = 4  # it may be with the server
    OVER = 5


@dataclass(slots=True, eq=False)
class Parcel:
    """One message on its way. Also the key under which the mail servers' side knows it."""

    load: "Load"
    recipient: Recipient
    read_at: float  # on the monotonic clock
    stage: Stage = Stage.READ
    letter: Letter | None = None
    placed: "Placed[Parcel] | None" = None

    def end(self) -> None:
        """It is over, for us at least."""
        self.stage, self.letter = Stage.OVER, None
        self.load.parcels.discard(self)


@dataclass(slots=True, eq=False)
class Load:
    """A batch in hand. ``parcels`` are not over; ``in_flight`` is what the ledger names."""

    hold: Hold
    mailing: Mailing
    judge: Judge
    touched_at: float  # its lease was put off, on the monotonic clock
    counted_at: float
    parcels: set[Parcel] = field(default_factory=set)
    unwritten: deque[Parcel] = field(default_factory=deque)
    in_flight: set[int] = field(default_factory=set)
    is_standing: bool = False  # nothing more is begun
    rest: str = ""  # why no server takes mail

    @classmethod
    def of(
        cls, hold: Hold, mailing: Mailing, judge: Judge, recipients: Sequence[Recipient], *, read_at: float
    ) -> "Load":
        """A load whose readers were read just now."""
        load = cls(hold, mailing, judge, touched_at=read_at, counted_at=read_at)
        load.unwritten.extend(Parcel(load, recipient, read_at) for recipient in recipients)
        load.parcels.update(load.unwritten)
        return load

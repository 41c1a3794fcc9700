"""When a single mail may leave, and over which server: its sender asks whoever watches over the rates.

Knows no rate itself. Who decides is given by the door that sends; where nobody is, everything leaves at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Leave:
    """A mail may go ``at`` a moment that is very near, over the first of ``servers`` that can be reached.

    No names stand for all, in the order of the settings. A connection that has carried ``most`` messages of
    its ``group`` takes no more of them.
    """

    at: datetime
    servers: Sequence[str] = ()
    group: str = ""
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Later:
    """A mail is to be asked about again ``until`` then; no attempt of its reader is spent."""

    until: datetime
    why: str


class End(StrEnum):
    """What a server said of a mail that was handed to it."""

    ACCEPTED = "accepted"
    PUT_OFF = "put_off"
    REFUSED = "refused"
    LOST = "lost"  # the connection broke before it said anything


class Gatekeeper(Protocol):
    """Watches over the rates that mail must keep."""

    def ask(self, recipient: str, *, now: datetime) -> Leave | Later:
        """Whether a mail to ``recipient`` may leave."""

    def left(self, recipient: str, leave: Leave, *, server: str) -> None:
        """It was handed to ``server``, whatever that said."""

    def ended(self, recipient: str, end: End, *, server: str, now: datetime) -> None:
        """What ``server`` said is in the books."""

    def rest(self, *, now: datetime) -> None:
        """The run is over."""


class OpenGate:
    """Lets everything through."""

    def ask(self, recipient: str, *, now: datetime) -> Leave | Later:  # noqa: ARG002
        return Leave(now)

    def left(self, recipient: str, leave: Leave, *, server: str) -> None:
        pass

    def ended(self, recipient: str, end: End, *, server: str, now: datetime) -> None:
        pass

    def rest(self, *, now: datetime) -> None:
        pass

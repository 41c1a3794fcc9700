"""What all conversations of one sink share: the store, the faults, the clock and the count of connections."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from newsletters.sink.faultbook import FaultBook
from newsletters.sink.store import Received


class Keeper(Protocol):
    """Whoever keeps messages: the store."""

    def keep(self, received: Received) -> int: ...


class Hangable(Protocol):
    """A conversation, as far as the server ends it."""

    def end(self) -> None: ...


@dataclass(slots=True)
class Connections:
    """How many conversations there were, are, and were at most at one time."""

    total: int = 0
    most_open: int = 0
    open: set[Hangable] = field(default_factory=set)

    def add(self, conversation: Hangable) -> int:
        """Count one in and return its number."""
        self.total += 1
        self.open.add(conversation)
        self.most_open = max(self.most_open, len(self.open))
        return self.total

    def end_all(self) -> None:
        for conversation in tuple(self.open):
            conversation.end()

    def described(self) -> dict[str, int]:
        return {"total": self.total, "open": len(self.open), "most_open": self.most_open}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Handed to every conversation."""

    store: Keeper
    faults: FaultBook
    now: Callable[[], datetime]
    on_kept: Callable[[], None]
    max_message_bytes: int
    connections: Connections = field(default_factory=Connections)

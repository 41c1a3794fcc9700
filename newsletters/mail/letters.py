"""What a sending pool is given and what it tells: letters, and what became of each.

The pool never sends a message by itself. A letter's envelope goes ahead; ``Waiting`` says that the server
waits for the message, and only whoever holds the ledger lets it go (see exchange.py).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from newsletters.mail.replies import Reply, ServerUnavailable, SmtpError


class Letter(NamedTuple):
    """One message for one recipient. ``key`` is the caller's own and comes back with every event.

    An empty ``sender`` is the null return path. ``is_ready`` says that the message is one that
    CompiledMessage and DkimSigner made: CRLF alone ends its lines, and none begins with a dot. A connection
    that has carried ``most`` letters of this ``kind`` takes no more of them; nought sets no limit.
    """

    key: Hashable
    sender: str
    recipient: str
    message: bytes
    is_ready: bool = False
    kind: str = ""
    most: int = 0


class Waiting(NamedTuple):
    """The server said 354: commit that the message is begun, then release it, or withdraw it."""

    key: Hashable


class Settled(NamedTuple):
    """The letter is over: what the server said to it, or how it failed."""

    key: Hashable
    outcome: Reply | SmtpError


class Unopened(NamedTuple):
    """A connection to ``server`` could not be opened. No letter is to blame or touched."""

    server: str
    error: ServerUnavailable


Event = Waiting | Settled | Unopened


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a server's connections fare. ``failures`` and ``losses`` count in a row."""

    open: int
    opening: int
    busy: int
    failures: int
    losses: int
    last_error: SmtpError | None
    opens_in: float  # seconds until the next connection may be tried

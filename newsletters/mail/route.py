"""The way of single mails: over the first server, or over the next where that one cannot be reached.

Only a server that never came as far as a mail is passed over. What happened to a mail in its transaction is
that mail's own, and no other server hears of it.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from newsletters.mail.replies import Reply, ServerUnavailable
from newsletters.mail.server import SmtpServer
from newsletters.mail.smtp import Connection


class Route:
    """One connection a server, each opened when it is first needed. For one thread at a time."""

    def __init__(self, servers: Sequence[SmtpServer]) -> None:
        self._connections = [Connection(server) for server in servers]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye to all. Twice is harmless."""
        for connection in self._connections:
            connection.close()

    def send(self, *, sender: str, recipient: str, message: bytes) -> Reply:
        """As Connection.send. A server that was away is asked last from then on."""
        for connection in tuple(self._connections):
            try:
                return connection.send(sender=sender, recipient=recipient, message=message)
            except ServerUnavailable as error:
                if error.in_transaction or len(self._connections) == 1:
                    raise
                away = error
                self._connections.remove(connection)
                self._connections.append(connection)
        raise away

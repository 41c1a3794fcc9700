"""The way of single mails: over the first server, or over the next where that one cannot be reached.

Only a server that never came as far as a mail is passed over. What happened to a mail in its transaction is
that mail's own, and no other server hears of it.
"""

from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from newsletters.mail.gatekeeper import Leave
from newsletters.mail.replies import Reply, ServerUnavailable
from newsletters.mail.server import SmtpServer
from newsletters.mail.smtp import Connection


class Route:
    """One connection a server, each opened when it is first needed. For one thread at a time.

    ``used`` is the name of the server that the last mail came to.
    """

    def __init__(self, servers: Sequence[SmtpServer]) -> None:
        self._connections = [Connection(server) for server in servers]
        self._carried: Counter[tuple[str, str]] = Counter()
        self.used = ""

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

    def send(self, *, sender: str, recipient: str, message: bytes, leave: Leave | None = None) -> Reply:
        """As Connection.send, over the servers that ``leave`` names; all of them where it names none.

        A server that was away is asked last from then on where no order is given.
        """
        among = self._among(leave)
        for connection in among:
            self.used = connection.server.name
            self._count(connection, leave)
            try:
                return connection.send(sender=sender, recipient=recipient, message=message)
            except ServerUnavailable as error:
                if error.in_transaction or len(among) == 1:
                    raise
                away = error
                self._connections.remove(connection)
                self._connections.append(connection)
        raise away

    def _among(self, leave: Leave | None) -> Sequence[Connection]:
        if leave is None or not leave.servers:
            return tuple(self._connections)
        by_name = {connection.server.name: connection for connection in self._connections}
        return [by_name[name] for name in leave.servers]

    def _count(self, connection: Connection, leave: Leave | None) -> None:
        """Hang up first where the connection has carried as many of this mail's kind as it may."""
        if leave is None or leave.most is None:
            return
        key = connection.server.name, leave.group
        if self._carried[key] >= leave.most:
            connection.close()
            self._carried[key] = 0
        self._carried[key] += 1

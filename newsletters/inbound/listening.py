"""Where the mail door listens: SMTP on a port of this machine, and LMTP where it was asked for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller, UnixSocketController
from aiosmtpd.smtp import SMTP

from newsletters.inbound.door import LARGEST_MESSAGE_BYTES, LmtpDoor, MailDoor, SmtpDoor

HOST = "127.0.0.1"
SOCKET_MODE = 0o660
OPTIONS: dict[str, Any] = {
    "data_size_limit": LARGEST_MESSAGE_BYTES,
    "enable_SMTPUTF8": True,
    "ident": "newsletters",
}


class Port(Controller):
    """One of the two protocols on a port."""

    def __init__(self, kind: type[SMTP], door: MailDoor, *, host: str, port: int) -> None:
        self._kind = kind
        super().__init__(door, hostname=host, port=port, **OPTIONS)

    def factory(self) -> SMTP:
        return self._kind(self.handler, **self.SMTP_kwargs)


class SocketFile(UnixSocketController):
    """LMTP for the mail server on the same machine, which must be in the file's group."""

    def __init__(self, door: MailDoor, path: Path) -> None:
        self._path = path
        super().__init__(door, unix_socket=str(path), **OPTIONS)

    def factory(self) -> SMTP:
        return LmtpDoor(self.handler, **self.SMTP_kwargs)

    def start(self) -> None:
        """Listen; a file that a killed process left behind is in nobody's way."""
        self._path.unlink(missing_ok=True)
        super().start()
        self._path.chmod(SOCKET_MODE)

    def stop(self, no_assert: bool = False) -> None:
        super().stop(no_assert)
        self._path.unlink(missing_ok=True)


@contextmanager
def listening(door: MailDoor, *, port: int, lmtp: str) -> Iterator[None]:
    """Take mail until the block ends. ``lmtp`` is a path, a port or ``host:port``; empty for none."""
    with ExitStack() as stack:
        for controller in (Port(SmtpDoor, door, host=HOST, port=port), *_lmtp(door, lmtp)):
            controller.start()
            stack.callback(controller.stop)
        yield


def _lmtp(door: MailDoor, where: str) -> Iterator[Port | SocketFile]:
    if where.startswith("/"):
        yield SocketFile(door, Path(where))
    elif where:
        host, _, port = where.rpartition(":")
        yield Port(LmtpDoor, door, host=host.strip("[]") or HOST, port=int(port))

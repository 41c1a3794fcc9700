"""Where the mail door listens: SMTP on a port of this machine, and LMTP where it was asked for."""

import socket
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
    "ready_timeout": 60.0,  # a machine that is just starting is busy
}


class CannotListen(Exception):
    """A place where the door shall listen is not to be had; the message says which and why."""


class Port(Controller):
    """One of the two protocols on a port."""

    def __init__(self, kind: type[SMTP], door: MailDoor, *, host: str, port: int) -> None:
        self._kind = kind
        super().__init__(door, hostname=host, port=port, **OPTIONS)

    def factory(self) -> SMTP:
        return self._kind(self.handler, **self.SMTP_kwargs)

    def start(self) -> None:
        """Listen. Raises OSError at once where the port is not to be had."""
        family = socket.AF_INET6 if ":" in self.hostname else socket.AF_INET
        socket.create_server((self.hostname, self.port), family=family).close()
        super().start()


class SocketFile(UnixSocketController):
    """LMTP for the mail server on the same machine, which must be in the file's group."""

    def __init__(self, door: MailDoor, path: Path) -> None:
        self._path = path
        super().__init__(door, unix_socket=str(path), **OPTIONS)

    def factory(self) -> SMTP:
        return LmtpDoor(self.handler, **self.SMTP_kwargs)

    def start(self) -> None:
        """Listen; a file that a killed process left behind is in nobody's way. Raises OSError at once."""
        self._path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as trial:
            trial.bind(str(self._path))
        self._path.unlink()
        super().start()
        self._path.chmod(SOCKET_MODE)

    def stop(self, no_assert: bool = False) -> None:
        super().stop(no_assert)
        self._path.unlink(missing_ok=True)


@contextmanager
def listening(door: MailDoor, *, port: int, lmtp: str) -> Iterator[None]:
    """Take mail until the block ends. ``lmtp`` is a path, a port or ``host:port``; empty for none.

    Raises CannotListen.
    """
    with ExitStack() as stack:
        _start(stack, Port(SmtpDoor, door, host=HOST, port=port), f"INBOUND_PORT {port}")
        for controller in _lmtp(door, lmtp):
            _start(stack, controller, f"INBOUND_LMTP {lmtp}")
        yield


def _start(stack: ExitStack, controller: Port | SocketFile, setting: str) -> None:
    try:
        controller.start()
    except OSError as error:
        controller.loop.close()
        raise CannotListen(f"{setting} cannot be used ({error.strerror})") from error
    stack.callback(controller.stop)


def _lmtp(door: MailDoor, where: str) -> Iterator[Port | SocketFile]:
    if where.startswith("/"):
        yield SocketFile(door, Path(where))
    elif where:
        host, _, port = where.rpartition(":")
        yield Port(LmtpDoor, door, host=host.strip("[]") or HOST, port=int(port))

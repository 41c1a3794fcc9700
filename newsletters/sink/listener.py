"""Where the sink listens for SMTP, and how it pretends that nobody is there.

Refusing means a bound socket that does not listen: the kernel then refuses every connection, and no other
program can take the port meanwhile.
"""

import asyncio
import errno
import socket
from collections.abc import Callable

from newsletters.sink.settings import SinkRefused

BACKLOG = 1024


def bind(host: str, port: int, *, setting: str) -> socket.socket:
    """A bound socket that does not listen yet. Raises SinkRefused, naming the setting."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise SinkRefused(f"SINK_HOST={host} is no name or address of this machine") from error
    bound = socket.socket(*found[:3])
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(found[4])
    except OSError as error:
        bound.close()
        raise SinkRefused(_explained(error, host=host, port=port, setting=setting)) from error
    return bound


def _explained(error: OSError, *, host: str, port: int, setting: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program: end it, or set {setting} to another port"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has: set {setting} to a port above 1023"
    return f"{host} port {port} cannot be listened on ({error.strerror}): look at SINK_HOST and {setting}"


class Listener:
    """Opens and closes the SMTP port within the running event loop."""

    def __init__(self, bound: socket.socket, *, speak: Callable[[], asyncio.Protocol]) -> None:
        self._bound = bound
        self._speak = speak
        self._server: asyncio.Server | None = None
        self._turn = asyncio.Lock()
        self.host, self.port = bound.getsockname()[:2]

    async def set_refusing(self, refusing: bool) -> None:
        """Refuse connections from now on, or take them again. Twice is harmless."""
        async with self._turn:
            if refusing:
                self._close()
                return
            if self._server is None:
                loop = asyncio.get_running_loop()
                self._server = await loop.create_server(self._speak, sock=self._bound, backlog=BACKLOG)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self._bound = bind(self.host, self.port, setting="SINK_SMTP_PORT")

    def close(self) -> None:
        """Give the port back."""
        if self._server is not None:
            self._server.close()
        self._bound.close()

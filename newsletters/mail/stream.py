"""A socket that never waits: what it cannot take at once is kept and leaves when there is room.

It counts the bytes that may have left, so that its owner knows whether the end of a message is among them.
Plain sockets and TLS behave alike from outside.
"""

import socket
import ssl

READ_BYTES = 16_384
RECORD_BYTES = 16_384  # what TLS sends at a time (RFC 8446 section 5.1)


class Stream:
    """``written`` counts what was handed in, ``left`` what may be on its way."""

    __slots__ = ("_is_tls", "_unsent", "left", "sock", "wants_room", "written")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.written = 0
        self.left = 0
        self.wants_room = False  # whether the selector should say when there is room
        self._is_tls = isinstance(sock, ssl.SSLSocket)
        self._unsent = memoryview(b"")

    @property
    def unsent(self) -> int:
        """How many bytes wait for room."""
        return len(self._unsent)

    def write(self, *pieces: bytes) -> None:
        """Send what goes at once and keep the rest. Raises OSError."""
        size = sum(map(len, pieces))
        self.written += size
        if self._unsent or self._is_tls:
            self._unsent = memoryview(b"".join((self._unsent, *pieces)))
            if self._is_tls:
                self.flush()
            return
        try:
            sent = self.sock.sendmsg(pieces)
        except BlockingIOError:
            sent = 0
        self.left += sent
        if sent < size:
            self._unsent = memoryview(b"".join(pieces))[sent:]
            self.wants_room = True

    def flush(self) -> bool:
        """Send as much of the rest as goes; say whether any went. Raises OSError."""
        before, self.wants_room = len(self._unsent), False
        try:
            while self._unsent:
                self._send_some()
        except ssl.SSLWantReadError:  # a handshake inside TLS: the next read brings it on
            pass
        except (BlockingIOError, ssl.SSLWantWriteError):
            self.wants_room = True
        return len(self._unsent) < before

    def _send_some(self) -> None:
        block = self._unsent[:RECORD_BYTES] if self._is_tls else self._unsent
        if self._is_tls:  # a record that is refused may still have left in part: it counts before it is tried
            self.left = max(self.left, self.written - len(self._unsent) + len(block))
        sent = self.sock.send(block)
        self._unsent = self._unsent[sent:]
        self.left = max(self.left, self.written - len(self._unsent))

    def read(self) -> bytes | None:
        """What has come; None if nothing has, nothing at all (``b""``) when the other side has hung up.

        Raises OSError.
        """
        try:
            raw = self.sock.recv(READ_BYTES)
            while self._is_tls and raw and self._pending():  # what TLS holds, the selector does not see
                raw += self.sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        return raw

    def _pending(self) -> int:
        return self.sock.pending() if isinstance(self.sock, ssl.SSLSocket) else 0

    def close(self) -> None:
        self._unsent = memoryview(b"")
        self.sock.close()

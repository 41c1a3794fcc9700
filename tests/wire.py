"""An SMTP client that says exactly what it is told, byte by byte, and reads what really comes back."""

import socket
from types import TracebackType
from typing import Self

PATIENCE_SECONDS = 60.0


class Wire:
    """One connection. ``say`` gives the reply as a list of lines; no lines mean that the server hung up."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), PATIENCE_SECONDS)
        self._replies = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._replies.close()
        self._socket.close()

    def send(self, written: bytes) -> None:
        self._socket.sendall(written)

    def read_reply(self) -> list[bytes]:
        """All lines of one reply; an empty list when the connection is gone."""
        lines: list[bytes] = []
        try:
            while line := self._replies.readline():
                lines.append(line.rstrip(b"\r\n"))
                if line[3:4] != b"-":
                    return lines
        except ConnectionError:
            pass
        return lines

    def say(self, line: str) -> list[bytes]:
        """Send one command and read its reply."""
        self.send(line.encode() + b"\r\n")
        return self.read_reply()

    def code(self, line: str) -> int:
        """Send one command; the code of its reply, 0 when the connection is gone."""
        reply = self.say(line)
        return int(reply[-1][:3]) if reply else 0

    def greet(self) -> Self:
        """Read the greeting and say EHLO."""
        self.read_reply()
        self.say("EHLO client.example")
        return self

    def address(self, *recipients: str, options: str = "") -> Self:
        """MAIL, RCPT and DATA, all of which must be taken."""
        assert self.code(f"MAIL FROM:<news@newsroom.example>{options}") == 250
        assert [self.code(f"RCPT TO:<{each}>") for each in recipients] == [250] * len(recipients)
        assert self.code("DATA") == 354
        return self

    def send_message(self, content: bytes) -> list[bytes]:
        """Send the content, which ends in CRLF or is empty, with dots stuffed and the final dot."""
        stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
        self.send(stuffed + b".\r\n")
        return self.read_reply()

    def deliver(self, *recipients: str, content: bytes = b"Subject: Hello\r\n\r\nHello.\r\n") -> list[bytes]:
        """One whole transaction; the reply to the final dot."""
        return self.address(*recipients).send_message(content)

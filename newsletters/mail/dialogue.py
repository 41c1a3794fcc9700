"""One SMTP connection: smtplib's connecting, TLS and AUTH, with every read and write timed by its phase.

smtplib waits for ever, takes a broken reply for a code, verifies no certificate unless told to and rewrites
addresses; commands of a transaction therefore do not go through its methods. RFC 5321 section 4.5.3.2.
"""

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass

from newsletters.mail.replies import Phase, Reply

LONGEST_LINE = 2000  # what is kept of a line; RFC 5321 section 4.5.3.1.5 allows 512
LONGEST_REPLY = 1_000_000
BLOCK_BYTES = 65_536
_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait, by phase: RFC 5321 section 4.5.3.2, which says nothing of connecting and of TLS."""

    connect: float = 30
    greeting: float = 300
    ehlo: float = 300
    tls: float = 60
    auth: float = 60
    mail: float = 300
    rcpt: float = 300
    data: float = 120
    body: float = 180
    dot: float = 600
    farewell: float = 5

    def of(self, phase: Phase) -> float:
        return float(getattr(self, phase.value))


class Dialogue(smtplib.SMTP):
    """A conversation that always knows its phase."""

    def __init__(self, *, helo: str, timeouts: Timeouts) -> None:
        super().__init__(local_hostname=helo, timeout=timeouts.connect)
        self.timeouts = timeouts
        self.phase = Phase.CONNECT
        self.implicit_tls: ssl.SSLContext | None = None

    def enter(self, phase: Phase) -> None:
        """Go on to ``phase`` and wait as long as it may take."""
        self.phase = phase
        if self.sock is not None:
            self.sock.settimeout(self.timeouts.of(phase))

    def open(self, host: str, port: int) -> Reply:
        """Connect and hear the greeting."""
        self._host = host  # what starttls() checks the certificate against
        return Reply.of(*self.connect(host, port))

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected = socket.create_connection((host, port), timeout)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.implicit_tls is not None:
            self.phase = Phase.TLS
            connected.settimeout(self.timeouts.tls)
            connected = self.implicit_tls.wrap_socket(connected, server_hostname=host)
        self.phase = Phase.GREETING
        connected.settimeout(self.timeouts.greeting)
        return connected

    def write(self, raw: bytes) -> None:
        """Hand ``raw`` to the network, block by block, each within the phase's time."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        if len(raw) <= BLOCK_BYTES:
            self.sock.sendall(raw)
            return
        for start in range(0, len(raw), BLOCK_BYTES):
            self.sock.sendall(raw[start : start + BLOCK_BYTES])

    def hear(self) -> Reply:
        """The next reply."""
        return Reply.of(*self.getreply())

    def getreply(self) -> tuple[int, bytes]:
        """A whole reply; (0, what came) if it is none. Raises SMTPServerDisconnected, OSError."""
        texts: list[bytes] = []
        size = 0
        while size < LONGEST_REPLY:
            line = self._line()
            size += len(line)
            found = _REPLY_LINE.fullmatch(line)
            if found is None:
                return 0, line
            texts.append((found[3] or b"").strip())
            if found[2] != b"-":
                return int(found[1]), b"\n".join(texts)
        return 0, b"a reply without end"

    def _line(self) -> bytes:
        """One line's beginning; the rest of an overlong one is read and forgotten."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        if self.file is None:
            self.file = self.sock.makefile("rb")
        line = kept = self.file.readline(LONGEST_LINE)
        read = len(kept)
        while line and not line.endswith(b"\n") and read < LONGEST_REPLY:
            line = self.file.readline(LONGEST_LINE)
            read += len(line)
        if not line:
            self.close()
            raise smtplib.SMTPServerDisconnected("the server closed the connection")
        return kept

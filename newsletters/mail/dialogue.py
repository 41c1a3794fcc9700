"""One SMTP connection: smtplib's connecting, TLS and AUTH, with every read and write timed by its phase.

smtplib waits for ever, takes a broken reply for a code, verifies no certificate unless told to and rewrites
addresses; commands of a transaction therefore do not go through its methods. RFC 5321 section 4.5.3.2.
"""

import smtplib
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass

from newsletters.mail.hearing import Hearing, Said
from newsletters.mail.replies import Phase, Reply

BLOCK_BYTES = 65_536


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
        self._hearing = Hearing()
        self._said: deque[Said] = deque()

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

    def detached(self) -> socket.socket:
        """The open socket, for somebody else to drive and to close. Raises SMTPServerDisconnected."""
        detached, self.sock = self.sock, None
        if detached is None:
            raise smtplib.SMTPServerDisconnected("closed")
        return detached

    def auth_xoauth2(self, challenge: bytes | None = None) -> str:
        """A bearer token; a challenge is the server's word on what is wrong with it, and takes no answer."""
        if challenge is not None:
            return ""
        return f"user={self.user}\1auth=Bearer {self.password}\1\1"

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
        """A whole reply within the phase's time; (0, what came) if it is none.

        Raises SMTPServerDisconnected, OSError.
        """
        if not self._said:
            self._listen()
        return self._said.popleft()

    @property
    def is_ahead(self) -> bool:
        """Whether the server has said more than it was asked for."""
        return bool(self._said) or self._hearing.is_amid

    def _listen(self) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("closed")
        patience = self.sock.gettimeout() or self.timeouts.connect
        ends_at = time.monotonic() + patience
        while not self._said:
            raw = self.sock.recv(BLOCK_BYTES)
            if not raw:
                self.close()
                raise smtplib.SMTPServerDisconnected("the server closed the connection")
            self._said += self._hearing.hear(raw)
            self._wait_until(ends_at)
        self.sock.settimeout(patience)

    def _wait_until(self, ends_at: float) -> None:
        """However the bytes drip, the whole reply is due at ``ends_at``."""
        left = ends_at - time.monotonic()
        if not self._said and left <= 0:
            raise TimeoutError
        if self.sock is not None and left > 0:
            self.sock.settimeout(left)

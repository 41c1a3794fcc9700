"""An SMTP server that says what a test tells it to, for all that a decent server never does.

Each entry of ``script`` is the whole answer to one moment of the conversation; HANG_UP closes the connection
there, SILENCE leaves the client waiting. A list gives one answer after another, the last one again and again.
"""

import socket
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

HANG_UP = b"hang up"
SILENCE = b"silence"
Answer = bytes | list[bytes]
DEFAULTS: dict[str, Answer] = {
    "GREETING": b"220 scripted.example\r\n",
    "EHLO": b"250-scripted.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 1000000\r\n",
    "HELO": b"250 scripted.example\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go ahead\r\n",
    "DOT": b"250 2.0.0 taken\r\n",
    "RSET": b"250 2.0.0 ok\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
    "STARTTLS": b"220 2.0.0 go\r\n",
    "AUTH": b"235 2.7.0 welcome\r\n",
}


class ScriptedServer:
    """Runs in a thread. ``commands`` is all it heard, ``pipelined`` those that came before an answer."""

    def __init__(
        self, script: Mapping[str, Answer] | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.script = {moment: _list(answer) for moment, answer in {**DEFAULTS, **(script or {})}.items()}
        self.tls = tls
        self.is_tls_at_once = False
        self.commands: list[str] = []
        self.pipelined: list[str] = []
        self.messages: list[bytes] = []
        self.connections = 0
        self._ended = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with closing(socket.create_connection(self._listener.getsockname())):  # wakes it from accept()
            self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connected, _ = self._listener.accept()
            if self._ended.is_set():
                connected.close()
                return
            self.connections += 1
            with suppress(OSError):  # the client going away is nothing to report
                _Talk(self, connected).run()

    def answer(self, moment: str) -> bytes:
        answers = self.script[moment]
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Talk:
    def __init__(self, server: ScriptedServer, connected: socket.socket) -> None:
        self.server = server
        self.socket = connected
        self.heard = b""

    def run(self) -> None:
        try:
            if self.server.is_tls_at_once:
                self._protect()
            self._say("GREETING")
            while line := self._line():
                self._answer(line)
        finally:
            self.socket.close()

    def _answer(self, line: str) -> None:
        verb = line.partition(" ")[0].upper()
        self.server.commands.append(line)
        if self.heard:
            self.server.pipelined.append(verb)
        self._say(verb)
        if verb == "STARTTLS" and self._said.startswith(b"220"):
            self._protect()
        if verb == "QUIT":
            raise ConnectionAbortedError
        if verb == "DATA" and self._said.startswith(b"354"):
            self._take_message()

    def _take_message(self) -> None:
        if "BODY" in self.server.script:
            self._say("BODY")
        while b"\r\n.\r\n" not in self.heard:
            self._more()
        raw, _, self.heard = self.heard.partition(b"\r\n.\r\n")
        self.server.messages.append(raw + b"\r\n")
        self._say("DOT")

    def _say(self, moment: str) -> None:
        self._said = self.server.answer(moment)
        if self._said == HANG_UP:
            raise ConnectionAbortedError
        if self._said == SILENCE:
            while True:  # until the client gives up
                self._more()
        self.socket.sendall(self._said)

    def _line(self) -> str:
        while b"\r\n" not in self.heard:
            self._more()
        line, _, self.heard = self.heard.partition(b"\r\n")
        return line.decode()

    def _more(self) -> None:
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionAbortedError
        self.heard += received

    def _protect(self) -> None:
        assert self.server.tls is not None
        self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)


def _list(answer: Answer) -> list[bytes]:
    return answer if isinstance(answer, list) else [answer]

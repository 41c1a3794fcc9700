"""An SMTP server that says what a test tells it to, for all that a decent server never does.

Each entry of ``script`` is the whole answer to one moment of the conversation; HANG_UP closes the connection
there, behind whatever stands before it; SILENCE leaves the client waiting, DEAF does not even read on, and no
more does who answers in the middle of a message (BODY). A list gives one answer after another, the last one
again and again.
"""

import socket
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from threading import Event, Thread
from types import TracebackType
from typing import NoReturn, Self

HANG_UP = b"hang up"
SILENCE = b"silence"
DEAF = b"deaf"
DRIP = b"drip by drip: "
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


def dripping(line: bytes) -> bytes:
    """The answer that says ``line`` again and again, slowly."""
    return DRIP + line


class ScriptedServer:
    """Runs in a thread. ``commands`` is all it heard, ``pipelined`` those that came before an answer."""

    def __init__(
        self, script: Mapping[str, Answer] | None = None, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.script = {moment: _list(answer) for moment, answer in {**DEFAULTS, **(script or {})}.items()}
        self.tls = tls
        self.is_tls_at_once = False
        self.is_decent = False  # refuses RCPT without a sender and DATA without a recipient, scripted or not
        self.commands: list[str] = []
        self.pipelined: list[str] = []
        self.messages: list[bytes] = []
        self.was_ahead: list[bool] = []  # whether more came behind each message before it was answered
        self.connections = 0
        self.ended = Event()
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
        self.ended.set()
        with closing(socket.create_connection(self._listener.getsockname())):  # wakes it from accept()
            self._thread.join(60)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            connected, _ = self._listener.accept()
            if self.ended.is_set():
                connected.close()
                return
            self.connections += 1
            with suppress(OSError):  # the client going away is nothing to report
                _Talk(self, connected).run()

    def answer(self, moment: str) -> bytes:
        answers = self.script.get(moment, [b"500 5.5.1 what?\r\n"])
        return answers.pop(0) if len(answers) > 1 else answers[0]


class _Talk:
    def __init__(self, server: ScriptedServer, connected: socket.socket) -> None:
        self.server = server
        self.socket = connected
        self.heard = b""
        self.lacks: set[str] = set()

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
        if self.server.is_decent and verb in self.lacks:
            self._send(b"503 5.5.1 first things first\r\n")
            return
        self._say(verb)
        self._note(verb, is_taken=self._said.startswith(b"2"))
        if verb == "STARTTLS" and self._said.startswith(b"220"):
            self._protect()
        if verb == "QUIT":
            raise ConnectionAbortedError
        if verb == "DATA" and self._said.startswith(b"354"):
            self._take_message()

    def _note(self, verb: str, *, is_taken: bool) -> None:
        if verb == "MAIL":
            self.lacks = {"DATA"} if is_taken else {"RCPT", "DATA"}
        if verb == "RCPT" and is_taken:
            self.lacks = set()

    def _take_message(self) -> None:
        if "BODY" in self.server.script:
            self._say("BODY")
            self._be_deaf()  # who read on could have the end before its answer is heard
        heard, looked_at = bytearray(self.heard), 0
        while (end := heard.find(b"\r\n.\r\n", looked_at)) < 0:
            looked_at = max(0, len(heard) - 4)
            heard += self._received()
        self.heard = bytes(heard[end + 5 :])
        self.server.messages.append(bytes(heard[: end + 2]))
        self.server.was_ahead.append(bool(self.heard))
        self._say("DOT")

    def _say(self, moment: str) -> None:
        self._said = self.server.answer(moment)
        if self._said.endswith(HANG_UP):
            self._send(self._said.removesuffix(HANG_UP))
            raise ConnectionAbortedError
        if self._said == SILENCE:
            while True:  # until the client gives up
                self._more()
        if self._said == DEAF:
            self._be_deaf()
        while self._said.startswith(DRIP):  # until the client gives up
            self.socket.sendall(self._said.removeprefix(DRIP))
            self.server.ended.wait(0.05)
        self._send(self._said)

    def _be_deaf(self) -> NoReturn:
        self.server.ended.wait(60)
        raise ConnectionAbortedError

    def _send(self, said: bytes) -> None:
        self._said = said
        self.socket.sendall(said)

    def _line(self) -> str:
        while b"\r\n" not in self.heard:
            self._more()
        line, _, self.heard = self.heard.partition(b"\r\n")
        return line.decode()

    def _more(self) -> None:
        self.heard += self._received()

    def _received(self) -> bytes:
        received = self.socket.recv(65536)
        if not received:
            raise ConnectionAbortedError
        return received

    def _protect(self) -> None:
        assert self.server.tls is not None
        self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)


def _list(answer: Answer) -> list[bytes]:
    return answer if isinstance(answer, list) else [answer]

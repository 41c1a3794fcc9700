"""One conversation of the drills' sink: RFC 5321 with PIPELINING, with as little work a message as can be.

It parses what it must to count: the recipient, the Message-ID, the end of the data. It judges nothing;
wrong order and strange commands are for the sink that people look at (newsletters/sink).
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, cast

from tests.drills.fastsink.books import UNANSWERED, Writer
from tests.drills.fastsink.faults import Fault, FaultBook, Phase, garbage, long_reply

END: Final = b"\r\n.\r\n"
EXTENSIONS: Final = (b"PIPELINING", b"SIZE 52428800", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES")
_MESSAGE_ID: Final = re.compile(rb"^message-id:[ \t]*(?:\r\n[ \t]+)?([^\r\n]*)", re.IGNORECASE | re.MULTILINE)


@dataclass
class Shared:
    """What all conversations share: the books, the faults, the gate, and who talks."""

    writer: Writer
    faults: FaultBook
    chance: Random = field(default_factory=Random)
    tls: ssl.SSLContext | None = None
    allowed: int | None = None  # how many more messages may be taken; None is any number
    waiting: list["Talk"] = field(default_factory=list)
    open: set["Talk"] = field(default_factory=set)
    connections: int = 0

    def allow(self, count: int | None) -> None:
        """Let ``count`` more messages in, those first that wait."""
        self.allowed = count
        waiting, self.waiting = self.waiting, []
        for talk in waiting:
            talk.try_gate()

    def take_credit(self) -> bool:
        if self.allowed is None:
            return True
        if self.allowed <= 0:
            return False
        self.allowed -= 1
        return True


_VIEW: Final = memoryview(bytearray(1 << 18))  # one for all: filled and handed over before the next is


class Talk(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self.number = shared.connections = shared.connections + 1
        self.transport: asyncio.Transport
        self.is_open = False
        self.is_tls = False
        self.is_held = False
        self.in_data = False
        self.searched = 0
        self.heard = bytearray()
        self.replies: list[bytes] = []
        self.recipient = b""
        self.domain = ""
        self.message_id = b""
        self.size = 0
        self.late: Fault | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.is_open = True
        self.shared.open.add(self)
        if not self.is_tls:
            self._answer("greeting", b"220 drills.example ESMTP\r\n")
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.is_open = False
        self.shared.open.discard(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  (asyncio names it)
        return _VIEW

    def buffer_updated(self, nbytes: int) -> None:
        self.heard += _VIEW[:nbytes]
        self._go_on()

    def _go_on(self) -> None:
        while (
            self.is_open and not self.is_held and (self._take_data() if self.in_data else self._take_line())
        ):
            pass
        self._flush()

    def _flush(self) -> None:
        if self.replies and self.is_open:
            self.transport.write(b"".join(self.replies))
        self.replies.clear()

    # --- commands ---

    def _take_line(self) -> bool:
        end = self.heard.find(b"\n")
        if end < 0:
            return False
        line = bytes(self.heard[:end]).rstrip(b"\r")
        del self.heard[: end + 1]
        _COMMANDS.get(line[:4].upper(), Talk._other)(self, line)
        return True

    def _ehlo(self, _line: bytes) -> None:
        offered = [*EXTENSIONS, b"STARTTLS"] if self.shared.tls and not self.is_tls else [*EXTENSIONS]
        lines = [b"drills.example", *offered]
        said = b"".join(b"250-" + line + b"\r\n" for line in lines[:-1]) + b"250 " + lines[-1] + b"\r\n"
        self._answer("ehlo", said)

    def _mail(self, _line: bytes) -> None:
        self.recipient = b""
        self._answer("mail", b"250 2.1.0 ok\r\n")

    def _rcpt(self, line: bytes) -> None:
        recipient = line[line.find(b"<") + 1 : line.rfind(b">")]
        self.domain = recipient.rpartition(b"@")[2].decode("ascii", "replace")
        if self._answer("rcpt", b"250 2.1.5 ok\r\n"):
            self.recipient = recipient

    def _data(self, _line: bytes) -> None:
        if not self.recipient:
            self.replies.append(b"503 5.5.1 to whom?\r\n")
            return
        if self._answer("data", b"354 go ahead\r\n"):
            self.in_data, self.searched = True, 0

    def _rset(self, _line: bytes) -> None:
        self.recipient = b""
        self.replies.append(b"250 2.0.0 ok\r\n")

    def _quit(self, _line: bytes) -> None:
        self.replies.append(b"221 2.0.0 bye\r\n")
        self._flush()
        self.transport.close()
        self.is_open = False

    def _starttls(self, _line: bytes) -> None:
        if self.shared.tls is None or self.is_tls:
            self.replies.append(b"502 5.5.1 no\r\n")
            return
        fault = self.shared.faults.strike("starttls")
        if fault is not None and fault.kind != "tls":
            self._fail(fault, b"220 2.0.0 go\r\n")
            return
        self.replies.append(b"220 2.0.0 go\r\n")
        self._flush()
        self.is_held = True
        if fault is not None:
            self.transport.write(garbage(self.shared.chance))
            self.transport.close()
            return
        asyncio.get_running_loop().create_task(self._protect(self.shared.tls))

    async def _protect(self, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        try:
            protected = await loop.start_tls(self.transport, self, context, server_side=True)
        except (OSError, ssl.SSLError):
            self.is_open = False
            return
        if protected is None:
            return
        self.is_tls, self.is_held = True, False
        self.transport = protected
        self._go_on()

    def _other(self, _line: bytes) -> None:
        self.replies.append(b"250 2.0.0 ok\r\n")

    # --- data ---

    def _take_data(self) -> bool:
        is_first = self.searched == 0 and bool(self.heard)
        if is_first and (fault := self.shared.faults.strike("body", self.domain)) is not None:
            self._fail(fault, b"")
            return False
        if self.heard.startswith(b".\r\n"):
            return self._message_ended(0, 3)
        found = self.heard.find(END, max(0, self.searched - len(END)))
        if found < 0:
            self.searched = len(self.heard)
            return False
        return self._message_ended(found + 2, found + len(END))

    def _message_ended(self, size: int, end: int) -> bool:
        self.in_data, self.searched = False, 0
        self.message_id = _message_id(self.heard, size)
        self.size = size
        del self.heard[:end]
        fault = self.shared.faults.strike("dot", self.domain)
        if fault is not None and fault.kind == "slow":
            self.is_held = True
            asyncio.get_running_loop().call_later(fault.seconds, self._take_late)
            return False
        if fault is not None and fault.kind not in _LATE:
            self._fail(fault, b"250 2.0.0 taken\r\n")
            return True
        self.late = fault
        return self._pass_gate()

    def _take_late(self) -> None:
        """Decide on a message some time after its end; who hung up meanwhile leaves nothing behind."""
        if self.is_open:
            self.is_held, self.late = False, None
            self._pass_gate()
            self._go_on()

    def _pass_gate(self) -> bool:
        if self.shared.take_credit():
            self._take()
            return True
        self.is_held = True
        self.shared.waiting.append(self)
        return False

    def try_gate(self) -> None:
        """Called when the gate has opened; a client that hung up meanwhile leaves nothing behind."""
        if not self.is_open:
            return
        if not self.shared.take_credit():
            self.shared.waiting.append(self)
            return
        self.is_held = False
        self._take()
        self._go_on()

    def _take(self) -> None:
        """Enter the message into the books, and only then say so."""
        lost = self.shared.faults.strike("taken", self.domain)
        self.shared.writer.enter(
            recipient=self.recipient,
            message_id=self.message_id,
            connection=self.number,
            size=self.size,
            flags=0 if lost is None else UNANSWERED,
        )
        self.recipient = b""
        fault = lost or self.late
        if fault is None:
            self.replies.append(b"250 2.0.0 taken\r\n")
        else:
            self._fail(fault, b"250 2.0.0 taken\r\n")

    # --- answers ---

    def _answer(self, phase: Phase, usual: bytes) -> bool:
        """Say the usual thing, or what a fault makes of it; whether the command was accepted."""
        fault = self.shared.faults.strike(phase, self.domain)
        if fault is None:
            self.replies.append(usual)
            return True
        self._fail(fault, usual)
        return fault.kind in _LATE

    def _fail(self, fault: Fault, usual: bytes) -> None:
        if fault.kind == "drop":
            self._flush()
            self.transport.abort() if not usual else self.transport.close()
            self.is_open = False
        elif fault.kind == "silence":
            self.is_held = True
        elif fault.kind == "garbage":
            self.replies.append(garbage(self.shared.chance))
        elif fault.kind == "long":
            self.replies.append(long_reply(usual))
        elif fault.kind in ("slow", "drip"):
            self._delay(usual, fault)
        else:
            self._refuse(fault.kind)

    def _refuse(self, reply: str) -> None:
        self.replies.append(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            self._flush()
            self.transport.close()
            self.is_open = False

    def _delay(self, usual: bytes, fault: Fault) -> None:
        """All at once after ``seconds``, or byte by byte over them."""
        self._flush()
        self.is_held = True
        pieces = [usual] if fault.kind == "slow" else [usual[at : at + 1] for at in range(len(usual))]
        pause = fault.seconds / len(pieces)
        loop = asyncio.get_running_loop()
        for number, piece in enumerate(pieces, start=1):
            loop.call_later(pause * number, self._say_later, piece, number == len(pieces))

    def _say_later(self, piece: bytes, is_last: bool) -> None:
        if not self.is_open:
            return
        self.transport.write(piece)
        if is_last:
            self.is_held = False
            self._go_on()


_LATE: Final = frozenset({"slow", "drip", "long"})  # the command is accepted, only told oddly
_COMMANDS: Final[dict[bytes, Callable[[Talk, bytes], None]]] = {
    b"EHLO": Talk._ehlo,
    b"HELO": Talk._ehlo,
    b"MAIL": Talk._mail,
    b"RCPT": Talk._rcpt,
    b"DATA": Talk._data,
    b"RSET": Talk._rset,
    b"QUIT": Talk._quit,
    b"STAR": Talk._starttls,
}


def _message_id(heard: bytearray, size: int) -> bytes:
    """The Message-ID of the message at the beginning of ``heard``; nothing where it has none."""
    head = heard.find(b"\r\n\r\n", 0, size)
    start = heard.find(b"\nMessage-ID: ", 0, head if head >= 0 else size)
    if start >= 0:
        return bytes(heard[start + 13 : heard.find(b"\r\n", start + 13)])
    found = _MESSAGE_ID.search(bytes(heard[: head if head >= 0 else size]))
    return found[1] if found else b""

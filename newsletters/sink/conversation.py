"""One SMTP conversation: aiosmtpd's protocol, with exact addresses, exact bytes and faults on demand.

RFC 5321, with SIZE (1870), PIPELINING (2920), 8BITMIME (6152), SMTPUTF8 (6531) and enhanced codes (2034).
Only CRLF.CRLF ends a message; a bare LF is kept as it came and ends nothing. Logs no address.
"""

import asyncio
import collections
import logging
import re
import sqlite3
from collections.abc import Sequence
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from newsletters.sink import replies
from newsletters.sink.faults import Action, Fault, Stage
from newsletters.sink.header import read_identity
from newsletters.sink.reception import Reception
from newsletters.sink.store import Received

LONGEST_COMMAND_BYTES = 4096
IDLE_SECONDS = 2 * 3600.0  # longer than any fault may last
MESSAGE_END = b"\r\n.\r\n"
EMPTY_PATH = "<>"  # how aiosmtpd writes the null reverse-path
PATH = re.compile(r'<((?:"(?:[^"\\]|\\.)*"|[^<>"\s])*)>(.*)', re.DOTALL)

log = logging.getLogger(__name__)


class Conversation(SMTP):
    """The server's side of one connection."""

    command_size_limit = LONGEST_COMMAND_BYTES

    def __init__(self, reception: Reception, *, loop: asyncio.AbstractEventLoop) -> None:
        self.line_length_limit = reception.max_message_bytes  # the reader's buffer: a whole message fits
        self.command_size_limits = collections.defaultdict(lambda: LONGEST_COMMAND_BYTES)
        faults = reception.faults
        super().__init__(
            Hooks(),
            data_size_limit=None if faults.is_without("SIZE") else _size_limit(reception),
            enable_SMTPUTF8=not faults.is_without("SMTPUTF8"),
            hostname="sink.localhost",
            ident=replies.IDENT,
            timeout=IDLE_SECONDS,
            loop=loop,
        )
        self.reception = reception
        self._number = 0
        self._speaks_at_length = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._number = self.reception.connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.reception.connections.open.discard(self)
        super().connection_lost(error)

    def end(self) -> None:
        """Close the connection without a word."""
        if self.transport is not None:
            self.transport.close()

    async def hang_up(self) -> None:
        """Close the connection and do nothing more: losing it cancels this very coroutine."""
        self.end()
        await self.loop.create_future()

    async def push(self, status: str | bytes) -> None:
        reply = status.encode() if isinstance(status, str) else status
        if self._speaks_at_length and isinstance(status, str):
            reply, self._speaks_at_length = replies.at_length(status).encode(), False
        await super().push(reply)
        if reply.startswith(b"421"):  # RFC 5321 section 3.8: the server closes after it
            await self.hang_up()

    async def strike(self, stage: Stage, addresses: Sequence[str] = ()) -> str | bytes | None:
        """Let the faults of this stage happen. The reply to give instead, or None to go on."""
        for fault in self.reception.faults.strikes(stage, addresses):
            if fault.action is Action.SLOW:
                await asyncio.sleep(fault.seconds)
            elif fault.action is Action.LONG:
                self._speaks_at_length = True
            elif fault.action is Action.DROP:
                await self.hang_up()
            else:
                return _reply_of(fault)
        return None

    async def _handle_client(self) -> None:
        if (reply := await self.strike(Stage.GREET)) is not None:
            await self.push(reply)
            await self.hang_up()
        await super()._handle_client()

    async def handle_exception(self, error: Exception) -> str:
        log.error("connection %d met %s", self._number, type(error).__name__)
        return replies.CONFUSED

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Take the path exactly as it stands between the brackets; aiosmtpd's own way would rewrite it."""
        found = PATH.fullmatch(arg)
        if found is None or not _is_text(found[1]):
            return None, None
        return found[1] or EMPTY_PATH, found[2]

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802  (aiosmtpd finds it by this name)
        envelope = cast(Envelope, self.envelope)
        recipients = envelope.rcpt_tos
        if refusal := _refusal_of_data(arg, recipients) or await self.strike(Stage.DATA, recipients):
            await self.push(refusal)
            return
        await self.push(replies.GO_AHEAD)
        if self.reception.faults.strikes(Stage.BODY, recipients):
            await self._reader.read(1)  # something of the message did arrive
            await self.hang_up()
        raw = await self._read_message()
        reply = replies.TOO_BIG if raw is None else await self._take(raw, envelope)
        self.envelope = self._create_envelope()
        await self.push(reply)

    async def _read_message(self) -> bytes | None:
        """Everything before the final dot, dots unstuffed (RFC 5321 section 4.5.2); None if too long."""
        stuffed, is_whole = b"\r\n", True  # the end of the DATA line: a message may be a lone dot
        while not stuffed.endswith(MESSAGE_END):
            try:
                stuffed += await self._read_on(stuffed)
            except asyncio.LimitOverrunError as overrun:
                await self._reader.readexactly(overrun.consumed)
                stuffed, is_whole = b"", False
        content = stuffed[:-3].replace(b"\r\n.", b"\r\n")[2:]
        return content if is_whole and len(content) <= _size_limit(self.reception) else None

    async def _read_on(self, stuffed: bytes) -> bytes:
        """Read to the final dot; byte by byte as long as it may have begun within what was read before."""
        if any(stuffed.endswith(MESSAGE_END[:length]) for length in range(1, len(MESSAGE_END))):
            return await self._reader.readexactly(1)
        return await self._reader.readuntil(MESSAGE_END)

    async def _take(self, raw: bytes, envelope: Envelope) -> str | bytes:
        """Keep the message unless a fault forbids it, and say which reply it gets."""
        if (reply := await self.strike(Stage.DOT, envelope.rcpt_tos)) is not None:
            return reply
        try:
            sequence = self.reception.store.keep(self._received(raw, envelope))
        except sqlite3.Error as error:
            log.error("connection %d: not kept: %s", self._number, error)
            return replies.NOT_KEPT
        self.reception.on_kept()
        reply = await self.strike(Stage.KEPT, envelope.rcpt_tos)
        return replies.accepted(sequence) if reply is None else reply

    def _received(self, raw: bytes, envelope: Envelope) -> Received:
        mail_from = envelope.mail_from or ""
        return Received(
            received_at=self.reception.now(),
            connection=self._number,
            helo=cast(Session, self.session).host_name or "",
            mail_from="" if mail_from == EMPTY_PATH else mail_from,
            mail_options=tuple(envelope.mail_options),
            recipients=tuple(envelope.rcpt_tos),
            identity=read_identity(raw),
            raw=raw,
        )


class Hooks:
    """What the sink says to EHLO, MAIL and RCPT; aiosmtpd finds these by their names and hands over these."""

    async def handle_EHLO(  # noqa: N802
        self, server: Conversation, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> Sequence[str | bytes]:
        if (reply := await server.strike(Stage.EHLO)) is not None:
            return [reply]
        session.host_name = hostname
        offered = [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]
        return [line for line in offered if not server.reception.faults.is_without(line[4:])]

    async def handle_MAIL(  # noqa: N802
        self, server: Conversation, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str | bytes:
        if not address.isascii() and not envelope.smtp_utf8:
            return replies.NEED_SMTPUTF8
        if (reply := await server.strike(Stage.MAIL, [address])) is not None:
            return reply
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return replies.SENDER_OK

    async def handle_RCPT(  # noqa: N802
        self, server: Conversation, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str | bytes:
        if address == EMPTY_PATH:
            return replies.NO_RECIPIENT
        if not address.isascii() and not envelope.smtp_utf8:
            return replies.NEED_SMTPUTF8
        if (reply := await server.strike(Stage.RCPT, [address])) is not None:
            return reply
        envelope.rcpt_tos.append(address)
        return replies.RECIPIENT_OK


def _size_limit(reception: Reception) -> int:
    return reception.faults.size_bytes or reception.max_message_bytes


def _refusal_of_data(arg: str | None, recipients: Sequence[str]) -> str | None:
    if arg:
        return replies.DATA_TAKES_NO_ARGUMENT
    return None if recipients else replies.NEED_RECIPIENT


def _reply_of(fault: Fault) -> str | bytes:
    if fault.action is Action.GARBAGE:
        return replies.GARBAGE
    if fault.action is Action.GREYLIST:
        return replies.GREYLISTED
    return replies.refused(code=fault.code, enhanced=fault.enhanced)


def _is_text(path: str) -> bool:
    """Whether the path was whole UTF-8; aiosmtpd lets other bytes through as surrogates."""
    return not any("\ud800" <= character <= "\udfff" for character in path)

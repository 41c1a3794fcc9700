"""The mail door: conversations in SMTP and LMTP about what comes back. A thin shell; it decides nothing.

Every recipient we do not know is refused while the other server still listens (550), so nothing is ever
bounced to a forged sender, and nothing is ever answered by mail, so no loop can start (RFC 3834). 250 is
said after the commit; a database that is away is 451. In SMTP a mail has one recipient at a time, because
one reply stands for all; in LMTP each recipient has a reply of its own (RFC 2033).
"""

import asyncio
import logging
from typing import Any

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.exc import SQLAlchemyError

from newsletters.bounces.returns import Arrived
from newsletters.inbound import replies
from newsletters.inbound.destinations import Directory
from newsletters.inbound.reception import Reception
from newsletters.mail.verp import ReturnPaths
from newsletters.runtime import Runtime

LARGEST_MESSAGE_BYTES = 10 * 1024 * 1024
LONGEST_LINE = 1024 * 1024  # bounces quote mail that was never fit for SMTP; refusing them would lose them
MOST_RECIPIENTS = 50

log = logging.getLogger(__name__)


class MailDoor:
    """aiosmtpd's handler; one for all connections, in either protocol."""

    def __init__(self, runtime: Runtime, paths: ReturnPaths) -> None:
        self._reception = Reception(runtime, Directory(paths, runtime.config.mail_from))

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take one address that is ours."""
        if envelope.rcpt_tos and not isinstance(server, LMTP):
            return replies.ONE_AT_A_TIME
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return replies.TOO_MANY_RECIPIENTS
        try:
            found = await asyncio.to_thread(self._reception.find, address)
        except SQLAlchemyError:
            log.exception("a recipient cannot be looked up")
            return replies.TRY_LATER
        if found is None:
            return replies.NO_SUCH_MAILBOX
        envelope.rcpt_tos.append(address)
        return replies.OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Handle the mail for each recipient and say what became of it: a line for each in LMTP."""
        said = [await asyncio.to_thread(self._handle, server, envelope, one) for one in envelope.rcpt_tos]
        return "\r\n".join(said)

    async def handle_exception(self, error: Exception) -> str:
        """Whatever broke in the conversation: the other server keeps the mail. Nothing about it is told."""
        log.error("a conversation broke: %s", type(error).__name__)
        return replies.TRY_LATER

    def _handle(self, server: SMTP, envelope: Envelope, address: str) -> str:
        try:
            destination = self._reception.find(address)
        except SQLAlchemyError:
            log.exception("a recipient cannot be looked up")
            return replies.TRY_LATER
        if destination is None:
            return replies.NO_SUCH_MAILBOX
        content = envelope.original_content or b""
        door = "lmtp" if isinstance(server, LMTP) else "smtp"
        return self._reception.take(destination, Arrived(content, door, address, envelope.mail_from or ""))


class SmtpDoor(SMTP):
    """The SMTP side, with room for the long lines of what is sent back."""

    line_length_limit = LONGEST_LINE


class LmtpDoor(LMTP):
    """The LMTP side: after the final dot there are as many replies as recipients, whatever they say."""

    line_length_limit = LONGEST_LINE
    _owed = 1

    async def smtp_DATA(self, arg: str) -> None:
        try:
            await super().smtp_DATA(arg)
        finally:
            self._owed = 1

    async def push(self, status: Any) -> None:
        """Repeat a verdict on the whole message for each of its recipients."""
        if isinstance(status, str) and self._owed > 1 and "\r\n" not in status:
            status = "\r\n".join([status] * self._owed)
        await super().push(status)
        if isinstance(status, str) and status.startswith("354 ") and self.envelope is not None:
            self._owed = len(self.envelope.rcpt_tos)

"""The mail door: an SMTP conversation about mail that comes back to us.

It takes unsubscribes by mail (the ``mailto`` of List-Unsubscribe, RFC 2369): the signed recipient address
says which subscription ends, and neither sender nor content is believed or read. Every other recipient
is refused while the other server still listens (550), so nothing is ever bounced to a forged sender, and
nothing is ever answered by mail, so no loop can start (RFC 3834). 250 is said after the commit.
"""

import asyncio
import logging

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy.exc import SQLAlchemyError

from newsletters.inbound import replies
from newsletters.kernel.tokens import TokenExpired, TokenForeign, TokenForged
from newsletters.mail.verp import ReturnPaths, UnsubscribeRequest
from newsletters.runtime import Runtime
from newsletters.subscribers.unsubscribe import leave_by_mail

log = logging.getLogger(__name__)


class MailDoor:
    """aiosmtpd's handler; one for all connections."""

    def __init__(self, runtime: Runtime, paths: ReturnPaths) -> None:
        self._runtime = runtime
        self._paths = paths

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take one address that we signed."""
        if envelope.rcpt_tos:
            return replies.TOO_MANY_RECIPIENTS
        if self._request(address) is None:
            return replies.NO_SUCH_MAILBOX
        envelope.rcpt_tos.append(address)
        return replies.OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Do what the recipient's address says; the message itself is not looked at."""
        request = self._request(envelope.rcpt_tos[0])
        if request is None:
            return replies.NO_SUCH_MAILBOX
        try:
            await asyncio.to_thread(self._leave, request)
        except SQLAlchemyError:
            log.exception("unsubscribe by mail is put off")
            return replies.TRY_LATER
        return replies.DONE

    def _request(self, address: str) -> UnsubscribeRequest | None:
        try:
            found = self._paths.read(address, now=self._runtime.clock.now())
        except (TokenForged, TokenForeign, TokenExpired):
            return None
        return found if isinstance(found, UnsubscribeRequest) else None

    def _leave(self, request: UnsubscribeRequest) -> None:
        with self._runtime.db.transaction() as session:
            leave_by_mail(session, request.ids, now=self._runtime.clock.now())

"""Handling one accepted mail for one recipient: one use case, one transaction, one reply.

The mail is taken apart before the transaction begins. Done is said after the commit and never before. A
mistake of ours must not make a mail come again for days: what cannot be handled is put into quarantine.
"""

import logging
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from newsletters.bounces import quarantine, returns
from newsletters.bounces.letter import Letter
from newsletters.bounces.quarantined import QuarantineReason
from newsletters.bounces.returns import Arrived, Proofs
from newsletters.inbound import forwarding, replies
from newsletters.inbound.destinations import Destination, Directory, Mailbox, Room
from newsletters.inbound.forwarding import Fate
from newsletters.kernel import limits
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.mail.verp import UnsubscribeRequest
from newsletters.publishing.mailboxes import own_addresses
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.unsubscribe import leave_by_mail

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reception:
    """What the door hands mail to. Safe to share between threads."""

    runtime: Runtime
    directory: Directory

    @property
    def proofs(self) -> Proofs:
        return Proofs(self.directory.paths, self.runtime.signer, self.runtime.digester)

    def find(self, address: str) -> Destination | None:
        """What an address means. Raises SQLAlchemyError where only the database could tell."""
        signed = self.directory.signed(address, now=self.runtime.clock.now())
        if signed is not None:
            return signed
        with self.runtime.db.reading() as session:
            return self.directory.mailbox(session, address)

    def take(self, destination: Destination, mail: Arrived) -> str:
        """Handle a mail and say what became of it, as an SMTP reply."""
        try:
            return self._take(destination, mail)
        except SQLAlchemyError:
            log.exception("a mail is put off: the database does not take it")
            return replies.TRY_LATER
        except Exception:
            log.exception("a mail could not be handled; it goes into quarantine")
            return self._aside(mail)

    def _take(self, destination: Destination, mail: Arrived) -> str:
        now = self.runtime.clock.now()
        if isinstance(destination, UnsubscribeRequest):
            with self.runtime.db.transaction() as session:
                leave_by_mail(session, destination.ids, now=now)
            return replies.DONE
        letter = returns.open_letter(mail.raw)
        if isinstance(destination, Mailbox):
            return self._to_mailbox(destination, mail, letter)
        with self.runtime.db.transaction() as session:
            is_done = returns.take_returned(session, destination, mail, letter, proofs=self.proofs, now=now)
        return replies.DONE if is_done else replies.KEPT

    def _to_mailbox(self, mailbox: Mailbox, mail: Arrived, letter: Letter | None) -> str:
        if mailbox.room is Room.COMPLAINTS or (letter is not None and returns.is_complaint(letter)):
            return self._complaint(mail, letter)
        if letter is None:
            return self._aside(mail)
        with self.runtime.db.transaction() as session:
            return self._to_editors(session, mailbox, mail, letter)

    def _complaint(self, mail: Arrived, letter: Letter | None) -> str:
        now = self.runtime.clock.now()
        with self.runtime.db.transaction() as session:
            is_done = returns.take_complaint(session, mail, letter, proofs=self.proofs, now=now)
        return replies.DONE if is_done else replies.KEPT

    def _to_editors(self, session: Session, mailbox: Mailbox, mail: Arrived, letter: Letter) -> str:
        own = own_addresses(session) | {self.directory.sender.lower()}
        boxes = forwarding.editors_boxes(session, self.runtime.config.replies_to, own)
        decided = forwarding.fate(letter, sender=mail.sender, own=own)
        if decided is Fate.DROP:
            log.info("an automatic reply was dropped")
            return replies.DONE
        if decided is Fate.ASIDE or not boxes:
            returns.take_misdirected(session, mail, letter, proofs=self.proofs, now=self.runtime.clock.now())
            return replies.KEPT
        if len(mail.raw) > forwarding.LARGEST_BYTES:
            return replies.TOO_BIG
        if not self._has_room(session, mail):
            return replies.TOO_OFTEN
        self._forward(session, mailbox, mail, letter, boxes)
        return replies.DONE

    def _has_room(self, session: Session, mail: Arrived) -> bool:
        now, writer = self.runtime.clock.now(), self.runtime.digester.address(mail.sender.lower())
        return limits.hit(session, forwarding.FROM_ONE, writer, now=now) and limits.hit(
            session, forwarding.FROM_ALL, "", now=now
        )

    def _forward(
        self, session: Session, mailbox: Mailbox, mail: Arrived, letter: Letter, boxes: list[str]
    ) -> None:
        newsletter = session.get(Newsletter, mailbox.newsletter_id) if mailbox.newsletter_id else None
        name = newsletter.name if newsletter else self.runtime.config.newsroom
        params = forwarding.params(letter, mail.raw, newsletter=name)
        language = newsletter.language if newsletter else "en"
        for box in boxes:
            queue(
                session,
                QueuedMail(forwarding.MAIL_KIND, box, language, params, sender_name=name),
                now=self.runtime.clock.now(),
            )

    def _aside(self, mail: Arrived) -> str:
        try:
            with self.runtime.db.transaction() as session:
                quarantine.keep(
                    session,
                    door=mail.door,
                    why=QuarantineReason.UNREADABLE,
                    raw=mail.raw,
                    recipient=mail.recipient,
                    sender=mail.sender,
                    now=self.runtime.clock.now(),
                )
        except SQLAlchemyError:
            log.exception("a mail is put off: the database does not take it")
            return replies.TRY_LATER
        return replies.KEPT

"""Sends what waits in the outbox, one mail after another, by the ledger rule.

The next mail begins only when the outcome of the last one is committed, so a kill at any moment leaves at
most one mail in doubt; that one goes out again with the same Message-ID. Nothing is logged but ids.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event, Thread

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from newsletters.kernel.clock import Clock
from newsletters.kernel.db import Database
from newsletters.kernel.errors import DomainError
from newsletters.mail import claims
from newsletters.mail.claims import Claim
from newsletters.mail.composing import Envelope, compose
from newsletters.mail.gatekeeper import End, Gatekeeper, Later, Leave, OpenGate
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.office import Office
from newsletters.mail.outbox import ANY
from newsletters.mail.replies import InDoubt, Refused, Reply, ServerUnavailable, SmtpError
from newsletters.mail.retry import SERVER_AWAY, is_given_up, next_attempt_at
from newsletters.mail.route import Route

NOT_WANTED = "not sent: not wanted any more"
MOST_HANG_UPS = 2  # in a row, in the middle of a mail: then it is the server, not the mail
RENEW_SECONDS = claims.LEASE.total_seconds() / 4

OnRefused = Callable[[Session, OutboxMail, Reply], None]
OnAccepted = Callable[[Session, OutboxMail], None]
IsWanted = Callable[[Session, OutboxMail], bool]
log = logging.getLogger(__name__)


class ServerAway(Exception):
    """No use in trying the next mail now."""


@dataclass(slots=True)
class Sent:
    """What one run came to."""

    accepted: int = 0
    postponed: int = 0
    failed: int = 0


def never() -> bool:
    """Nobody asks to stop."""
    return False


def ignore(_session: Session, _mail: OutboxMail, _reply: Reply) -> None:
    """Nothing follows from a refusal."""


def rest(_session: Session, _mail: OutboxMail) -> None:
    """Nothing follows from a mail that was accepted."""


@dataclass(slots=True, kw_only=True)
class OutboxSender:
    """One worker's run over the outbox. What is to follow acts in the transaction that settles the mail.

    ``which`` mails are its matter; ``is_wanted`` is asked once more before each of them leaves.
    """

    db: Database
    clock: Clock
    office: Office
    connection: Route
    on_refused: OnRefused = ignore
    on_accepted: OnAccepted = rest
    which: ColumnElement[bool] = ANY
    is_wanted: IsWanted | None = None
    gate: Gatekeeper = field(default_factory=OpenGate)
    chance: Callable[[], float] = random.random
    sent: Sent = field(default_factory=Sent)
    hang_ups: int = 0

    def run(self, *, should_stop: Callable[[], bool] = never) -> Sent:
        """Send until nothing is due, the server is away, or somebody asks to stop."""
        try:
            self._send_all(should_stop)
        finally:
            self.gate.rest(now=self.clock.now())
        return self.sent

    def _send_all(self, should_stop: Callable[[], bool]) -> None:
        while not should_stop():
            with self.db.transaction(durable=False) as session:  # a claim that is lost is made again
                claim = claims.claim_next(session, which=self.which, now=self.clock.now())
            if claim is None:
                break
            try:
                with self._lease_kept(claim):
                    self._send(claim)
            except ServerAway:
                break

    def _send(self, claim: Claim) -> None:
        if not self._may_still_leave(claim):
            return
        leave = self._leave(claim)
        envelope = self._composed(claim) if leave is not None else None
        if leave is None or envelope is None:
            return
        try:
            reply = self._carry(envelope, leave)
        except Refused as error:
            self._fail(claim, error.reply, end=None if error.is_local else End.REFUSED)
        except ServerUnavailable as error:
            self._hung_up(claim, error)
        except SmtpError as error:
            self._postpone(claim, str(error), end=End.LOST if isinstance(error, InDoubt) else End.PUT_OFF)
        else:
            self._accept(claim, reply)

    def _carry(self, envelope: Envelope, leave: Leave) -> Reply:
        self.connection.used = ""
        try:
            return self.connection.send(
                sender=envelope.sender, recipient=envelope.recipient, message=envelope.message, leave=leave
            )
        finally:
            if self.connection.used:
                self.gate.left(envelope.recipient, leave, server=self.connection.used)

    def _may_still_leave(self, claim: Claim) -> bool:
        if self.is_wanted is None:
            return True
        with self.db.transaction() as session:
            if self.is_wanted(session, claim.mail):
                return True
            claims.settle(session, claim, OutboxState.FAILED, reply=NOT_WANTED, now=self.clock.now())
        return False

    def _leave(self, claim: Claim) -> Leave | None:
        """Leave to send the mail now; None where it was put off."""
        now = self.clock.now()
        leave = self.gate.ask(claim.mail.recipient, now=now)
        if isinstance(leave, Later):
            self._put_off(claim, f"waits: {leave.why}", due_at=leave.until)
            return None
        time.sleep(max(0.0, (leave.at - now).total_seconds()))
        return leave

    def _composed(self, claim: Claim) -> Envelope | None:
        mail = claim.mail
        try:
            return compose(mail, office=self.office, now=self.clock.now())
        except DomainError as error:
            log.error("mail %d (%s) cannot be sent: %s", mail.id, mail.kind, type(error).__name__)
            self._fail(claim, Reply(0, "", f"not sent: {type(error).__name__}"))
        except Exception:  # a mistake in a template must not hold up every mail behind this one
            log.exception("mail %d (%s) could not be composed", mail.id, mail.kind)
            self._postpone(claim, "could not be composed")
        return None

    def _accept(self, claim: Claim, reply: Reply) -> None:
        self.hang_ups = 0
        self.sent.accepted += 1
        self._settle(claim, OutboxState.ACCEPTED, reply, end=End.ACCEPTED)

    def _fail(self, claim: Claim, reply: Reply, *, end: End | None = None) -> None:
        self.hang_ups = 0
        self.sent.failed += 1
        self._settle(claim, OutboxState.FAILED, reply, end=end)

    def _settle(self, claim: Claim, state: OutboxState, reply: Reply, *, end: End | None) -> None:
        with self.db.transaction() as session:
            is_ours = claims.settle(session, claim, state, reply=str(reply), now=self.clock.now())
            if is_ours and end is End.REFUSED:
                self.on_refused(session, session.get_one(OutboxMail, claim.mail.id), reply)
            if is_ours and state is OutboxState.ACCEPTED:
                self.on_accepted(session, claim.mail)
        self._tell(claim, end)

    def _tell(self, claim: Claim, end: End | None) -> None:
        """Tell the gate what a server said; nothing where none was asked."""
        if end is not None:
            now = self.clock.now()
            self.gate.ended(claim.mail.recipient, end, server=self.connection.used, now=now)

    def _hung_up(self, claim: Claim, error: ServerUnavailable) -> None:
        self._postpone(claim, str(error), is_attempt=error.in_transaction)
        self.hang_ups += 1
        if not error.in_transaction or self.hang_ups >= MOST_HANG_UPS:
            raise ServerAway

    def _postpone(self, claim: Claim, why: str, *, is_attempt: bool = True, end: End | None = None) -> None:
        self._put_off(claim, why, due_at=self._next(claim, is_attempt=is_attempt), is_attempt=is_attempt)
        self._tell(claim, end)

    def _put_off(self, claim: Claim, why: str, *, due_at: datetime, is_attempt: bool = False) -> None:
        if is_given_up(claim.mail.created_at, next_at=due_at):
            self._fail(claim, Reply.of(0, f"given up: {why}"))
            return
        self.sent.postponed += 1
        with self.db.transaction() as session:
            claims.postpone(session, claim, reply=why, due_at=due_at, is_attempt=is_attempt)

    def _next(self, claim: Claim, *, is_attempt: bool) -> datetime:
        now = self.clock.now()
        if not is_attempt:
            return now + SERVER_AWAY
        return next_attempt_at(claim.mail.attempts + 1, now=now, chance=self.chance())

    @contextmanager
    def _lease_kept(self, claim: Claim) -> Iterator[None]:
        """Renew the lease for as long as the block runs: a server may take ten minutes for its last word."""
        done = Event()
        keeper = Thread(target=self._keep, args=(claim, done), name="outbox lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()

    def _keep(self, claim: Claim, done: Event) -> None:
        while not done.wait(RENEW_SECONDS):
            try:
                with self.db.transaction() as session:
                    claims.keep(session, claim, now=self.clock.now())
            except Exception:
                log.exception("the lease of mail %d could not be renewed", claim.mail.id)

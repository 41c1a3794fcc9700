"""A sender: takes a batch, sends its messages over one connection, and hands it back.

Between two messages stands one committed transaction, which settles the last and begins the next
(ledger.py). What cannot be committed stops the sender: it insists on the outcome it knows, and begins
nothing. It never waits for a server: it hands the batch back with the time it is due.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from threading import Event, Lock
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletters.delivery import absence, batches
from newsletters.delivery.batches import Claim, LeaseLost
from newsletters.delivery.holds import Holds
from newsletters.delivery.ledger import Recipient, begin_next, settle
from newsletters.delivery.mailing import Mailing, Mailings
from newsletters.delivery.models import Batch
from newsletters.delivery.retry import RetryPolicy
from newsletters.delivery.verdict import Judge, Verdict
from newsletters.kernel.clock import Clock
from newsletters.kernel.db import Database
from newsletters.kernel.errors import DomainError
from newsletters.mail.replies import Reply, SmtpError
from newsletters.mail.smtp import Connection

BATCH_SECONDS = 2.0  # however slow the server, single mails get their turn after this
MOST_DROPS = 3  # connections lost one after the other before the server counts as away
INSIST_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

log = logging.getLogger(__name__)


class Refusals(Protocol):
    """What the bounces slice knows: what a 5xx means, and what follows from it."""

    def classify(self, code: int, enhanced: str, text: str) -> str:
        """``hard``, ``soft`` or ``policy``."""

    def record(
        self, session: Session, *, subscriber_id: int, issue_id: int, kind: str, reply: str, now: datetime
    ) -> None:
        """Keep the refusal and act on it, in the transaction that settles the delivery."""


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What every batch of this process is sent with."""

    db: Database
    clock: Clock
    mailings: Mailings
    refusals: Refusals
    worker: str
    retries_doubt: bool
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    holds: Holds = field(default_factory=Holds)
    stopping: Event = field(default_factory=Event)
    chance: Random = field(default_factory=Random)
    _turn: Lock = field(default_factory=Lock)

    def send_batch(self, connection: Connection) -> bool:
        """Send one batch that is due; False where none is."""
        with self.commit() as session:
            claim = batches.claim(
                session, worker=self.worker, retries_doubt=self.retries_doubt, now=self.clock.now()
            )
        if claim is None:
            return False
        with self.holds.keeping(claim.hold):
            try:
                self._send(claim, connection)
            except LeaseLost:
                log.warning("batch %d was taken over by another worker", claim.hold.batch_id)
            except DBAPIError:
                raise
            except Exception:  # a bug must not come back every lease and take the queue with it
                log.exception("batch %d: sending broke", claim.hold.batch_id)
                self._stop(claim, "sending broke; the log of the worker says where")
        return True

    @contextmanager
    def commit(self) -> Iterator[Session]:
        """A transaction for delivery outcomes. On SQLite our own threads queue here, not in its busy wait."""
        with (
            self._turn if self.db.is_sqlite else nullcontext(),
            self.db.transaction(durable=False) as session,
        ):
            yield session

    def _send(self, claim: Claim, connection: Connection) -> None:
        try:
            with self.db.reading() as session:
                mailing = self.mailings.of(session, claim.hold.issue_id)
        except DomainError as error:
            self._stop(claim, str(error))
            return
        Run(self, claim, mailing, connection).to_its_end()

    def _stop(self, claim: Claim, why: str) -> None:
        """Pause the issue until an editor has looked; a message that was begun is in doubt."""
        now = self.clock.now()
        with self.commit() as session:
            begun = session.scalars(select(Batch.in_flight).where(Batch.id == claim.hold.batch_id)).one()
            in_flight = batches.in_flight_ids(begun)
            batches.doubt(session, claim.hold, in_flight, retries=self.retries_doubt, now=now)
            batches.hand_back(session, claim.hold, settled=0, now=now)
            absence.stop_for_content(session, claim.hold.issue_id, why=why, now=now)


class Run:
    """One batch on its way."""

    def __init__(self, sender: Sender, claim: Claim, mailing: Mailing, connection: Connection) -> None:
        self.sender = sender
        self.hold = claim.hold
        self.waiting = deque(claim.subscriber_ids)
        self.mailing = mailing
        self.connection = connection
        self.judge = Judge(sender.policy, sender.retries_doubt, mailing.started_at, sender.chance)
        self.verdict: Verdict | None = None
        self.drops = 0
        self.settled = 0
        self.ends_at = time.monotonic() + BATCH_SECONDS

    def to_its_end(self) -> None:
        """Send until the batch is empty, or must be handed back. Raises LeaseLost."""
        recipient = self._insist(self._step)
        while recipient is not None:
            self.verdict = self._attempt(recipient)
            recipient = self._insist(self._step)

    def _step(self) -> Recipient | None:
        """Commit the last outcome and either begin the next message or hand the batch back."""
        now, waiting, recipient = self.sender.clock.now(), self.waiting.copy(), None
        with self.sender.commit() as session:
            self._settle_last(session, now)
            if not self._must_stand() and not self._is_over():
                recipient = begin_next(
                    session, self.hold, waiting, newsletter_id=self.mailing.newsletter_id, now=now
                )
            if recipient is None:
                batches.hand_back(session, self.hold, settled=self.settled, now=now)
                self._stand(session, now)
        self.waiting = waiting
        return recipient

    def _settle_last(self, session: Session, now: datetime) -> None:
        verdict = self.verdict
        if verdict is None or verdict.outcome is None:
            return
        outcome = verdict.outcome
        if settle(session, self.hold, outcome) and verdict.refusal is not None:
            self.sender.refusals.record(
                session,
                subscriber_id=outcome.subscriber_id,
                issue_id=self.hold.issue_id,
                kind=outcome.reason,
                reply=outcome.reply,
                now=now,
            )

    def _attempt(self, recipient: Recipient) -> Verdict:
        now = self.sender.clock.now
        try:
            envelope = self.mailing.envelope(recipient, now=now())
            reply = self.connection.send(
                sender=envelope.sender, recipient=envelope.recipient, message=envelope.message
            )
        except SmtpError as error:
            return self._count(self._with_kind(self.judge.failed(recipient, error, now=now())))
        except DomainError as error:
            return self._count(self.judge.unwritable(recipient, error, now=now()))
        return self._count(self.judge.accepted(recipient, reply, now=now()))

    def _with_kind(self, verdict: Verdict) -> Verdict:
        """A refusal's kind decides whether the address bounced or only this mail failed."""
        if verdict.refusal is None or verdict.outcome is None:
            return verdict
        return verdict.of_kind(self._kind(verdict.refusal))

    def _kind(self, reply: Reply) -> str:
        return self.sender.refusals.classify(reply.code, reply.enhanced, reply.text)

    def _count(self, verdict: Verdict) -> Verdict:
        self.drops = self.drops + 1 if verdict.is_drop else 0
        self.settled += verdict.outcome is not None and verdict.outcome.settled_at is not None
        return verdict

    def _must_stand(self) -> bool:
        """Whether the last answer lets nobody else be tried."""
        return self.verdict is not None and bool(self._why_rest(self.verdict) or self.verdict.stop)

    def _why_rest(self, verdict: Verdict) -> str:
        if not verdict.rest and self.drops >= MOST_DROPS and verdict.outcome is not None:
            return verdict.outcome.reply
        return verdict.rest

    def _stand(self, session: Session, now: datetime) -> None:
        """Pause the issue where the last answer asks for it."""
        verdict, issue_id = self.verdict, self.hold.issue_id
        if verdict is None:
            return
        if why := self._why_rest(verdict):
            absence.rest(session, issue_id, why=why, now=now)
        if verdict.stop:
            absence.stop_for_content(session, issue_id, why=verdict.stop, now=now)

    def _is_over(self) -> bool:
        return self.sender.stopping.is_set() or time.monotonic() > self.ends_at

    def _insist(self, step: Callable[[], Recipient | None]) -> Recipient | None:
        """Try a transaction again until the database takes it: an outcome we know is not thrown away.

        Nothing is sent meanwhile. Gives up when the process must stop; the message is then in doubt.
        """
        tries = 0
        while True:
            try:
                return step()
            except DBAPIError:
                log.exception("batch %d: the outcome cannot be written; sending stands", self.hold.batch_id)
                if self.sender.stopping.is_set() and tries >= len(INSIST_SECONDS):
                    raise
                wait = INSIST_SECONDS[min(tries, len(INSIST_SECONDS) - 1)]
                tries += 1
                time.sleep(wait)

"""Batches come in here and go out again: claimed with all their messages need, counted, handed back."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletters.delivery import absence, batches, readers
from newsletters.delivery.batches import Hold, LeaseLost
from newsletters.delivery.ledger import Ledger, Refusals
from newsletters.delivery.loads import Load
from newsletters.delivery.mailing import Mailing, Mailings
from newsletters.delivery.retry import RetryPolicy
from newsletters.delivery.verdict import Judge
from newsletters.kernel.clock import Clock
from newsletters.kernel.db import Database
from newsletters.kernel.errors import DomainError

INSIST_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Sender:
    """What every message of this process is sent with.

    What is known of a reader may be ``stale_seconds`` old when their message begins; else it is read again.
    """

    db: Database
    clock: Clock
    mailings: Mailings
    refusals: Refusals
    worker: str
    retries_doubt: bool
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    stopping: Event = field(default_factory=Event)
    chance: Random = field(default_factory=Random)
    stale_seconds: float = 2.0


class Stock:
    """The sender's way to the batches: the ledger for one thread, all else for one, who may wait for the
    database.
    """

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.db, self.clock = sender.db, sender.clock
        self.ledger = Ledger(sender.db, sender.refusals)

    def claim(self) -> Load | bool:
        """The batch that is due longest; False where none is, True where one was and has no work for us."""
        now = self.clock.now()
        with self.db.transaction(durable=False) as session:
            sender = self.sender
            hold = batches.claim(session, worker=sender.worker, retries_doubt=sender.retries_doubt, now=now)
            if hold is None:
                return False
            try:
                mailing = sender.mailings.of(session, hold.issue_id)
            except DomainError as error:
                batches.hand_back(session, hold, now=now)
                absence.stop_for_content(session, hold.issue_id, why=str(error), now=now)
                return True
            return self._load(session, hold, mailing) or True

    def _load(self, session: Session, hold: Hold, mailing: Mailing) -> Load | None:
        now, sender = self.clock.now(), self.sender
        recipients, off = readers.due(session, hold, newsletter_id=mailing.newsletter_id, now=now)
        self.ledger.write_off(session, hold, off)
        if not recipients:
            batches.hand_back(session, hold, now=now)
            return None
        judge = Judge(sender.policy, sender.retries_doubt, mailing.started_at, sender.chance)
        return Load.of(hold, mailing, judge, recipients, read_at=time.monotonic())

    def count(self, load: Load) -> None:
        """Tell how a batch stands that takes long."""
        try:
            with self.db.transaction(durable=False) as session:
                batches.count(session, load.hold, now=self.clock.now())
        except LeaseLost:
            log.warning("batch %d is not ours any more", load.hold.batch_id)

    def hand_back(self, load: Load) -> None:
        """End a hold; let the issue rest if that is why."""
        now = self.clock.now()
        try:
            with self.db.transaction(durable=False) as session:
                batches.hand_back(session, load.hold, now=now)
                if load.rest:
                    absence.rest(session, load.hold.issue_id, why=load.rest, now=now)
        except LeaseLost:
            log.warning("batch %d was taken over by another worker", load.hold.batch_id)

    def give_up(self, load: Load, why: str) -> None:
        """Pause the issue until an editor has looked; the messages that were begun are in doubt."""
        now, hold = self.clock.now(), load.hold
        try:
            with self.db.transaction(durable=False) as session:
                batches.abandon(session, hold, retries_doubt=self.sender.retries_doubt, now=now)
                absence.stop_for_content(session, hold.issue_id, why=why, now=now)
        except LeaseLost:
            log.warning("batch %d was taken over by another worker", hold.batch_id)

    def insist(self, act: Callable[[], T]) -> T:
        """Try until the database takes it: an outcome we know is not thrown away.

        Nothing is begun meanwhile. Gives up when the process must stop; what is on its way is then in doubt.
        """
        tries = 0
        while True:
            try:
                return act()
            except DBAPIError:
                log.exception("outcomes cannot be written; sending stands")
                if self.sender.stopping.is_set() and tries >= len(INSIST_SECONDS):
                    raise
                wait = INSIST_SECONDS[min(tries, len(INSIST_SECONDS) - 1)]
                tries += 1
                time.sleep(wait)

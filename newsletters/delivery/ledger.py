"""The ledger: the outcome of a connection's last message is committed before its next one begins.

What has gathered on all connections is committed together: outcomes are written, and each batch in work
names the messages that are on their way or about to leave, checks its fence and puts off the end of its
lease, all in one UPDATE a batch. The issue's state is read there too, so a pause holds from the next message
on; a reader who was read some seconds ago is looked at again before theirs begins. After a crash exactly
the messages that the batches name are in doubt.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final, Protocol

from sqlalchemy.orm import Session

from newsletters.delivery import absence, ledger_postgresql, ledger_sqlite, readers
from newsletters.delivery.batches import LEASE, Hold
from newsletters.delivery.ledger_lines import BatchLine, DeliveryLine
from newsletters.delivery.outcomes import Entered, Outcome, Page, Recipient
from newsletters.kernel.bare import BareConnection
from newsletters.kernel.db import Database
from newsletters.publishing.models import IssueState

LONGEST_REPLY: Final = 500
Struck = Mapping[int, Outcome | None]


class Refusals(Protocol):
    """What the bounces slice knows: what a 5xx means, and what follows from it."""

    def classify(self, code: int, enhanced: str, text: str) -> str:
        """``hard``, ``soft`` or ``policy``."""

    def record(
        self, session: Session, *, subscriber_id: int, issue_id: int, kind: str, reply: str, now: datetime
    ) -> None:
        """Keep the refusal and act on it, in the transaction that settles the delivery."""


class Ledger:
    """Writes pages. For one thread."""

    def __init__(self, db: Database, refusals: Refusals) -> None:
        self._db = db
        self._refusals = refusals
        self._driver = ledger_sqlite if db.is_sqlite else ledger_postgresql
        self._bare = BareConnection(db, prepare=self._driver.prepare)

    def write(self, pages: Sequence[Page], *, now: datetime) -> dict[Hold, Entered]:
        """Commit the pages; those that are missing from the answer have lost their lease, and nothing of
        theirs was written. Raises DBAPIError: then nothing at all was.
        """
        if not any(page.refusals or page.to_check or page.stop for page in pages):
            with self._bare.transaction() as cursor:
                return self._enter(cursor, pages, {}, now)
        with self._db.transaction(durable=False) as session:
            return self._write_with_care(session, pages, now)

    def write_off(self, session: Session, hold: Hold, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes of a batch that this transaction has claimed."""
        cursor = session.connection().connection.cursor()
        for outcome in outcomes:
            self._driver.settle(cursor, _delivery_line(hold, outcome))
        cursor.close()

    def close(self) -> None:
        self._bare.close()

    def _write_with_care(self, session: Session, pages: Sequence[Page], now: datetime) -> dict[Hold, Entered]:
        """The same where more than the ledger's own rows is read or written."""
        struck = {
            page.hold: readers.look_again(
                session, page.hold, page.to_check, newsletter_id=page.newsletter_id, now=now
            )
            for page in pages
            if page.to_check
        }
        for page in pages:
            if page.stop:
                absence.stop_for_content(session, page.hold.issue_id, why=page.stop, now=now)
        cursor = session.connection().connection.cursor()
        entered = self._enter(cursor, pages, struck, now)
        for page in pages:
            if page.hold in entered:
                self._refuse(session, cursor, page, now)
        cursor.close()
        return entered

    def _enter(
        self, cursor: Any, pages: Sequence[Page], struck: Mapping[Hold, Struck], now: datetime
    ) -> dict[Hold, Entered]:
        batches, deliveries = [], []
        for page in pages:
            off = struck.get(page.hold, {})
            begun = [one for one in page.begins if one.subscriber_id not in off]
            batches.append(_batch_line(page, begun))
            written = (*page.outcomes, *(outcome for outcome in off.values() if outcome is not None))
            deliveries += [_delivery_line(page.hold, outcome) for outcome in written]
        deliveries.sort(key=itemgetter(1, 2))  # in one order everywhere, so that no two writers deadlock
        states = self._driver.write(cursor, batches, deliveries, leased_until=now + LEASE)
        return {
            page.hold: Entered(
                states[page.hold.batch_id] == IssueState.SENDING, frozenset(struck.get(page.hold, ()))
            )
            for page in pages
            if page.hold.batch_id in states
        }

    def _refuse(self, session: Session, cursor: Any, page: Page, now: datetime) -> None:
        for outcome, kind in page.refusals:
            if not self._driver.settle(cursor, _delivery_line(page.hold, outcome)):
                continue  # it was settled before, and the refusal kept
            self._refusals.record(
                session,
                subscriber_id=outcome.subscriber_id,
                issue_id=page.hold.issue_id,
                kind=kind,
                reply=outcome.reply,
                now=now,
            )


def _batch_line(page: Page, begun: Sequence[Recipient]) -> BatchLine:
    on_their_way = ",".join(map(str, page.in_flight))
    beginning = ",".join(str(one.subscriber_id) for one in begun)
    together = f"{on_their_way},{beginning}" if on_their_way and beginning else on_their_way or beginning
    return BatchLine(page.hold.batch_id, page.hold.fence, together, on_their_way)


def _delivery_line(hold: Hold, outcome: Outcome) -> DeliveryLine:
    return DeliveryLine(
        hold.batch_id,
        hold.issue_id,
        outcome.subscriber_id,
        outcome.state.value,
        outcome.reason,
        outcome.attempts,
        outcome.next_attempt_at,
        outcome.settled_at,
        outcome.reply[:LONGEST_REPLY],
    )

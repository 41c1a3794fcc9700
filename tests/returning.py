"""What tests of returned mail share: an issue that was taken by every server, and a mail door in two
protocols.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletters.bounces.event import EventKind, MailEvent, Recorded
from newsletters.bounces.processing import record_event
from newsletters.bounces.reading import read_letter
from newsletters.bounces.returns import open_letter
from newsletters.bounces.verdict import Verdict
from newsletters.delivery import tallies
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.inbound.door import MailDoor
from newsletters.inbound.listening import listening
from newsletters.kernel.db import Database
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.mail.verp import IssueBounce, ReturnPaths
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression import reason_for
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from tests.conftest import NOW
from tests.corpus.returned.building import READER
from tests.delivering import make_audience, start_issue
from tests.postgres import free_port

DOMAIN = "newsroom.example"


def accepted_issue(runtime: Runtime, newsletter: Newsletter) -> int:
    """An issue on its way whose every message has been taken by a server."""
    issue_id = start_issue(runtime, newsletter)
    with runtime.db.transaction() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.issue_id == issue_id)
            .values(state=DeliveryState.ACCEPTED, settled_at=NOW, attempts=1)
        )
        tallies.recount_all(session, issue_id)
    return issue_id


def issue_to(runtime: Runtime, readers: int, *, first: str = "reader") -> tuple[int, list[int]]:
    """An issue that ``readers`` readers have been sent, and their ids in the order of their addresses'
    numbers.
    """
    newsletter = make_audience(runtime.db, readers, first=first)
    issue_id = accepted_issue(runtime, newsletter)
    with runtime.db.reading() as session:
        rows = session.execute(select(Subscriber.id).where(Subscriber.email_key.startswith(first)))
        return issue_id, sorted(rows.scalars())


def suppressed(db: Database, reader: Subscriber) -> SuppressionReason | None:
    """Why nothing is sent to ``reader``; None where mail is."""
    with db.reading() as session:
        return reason_for(session, reader.address_hash)


def count_of(db: Database, model: type[Any]) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def read_returned(raw: bytes) -> Verdict:
    """What is read in a mail to the return path of READER."""
    letter = open_letter(raw)
    return read_letter(letter, [READER]) if letter is not None else Verdict(None)


def record(db: Database, event: MailEvent) -> Recorded:
    with db.transaction() as session:
        return record_event(session, event, now=max(NOW, event.at))


def event_about(issue_id: int, subscriber_id: int, kind: EventKind, **fields: Any) -> MailEvent:
    told: dict[str, Any] = {
        "about": IssueBounce(issue_id, subscriber_id),
        "kind": kind,
        "source": "test",
        "event_id": f"{kind}-{issue_id}",
        "at": NOW,
        "reply": "550 5.1.1 no such user",
    }
    return MailEvent(**(told | fields))


def suppression_of(session: Session, subscriber_id: int) -> SuppressionReason | None:
    """Why nothing is sent to a reader, None where mail goes on."""
    return session.scalar(
        select(Suppression.reason)
        .join(Subscriber, Subscriber.address_hash == Suppression.address_hash)
        .where(Subscriber.id == subscriber_id, Suppression.lifted_at.is_(None))
    )


def how_suppressed(db: Database, subscriber_id: int) -> SuppressionReason | None:
    with db.reading() as session:
        return suppression_of(session, subscriber_id)


class Door:
    """The mail door of one test, listening in both protocols."""

    def __init__(self, runtime: Runtime, smtp_port: int, lmtp_port: int) -> None:
        self.runtime = runtime
        self.smtp_port = smtp_port
        self.lmtp_port = lmtp_port
        self.paths = ReturnPaths(runtime.signer, DOMAIN)

    def smtp(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self.smtp_port)

    def lmtp(self) -> smtplib.LMTP:
        return smtplib.LMTP("127.0.0.1", self.lmtp_port)

    def deliver(self, recipient: str, raw: bytes, *, sender: str = "") -> tuple[int, str]:
        """Hand over one mail in SMTP and return the reply to it, or to its recipient."""
        with self.smtp() as connection:
            connection.helo()
            connection.mail(sender)
            code, said = connection.rcpt(recipient)
            if code == 250:
                code, said = connection.data(raw)
        return code, said.decode()


@contextmanager
def mail_door(runtime: Runtime) -> Iterator[Door]:
    """The mail door as it runs, on ports of its own."""
    door = Door(runtime, free_port(), free_port())
    handler = MailDoor(runtime, door.paths)
    with listening(handler, port=door.smtp_port, lmtp=f"127.0.0.1:{door.lmtp_port}"):
        yield door


def mailed(session: Session, reader: Subscriber, *, message_id: str = "0" * 32) -> None:
    """A mail that was sent to ``reader``."""
    session.add(
        OutboxMail(
            kind="preferences",
            recipient=reader.email,
            subscriber_id=reader.id,
            language="en",
            params={},
            message_id=message_id,
            state=OutboxState.ACCEPTED,
            created_at=NOW,
            due_at=NOW,
        )
    )

"""Single mails a use case asks for: queued in its transaction, sent by a worker after it.

Knows no subscriber: whoever queues a mail says to which address, in which language, with which words.
The templates of a ``kind`` are templates/mail/<kind>/subject.txt, body.txt and body.html.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletters.mail.models import OutboxMail


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """What is to be sent. ``recipient`` is the address as stored; ``params`` are the template's values."""

    kind: str
    recipient: str
    language: str
    params: Mapping[str, Any]
    subscriber_id: int | None = None
    sender_name: str = ""


def queue(session: Session, mail: QueuedMail, *, now: datetime) -> OutboxMail:
    """Add ``mail`` to the outbox; it leaves once the caller's transaction has committed."""
    row = OutboxMail(
        kind=mail.kind,
        recipient=mail.recipient,
        subscriber_id=mail.subscriber_id,
        language=mail.language,
        sender_name=mail.sender_name,
        params=dict(mail.params),
        message_id=secrets.token_hex(16),
        created_at=now,
        due_at=now,
    )
    session.add(row)
    return row


def forget_subscriber(session: Session, subscriber_id: int) -> None:
    """Remove every mail to a reader, sent or waiting: nothing of an erased reader stays."""
    session.execute(delete(OutboxMail).where(OutboxMail.subscriber_id == subscriber_id))

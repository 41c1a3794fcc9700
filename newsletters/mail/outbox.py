"""Single mails a use case asks for: queued in its transaction, sent by a worker after it (see sending.py).

Knows no subscriber: whoever queues a mail says to which address, in which language, with which words. The
templates of a ``kind`` are templates/mail/<kind>/subject.txt, body.txt and body.html. Five params are
read here: ``reply_to``; ``list_unsubscribe_url``, which adds List-Unsubscribe with one click (RFC 8058), and
``list_unsubscribe_ids``, what the token of the address beside it says (RFC 2369);
``original``, a whole mail in base64 that goes along as an attachment; and ``neutral_subject``, which stands
in the place of the template's subject and preheader.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import ColumnElement, CursorResult, delete, func, select, true, update
from sqlalchemy.orm import Session

from newsletters.mail.models import OutboxMail, OutboxState

ANY: Final[ColumnElement[bool]] = true()  # mails of every kind
COMPOSED = "composed"
NEUTRAL_SUBJECT = "neutral_subject"


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


def composed(
    *,
    subject: str,
    text: str,
    html: str,
    sender_email: str = "",
    reply_to: str = "",
    values: Mapping[str, str] | None = None,
    headers: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """The params of a mail of kind ``COMPOSED``: words as given, with ``values`` for the slots in them."""
    return {
        "subject": subject,
        "text": text,
        "html": html,
        "sender_email": sender_email,
        "reply_to": reply_to,
        "values": dict(values or {}),
        "headers": [list(header) for header in headers],
    }


def next_due_at(session: Session, which: ColumnElement[bool] = ANY) -> datetime | None:
    """When the next waiting mail of those in question may be tried, None where none waits."""
    free_at = func.min(
        func.coalesce(OutboxMail.leased_until, OutboxMail.due_at), type_=OutboxMail.due_at.type
    )
    return session.scalar(select(free_at).where(OutboxMail.state == OutboxState.WAITING, which))


def forget_subscriber(session: Session, subscriber_id: int) -> None:
    """Delete every mail to an erased subscriber, sent or not. Idempotent."""
    session.execute(delete(OutboxMail).where(OutboxMail.subscriber_id == subscriber_id))


def forget_settled(session: Session, *, before: datetime) -> None:
    """Delete mails that were settled before a moment."""
    session.execute(delete(OutboxMail).where(OutboxMail.settled_at < before))


def give_up_waiting(session: Session, *, before: datetime, reply: str, now: datetime) -> int:
    """Settle as failed whatever was queued before a moment and waits; say how many mails that were."""
    waiting = (
        update(OutboxMail)
        .where(OutboxMail.state == OutboxState.WAITING, OutboxMail.created_at < before)
        .values(
            state=OutboxState.FAILED,
            reply=reply,
            params={},
            fence=OutboxMail.fence + 1,
            leased_until=None,
            settled_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(waiting)).rowcount

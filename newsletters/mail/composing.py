"""From a row of the outbox to the bytes that leave: template, message, signature, return path.

Every attempt makes the same message: its Date is the moment it was asked for, its Message-ID the row's.
"""

from base64 import b64decode
from dataclasses import dataclass, replace
from datetime import datetime

from newsletters.mail.headers import list_unsubscribe
from newsletters.mail.message import AUTOMATIC, Mailbox, SingleMail, build
from newsletters.mail.models import OutboxMail
from newsletters.mail.office import Office
from newsletters.mail.outbox import COMPOSED, NEUTRAL_SUBJECT
from newsletters.mail.provider_fields import provider_fields
from newsletters.mail.render import Content
from newsletters.mail.wrapping import wrapped


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message and its way."""

    sender: str
    recipient: str
    message: bytes


def compose(row: OutboxMail, *, office: Office, now: datetime) -> Envelope:
    """The mail as it leaves. Raises jinja2.TemplateError, UnsafeHeader, InvalidAddress, MissingValue."""
    message_id = f"<{row.message_id}@{office.domain}>"
    mail = SingleMail(
        content=_content(row, office),
        sender=Mailbox(
            row.sender_name or office.sender.name, row.params.get("sender_email") or office.sender.email
        ),
        recipient=row.recipient,
        message_id=message_id,
        reply_to=row.params.get("reply_to", ""),
        headers=[*_headers(row, office), *provider_fields(office.servers, message_id)],
    )
    message = build(mail, row.params.get("values", {}), date=row.created_at)
    original = row.params.get("original")
    if original is not None:
        message = wrapped(message, b64decode(original))
    signed = office.dkim.sign(message, now=now, is_canonical=original is None)
    return Envelope(office.paths.for_mail(row.id), row.recipient, signed)


def _content(row: OutboxMail, office: Office) -> Content:
    if row.kind == COMPOSED:
        return Content(row.params["subject"], row.params["text"], row.params["html"])
    content = office.templates.render(row.kind, row.language, row.params)
    neutral = row.params.get(NEUTRAL_SUBJECT)
    return replace(content, subject=neutral) if neutral else content


def _headers(row: OutboxMail, office: Office) -> list[tuple[str, str]]:
    url, ids = row.params.get("list_unsubscribe_url"), row.params.get("list_unsubscribe_ids")
    mailto = office.paths.unsubscribe(*ids) if ids else ""
    return [
        AUTOMATIC,
        *(list_unsubscribe(url, mailto) if url else ()),
        *((name, value) for name, value in row.params.get("headers", ())),
    ]

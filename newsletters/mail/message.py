"""Single mails, each for one recipient: through the same compiler as an issue, without slots.

They answer something a person did, so they say that no person wrote them (RFC 3834) and are never marketing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from newsletters.mail.compile import MessageSpec, compile_message
from newsletters.mail.render import Content

AUTOMATIC = ("Auto-Submitted", "auto-generated")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name and an address."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleMail:
    """Everything one mail is made of but its moment."""

    content: Content
    sender: Mailbox
    recipient: str
    message_id: str
    reply_to: str = ""
    headers: Sequence[tuple[str, str]] = (AUTOMATIC,)


def build(mail: SingleMail, values: Mapping[str, str], *, date: datetime) -> bytes:
    """The mail's bytes; ``values`` fill slots, if it has any.

    Raises UnsafeHeader, InvalidAddress, MissingValue.
    """
    compiled = compile_message(
        MessageSpec(
            subject=mail.content.subject,
            from_name=mail.sender.name,
            from_email=mail.sender.email,
            reply_to=mail.reply_to,
            text=mail.content.text,
            html=mail.content.html,
            headers=mail.headers,
        )
    )
    return compiled.render(values, recipient=mail.recipient, message_id=mail.message_id, date=date)

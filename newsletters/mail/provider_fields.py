"""Fields that only a mail provider reads, so that what it reports later names our mail.

Postmark tells its own ids and no others, unless the mail carried metadata; it takes these fields out before
the mail goes on, and keeps our Message-ID where it is asked to.
"""

from collections.abc import Sequence
from typing import Final

from newsletters.mail.server import SmtpServer

POSTMARK: Final = "postmarkapp.com"
LONGEST_METADATA: Final = 80  # Postmark's own limit

Fields = tuple[tuple[str, str], ...]


def provider_fields(servers: Sequence[SmtpServer], message_id: str) -> Fields:
    """What to add for the providers among ``servers``; nothing for all others."""
    if not any(server.host.endswith(POSTMARK) for server in servers):
        return ()
    named = message_id.strip("<>")
    if len(named) > LONGEST_METADATA:
        return (("X-PM-KeepID", "true"),)
    return (("X-PM-KeepID", "true"), ("X-PM-Metadata-mail", named))

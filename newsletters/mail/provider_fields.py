"""Fields that only a mail provider reads: so that what it reports names our mail, and that it traces nobody.

Postmark tells its own ids and no others, unless the mail carried metadata; it takes these fields out before
the mail goes on, and keeps our Message-ID where it is asked to. Providers that put their own address in the
place of every link, or a pixel at the end, are told not to: no mail of ours leads a reader past a counter.
"""

from collections.abc import Sequence
from typing import Final

from newsletters.mail.server import SmtpServer

POSTMARK: Final = "postmarkapp.com"
LONGEST_METADATA: Final = 80  # Postmark's own limit

Fields = tuple[tuple[str, str], ...]

_NO_FILTERS = '{"filters":{"clicktrack":{"settings":{"enable":0}},"opentrack":{"settings":{"enable":0}}}}'
UNTRACED: Final[dict[str, Fields]] = {
    POSTMARK: (("X-PM-TrackOpens", "false"), ("X-PM-TrackLinks", "None")),
    "mailgun.org": (("X-Mailgun-Track", "no"),),
    "sendgrid.net": (("X-SMTPAPI", _NO_FILTERS),),
}


def provider_fields(servers: Sequence[SmtpServer], message_id: str) -> Fields:
    """What to add for the providers among ``servers``; nothing for all others."""
    hosts = [provider for provider in UNTRACED if any(server.host.endswith(provider) for server in servers)]
    untraced = tuple(field for host in hosts for field in UNTRACED[host])
    if POSTMARK not in hosts:
        return untraced
    named = message_id.strip("<>")
    if len(named) > LONGEST_METADATA:
        return (("X-PM-KeepID", "true"), *untraced)
    return (("X-PM-KeepID", "true"), ("X-PM-Metadata-mail", named), *untraced)

"""What comes back about a mail of ours, whoever tells it: an SMTP refusal, a bounce, a complaint, a provider.

Only what is proved becomes an event: a return path with a valid MAC, or a provider's verified signature.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from newsletters.mail.verp import IssueBounce, MailBounce

About = IssueBounce | MailBounce


class EventKind(StrEnum):
    """What is told; all but a complaint are kept as bounces of that kind."""

    HARD = "hard"
    SOFT = "soft"
    POLICY = "policy"
    TEMPORARY = "temporary"
    NOTICE = "notice"
    COMPLAINT = "complaint"


class Recorded(StrEnum):
    """What an event came to. Only a new one changes anything."""

    NEW = "new"
    KNOWN = "known"
    NOBODY = "nobody"  # the reader or the mail is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class MailEvent:
    """One thing told about one mail. ``event_id`` is unique within ``source``; ``at`` is when it happened."""

    about: About
    kind: EventKind
    source: str
    event_id: str
    at: datetime
    reply: str = ""

    @property
    def key(self) -> str:
        """The same for the same report about the same mail, however often and in which order it comes."""
        named = f"{self.source}\0{self.event_id}\0{self.about!r}"
        return hashlib.sha256(named.encode(errors="surrogatepass")).hexdigest()

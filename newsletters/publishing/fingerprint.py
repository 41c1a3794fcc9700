"""The hash of everything an issue's mail is made of, taken when its sending begins.

What the issue says is one part; how the newsletter signs and dresses it is the other.
"""

import hashlib
import json

from newsletters.publishing.content import content_hash
from newsletters.publishing.models import Issue, Newsletter

DRESS = (
    "slug",
    "name",
    "language",
    "byline",
    "sender_name",
    "sender_email",
    "reply_to",
    "postal_address",
    "accent",
    "logo_id",
    "footer",
)
NEUTRAL_DRESS = ("hides_issues", "neutral_sender", "neutral_subject")


def frozen_hash(issue: Issue, newsletter: Newsletter) -> str:
    """64 hexadecimal digits over the issue's content, its address and its newsletter's dress."""
    dress = (*DRESS, *NEUTRAL_DRESS) if newsletter.hides_issues else DRESS
    parts = [content_hash(issue), issue.slug, *(getattr(newsletter, field) for field in dress)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

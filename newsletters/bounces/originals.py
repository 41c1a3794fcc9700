"""Which mail of ours a text speaks of, by the names we gave it. Pure; nothing here proves anything."""

import re

from newsletters.kernel.row_numbers import LARGEST
from newsletters.mail.verp import IssueBounce

_OF_ISSUE = re.compile(r"<?issue\.(\d{1,19})\.(\d{1,19})@[^\s<>@]{1,255}>?")


def about_message_id(text: str) -> IssueBounce | None:
    """The delivery that a Message-ID of ours names. It carries no MAC: believe it only from who is proved."""
    found = _OF_ISSUE.fullmatch(text.strip()[:400])
    if found is None:
        return None
    issue_id, subscriber_id = int(found[1]), int(found[2])
    return IssueBounce(issue_id, subscriber_id) if max(issue_id, subscriber_id) <= LARGEST else None

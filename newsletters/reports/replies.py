"""What a mail server's reply comes down to, for people who do not speak SMTP.

The enhanced status code (RFC 3463) says most; where there is none the basic code has to do. Pure; the words
are the desk's.
"""

import re
from enum import StrEnum
from typing import Final

_ENHANCED: Final = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_BASIC: Final = re.compile(r"^\s*([245]\d\d)\b")


class Gist(StrEnum):
    """The few things a reply can mean to an editor."""

    NONE = "none"
    TAKEN = "taken"
    NO_SUCH_ADDRESS = "no_such_address"
    MAILBOX_FULL = "mailbox_full"
    MAILBOX_CLOSED = "mailbox_closed"
    TOO_BIG = "too_big"
    POLICY = "policy"
    SENDER = "sender"
    LATER = "later"
    NETWORK = "network"
    REFUSED = "refused"


EXACT: Final = {
    "1.1": Gist.NO_SUCH_ADDRESS,
    "1.2": Gist.NO_SUCH_ADDRESS,
    "1.3": Gist.NO_SUCH_ADDRESS,
    "1.6": Gist.NO_SUCH_ADDRESS,
    "1.10": Gist.NO_SUCH_ADDRESS,
    "1.7": Gist.SENDER,
    "1.8": Gist.SENDER,
    "2.1": Gist.MAILBOX_CLOSED,
    "2.2": Gist.MAILBOX_FULL,
    "2.3": Gist.TOO_BIG,
    "3.4": Gist.TOO_BIG,
}
BY_SUBJECT: Final = {"4": Gist.NETWORK, "7": Gist.POLICY}
BY_CODE: Final = {"550": Gist.NO_SUCH_ADDRESS, "551": Gist.NO_SUCH_ADDRESS, "552": Gist.MAILBOX_FULL}


def gist(reply: str) -> Gist:
    """The meaning of ``reply`` as the ledger keeps it."""
    if not reply.strip():
        return Gist.NONE
    enhanced, basic = _ENHANCED.search(reply), _BASIC.match(reply)
    level = enhanced[1] if enhanced else basic[1][0] if basic else ""
    if level == "2":
        return Gist.TAKEN
    if enhanced:
        known = EXACT.get(f"{enhanced[2]}.{enhanced[3]}") or BY_SUBJECT.get(enhanced[2])
        if known:
            return known
    if level == "4":
        return Gist.LATER
    return BY_CODE.get(basic[1], Gist.REFUSED) if basic and not enhanced else Gist.REFUSED

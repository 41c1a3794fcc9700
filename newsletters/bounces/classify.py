"""What a permanent refusal means for the address. Pure.

The enhanced code (RFC 3463, RFC 7505 for 5.1.10) beats the basic one. Only a code that says the address is
dead condemns it: 5.7.x is about policy, 5.1.7 and 5.1.8 about the sender, 5.3 to 5.6 about systems,
routes, protocol and content. Without an enhanced code the words decide, and doubt spares the address.
"""

import re
from typing import Final

from newsletters.bounces.models import BounceKind

DEAD_ADDRESS: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
ABOUT_US: Final = frozenset({"5.1.7", "5.1.8", "5.3.4"})
POLICY_CLASSES: Final = ("5.5.", "5.6.", "5.7.")
VAGUE: Final = frozenset({"", "5.0.0"})
ACCEPTS_NO_MAIL: Final = frozenset({521, 556})  # RFC 7504
ABOUT_MAILBOX: Final = frozenset({550, 551, 553})

_POLICY_WORDS = re.compile(
    r"spam|policy|block|black ?list|deny|denied|reputation|listed|spf|dkim|dmarc|rbl|relay|authenticat|"
    r"not (?:allowed|permitted|authori[sz]ed)|rate|sender",
    re.IGNORECASE,
)
_DEAD_WORDS = re.compile(
    r"unknown|no such|does ?n.t exist|not exist|not found|invalid (?:recipient|user|mailbox|address)|"
    r"mailbox unavailable|no mailbox|unrouteable|user disabled",
    re.IGNORECASE,
)


def classify(code: int, enhanced: str, text: str) -> BounceKind:
    """The kind of a 5xx reply: hard, soft or policy."""
    if enhanced not in VAGUE:
        return _by_enhanced(enhanced)
    if code in ACCEPTS_NO_MAIL:
        return BounceKind.HARD
    if _POLICY_WORDS.search(text):
        return BounceKind.POLICY
    if code in ABOUT_MAILBOX:
        return BounceKind.HARD if _DEAD_WORDS.search(text) else BounceKind.SOFT
    return BounceKind.SOFT if code == 552 else BounceKind.POLICY


def _by_enhanced(enhanced: str) -> BounceKind:
    if enhanced in DEAD_ADDRESS:
        return BounceKind.HARD
    if enhanced in ABOUT_US or enhanced.startswith(POLICY_CLASSES):
        return BounceKind.POLICY
    return BounceKind.SOFT

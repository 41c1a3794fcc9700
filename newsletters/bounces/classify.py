"""What a permanent refusal means for the address. Pure.

The enhanced code (RFC 3463, RFC 7505 for 5.1.10) beats the basic one. Only a code that says the address is
dead condemns it: 5.7.x is about policy, 5.1.7 and 5.1.8 about the sender, 5.3 to 5.6 about systems,
routes, protocol and content. Without an enhanced code the words decide, and doubt spares the address.
"""

import re
from typing import Final

from newsletters.bounces.models import BounceKind

DEAD_ADDRESS: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
ABOUT_US: Final = frozenset({"1.7", "1.8", "2.3", "3.4"})
POLICY_SUBJECTS: Final = ("5.", "6.", "7.")
VAGUE: Final = frozenset(
    {"", "5.0.0", "4.0.0", "5.1.0", "5.5.0"}
)  # 5.5.0: how Outlook.com says "no such user"
ACCEPTS_NO_MAIL: Final = frozenset({521, 556})  # RFC 7504
ABOUT_MAILBOX: Final = frozenset({0, 550, 551, 553})  # 0: words of a bounce without any code
MAY_NAME_THE_DEAD: Final = ABOUT_MAILBOX | {554}  # Yahoo's way

_POLICY_WORDS = re.compile(
    r"spam|policy|block|black ?list|deny|denied|reputation|(?<!not )\blisted\b|spf|dkim|dmarc|rbl|relay|"
    r"authenticat|not (?:allowed|permitted|authori[sz]ed)|\brate\b|\bsender",
    re.IGNORECASE,
)
_ROUTE_WORDS = re.compile(r"host|domain name|\bdns\b|\bmx\b|timed? ?out|connection", re.IGNORECASE)
_DEAD_WORDS = re.compile(
    r"unknown|no such|n.t exist|not exist|not found|n.t found|"
    r"(?:invalid|not a valid|not a known) (?:recipient|user|mailbox|address)|"
    r"mailbox unavailable|no mailbox|unrouteable|user disabled|not listed in|n.t have an? \S{1,60} account",
    re.IGNORECASE,
)


def classify(code: int, enhanced: str, text: str) -> BounceKind:
    """The kind of a refusal for good: hard, soft or policy. ``code`` may be 4xx where a sender has given
    up.
    """
    if enhanced not in VAGUE:
        return _by_enhanced(enhanced)
    if code in ACCEPTS_NO_MAIL:
        return BounceKind.HARD
    if _POLICY_WORDS.search(text):
        return BounceKind.POLICY
    is_route = code == 0 and _ROUTE_WORDS.search(text)
    if code in MAY_NAME_THE_DEAD and _DEAD_WORDS.search(text) and not is_route:
        return BounceKind.HARD
    return BounceKind.SOFT if code in ABOUT_MAILBOX or code == 552 or code < 500 else BounceKind.POLICY


def _by_enhanced(enhanced: str) -> BounceKind:
    if enhanced in DEAD_ADDRESS:
        return BounceKind.HARD
    detail = enhanced[2:]
    if detail in ABOUT_US or detail.startswith(POLICY_SUBJECTS):
        return BounceKind.POLICY
    return BounceKind.SOFT

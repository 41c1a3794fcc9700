"""Whose matter an answer is: the reader's, their provider's, or our server's. Pure.

RFC 3463 decides where a code says so; where servers say it in words alone, the words they are known to use
decide. A greylisting server means the one letter (RFC 6647), whatever code it chooses.
"""

import re
from enum import StrEnum
from typing import Final

from newsletters.mail.replies import InDoubt, Phase, Refused, Reply, ServerUnavailable, SmtpError

OPENING: Final = frozenset({Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.TLS, Phase.AUTH})
THROTTLED: Final = 454  # Amazon SES, after DATA; while opening, the code means that TLS or AUTH is away
_SYSTEM: Final = re.compile(r"[45]\.3\.\d+")
_ITS_HOST: Final = "4.3.2"  # "the host on which the mailbox is resident is not accepting messages"
_POLICY: Final = re.compile(r"[45]\.7\.\d+")
_THROTTLE_WORDS: Final = re.compile(
    r"throttl|rate.?limit|too many (messages|mails|emails|requests)|(sending|maximum|message) (rate|quota)"
    r"|quota exceeded|exceeded .{0,40}(rate|limit|quota)|slow down|sending too fast",
    re.IGNORECASE,
)
_CROWDED_WORDS: Final = re.compile(r"(too many|maximum|max|concurrent).{0,40}connections", re.IGNORECASE)
_GREYLIST_WORDS: Final = re.compile(r"gr[ea]y.?list", re.IGNORECASE)


class Blame(StrEnum):
    """What an answer is about."""

    NOBODY = "nobody"  # accepted, or a matter of this one reader
    AWAY = "away"  # our server cannot be reached, or does not let us in
    LOST = "lost"  # our server hung up in the middle
    CROWDED = "crowded"  # our server wants fewer connections
    THROTTLED = "throttled"  # our server wants fewer messages in a while
    POLICY = "policy"  # the provider refuses mail from us
    BUSY = "busy"  # the provider puts us off


def blame(result: Reply | SmtpError) -> Blame:
    """Say whose matter the end of a letter is."""
    if isinstance(result, Reply):
        return Blame.NOBODY
    if result.phase in OPENING:
        return Blame.CROWDED if _is_crowded(result.reply) else Blame.AWAY
    if isinstance(result, InDoubt):
        return Blame.LOST
    if isinstance(result, ServerUnavailable):
        return _hung_up(result.reply)
    if isinstance(result, Refused):
        return _refused(result)
    return _deferred(result.reply, result.phase)


def _hung_up(reply: Reply) -> Blame:
    if _is_crowded(reply):
        return Blame.CROWDED
    if reply.code == 421:
        return Blame.THROTTLED
    return Blame.LOST


def _refused(error: Refused) -> Blame:
    if error.is_local:
        return Blame.NOBODY
    if error.phase is Phase.MAIL:
        return Blame.AWAY  # whoever the reader is, it does not take mail from us
    return Blame.POLICY if _POLICY.fullmatch(error.reply.enhanced) else Blame.NOBODY


def _deferred(reply: Reply, phase: Phase) -> Blame:
    if _GREYLIST_WORDS.search(reply.text):
        return Blame.NOBODY
    if _is_crowded(reply):
        return Blame.CROWDED if phase is Phase.MAIL else Blame.BUSY
    asks_for_patience = bool(_THROTTLE_WORDS.search(reply.text))
    if phase is Phase.RCPT and reply.enhanced == _ITS_HOST and not asks_for_patience:
        return Blame.BUSY  # a relay that has asked the reader's own server; all others must not wait for it
    if reply.code == THROTTLED or (_SYSTEM.fullmatch(reply.enhanced) and phase is not Phase.MAIL):
        return Blame.THROTTLED
    if phase is Phase.MAIL:
        return Blame.THROTTLED if asks_for_patience else Blame.AWAY
    return Blame.BUSY if asks_for_patience or _POLICY.fullmatch(reply.enhanced) else Blame.NOBODY


def _is_crowded(reply: Reply) -> bool:
    return reply.code in (421, 450, 451, 452, 454, 554) and bool(_CROWDED_WORDS.search(reply.text))

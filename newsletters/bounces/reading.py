"""Reading what came to a return path. Pure; never raises.

Standards first (a complaint, a DSN), then the shapes of old, then machines that answer for people. What
is none of these says nothing (``kind`` None), and an editor looks at it.
"""

from collections.abc import Iterable

from newsletters.bounces import parse_arf, parse_dsn
from newsletters.bounces.automatic import is_auto_reply
from newsletters.bounces.event import EventKind
from newsletters.bounces.letter import Letter, clean
from newsletters.bounces.parse_odd import odd_bounce
from newsletters.bounces.verdict import Verdict


def read_letter(letter: Letter, own: Iterable[str] = ()) -> Verdict:
    """What a mail to a return path says of the reader the path names; ``own`` are the reader's addresses."""
    try:
        return _read(letter, own)
    except Exception:  # noqa: BLE001  (what the library has parsed without a word can raise)
        return Verdict(None)


def _read(letter: Letter, own: Iterable[str]) -> Verdict:
    complaint = parse_arf.complaint(letter)
    if complaint is not None:
        return Verdict(complaint.kind, complaint.type, complaint.recipients)
    found = parse_dsn.recipients(letter)
    if found:
        verdict = parse_dsn.judge(found, own)
        if verdict.kind is not None:
            return verdict
    odd = odd_bounce(letter)
    if odd is not None:
        return odd
    if is_auto_reply(letter):
        return Verdict(EventKind.NOTICE, clean(letter.subject)[:200])
    return Verdict(None)

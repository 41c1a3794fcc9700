"""Delivery status notifications (RFC 3464, RFC 6533), and what they say of one address. Pure.

Only ``failed`` says that a mail did not arrive. ``delayed`` is kept and does nothing; so are
``delivered``, ``relayed`` and ``expanded``. Whose mail it was is said by the return path it came to,
never by this text.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from newsletters.bounces.classify import classify
from newsletters.bounces.event import EventKind
from newsletters.bounces.letter import Fields, Letter, blocks, clean
from newsletters.bounces.verdict import Verdict

STATUS_PARTS: Final = ("message/delivery-status", "message/global-delivery-status")
ACTIONS: Final = ("failed", "delayed", "delivered", "relayed", "expanded")
MOST_RECIPIENTS: Final = 50
_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})")
_REPLY = re.compile(r"\b([245]\d\d)(?:[ \-:#(]{1,3}([245]\.\d{1,3}\.\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Recipient:
    """What a report says of one of its recipients."""

    addresses: frozenset[str]
    action: str
    status: str
    diagnostic: str


def recipients(letter: Letter) -> Sequence[Recipient]:
    """Every recipient a DSN speaks of; none where the mail is no DSN."""
    found = [
        _recipient(block)
        for part in letter.of_type(*STATUS_PARTS)
        for block in blocks(part)
        if "action" in block or "final-recipient" in block or "original-recipient" in block
    ]
    return found[:MOST_RECIPIENTS]


def judge(found: Sequence[Recipient], own: Iterable[str] = ()) -> Verdict:
    """What a DSN means for the reader whose return path it came to; ``own`` are their addresses, in any
    case.

    Where it speaks of several (an alias, a forwarding), the reader's own counts; otherwise all must have
    failed.
    """
    addresses = frozenset(address.lower() for address in own)
    about = [one for one in found if one.addresses & addresses] or list(found)
    failed = [one for one in about if one.action == "failed"]
    if failed and len(failed) == len(about):
        return _failed(failed[0], found)
    kind = EventKind.TEMPORARY if any(one.action == "delayed" for one in about) else EventKind.NOTICE
    if not any(one.action in ACTIONS for one in about):
        return Verdict(None, "", _addresses(found))
    return Verdict(kind, _said(about[0]), _addresses(found))


def _failed(one: Recipient, found: Sequence[Recipient]) -> Verdict:
    code, enhanced = _codes(one)
    text = one.diagnostic or one.status
    kind = EventKind(classify(code, enhanced, text).value)
    if kind is EventKind.HARD and one.status.startswith("5.7."):
        kind = EventKind.POLICY  # where the two codes disagree, doubt spares the address
    return Verdict(kind, _said(one), _addresses(found))


def _codes(one: Recipient) -> tuple[int, str]:
    """The basic and the enhanced code: the remote server's own before the reporting system's."""
    said = _REPLY.search(one.diagnostic)
    spoken = _STATUS.search(one.diagnostic)
    enhanced = (said and said[2]) or (spoken[0] if spoken else "") or one.status
    if enhanced.endswith(".0.0") and not one.status.endswith(".0.0"):
        enhanced = one.status or enhanced
    if said:
        return int(said[1]), enhanced
    return (450 if enhanced.startswith("4") else 550 if enhanced else 0), enhanced


def _said(one: Recipient) -> str:
    words = re.sub(r"^\s*[\w-]{1,40}\s*;\s*", "", one.diagnostic)
    if _REPLY.match(words) or not one.status:
        return words[:500]
    return f"{'450' if one.status.startswith('4') else '550'} {one.status} {words}".strip()[:500]


def _recipient(block: Fields) -> Recipient:
    named = (block.get(name, "") for name in ("original-recipient", "final-recipient", "x-actual-recipient"))
    status = _STATUS.search(block.get("status", ""))
    return Recipient(
        addresses=frozenset(filter(None, map(_address, named))),
        action=_action(block.get("action", "")),
        status=status[0] if status else "",
        diagnostic=block.get("diagnostic-code", "") or block.get("x-display-name", ""),
    )


def _address(typed: str) -> str:
    """``rfc822; somebody@example.org`` without its type, brackets and comments."""
    address = typed.rpartition(";")[2]
    return clean(re.sub(r"\([^()]*\)", "", address)).strip("<> ").lower()


def _action(written: str) -> str:
    word = written.strip().lower()
    if word.startswith("error"):  # some systems' own word
        return "failed"
    return next((action for action in ACTIONS if word.startswith(action[:4])), word[:20])


def _addresses(found: Sequence[Recipient]) -> frozenset[str]:
    return frozenset(address for one in found for address in one.addresses)

"""Readers' answers go on to the editors, whole, inside a mail of ours.

What a machine wrote is never passed on and nothing is ever answered, so no loop can start (RFC 3834): an
automatic reply is dropped, a bounce or a list's mail lies in quarantine, mail from ourselves and mail
that has gone round too often too. So many an hour, and no more, reach the editors; the rest waits at the
server that brings it.
"""

import base64
from collections.abc import Collection, Sequence
from datetime import timedelta
from email.utils import parseaddr
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from newsletters.accounts.queries import active_editors
from newsletters.bounces.automatic import has_gone_round, is_auto_reply, is_automatic
from newsletters.bounces.letter import Letter, clean, field
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.kernel.limits import Limit

LARGEST_BYTES: Final = 5 * 1024 * 1024
LONGEST_EXCERPT: Final = 10_000
MAIL_KIND: Final = "reader_reply"
FROM_ALL: Final = Limit("replies", 300, timedelta(hours=1))
FROM_ONE: Final = Limit("replies of one", 20, timedelta(hours=1))


class Fate(StrEnum):
    """What becomes of a mail to an address that people write to."""

    FORWARD = "forward"
    DROP = "drop"
    ASIDE = "aside"


def fate(letter: Letter, *, sender: str, own: Collection[str]) -> Fate:
    """Whether a person seems to have written it. ``own`` are our addresses, ``sender`` the envelope's.
    Pure.
    """
    if not sender.strip("<> "):  # a bounce that was sent to the wrong address, RFC 5321 section 4.5.5
        return (
            Fate.DROP
            if is_auto_reply(letter) and not letter.type.startswith("multipart/report")
            else Fate.ASIDE
        )
    if is_auto_reply(letter):
        return Fate.DROP
    is_ours = {sender.lower(), author(letter).lower()} & set(own)
    return Fate.ASIDE if is_automatic(letter) or has_gone_round(letter) or is_ours else Fate.FORWARD


def author(letter: Letter) -> str:
    """The address a person is answered at: Reply-To before From, empty where there is none that is good."""
    for name in ("Reply-To", "From"):
        try:
            return parse_address(parseaddr(field(letter.mime, name))[1]).email
        except InvalidAddress:
            continue
    return ""


def params(letter: Letter, raw: bytes, *, newsletter: str) -> dict[str, object]:
    """What the mail to the editors says."""
    text = "\n".join(clean(line) for line in next(letter.texts(), "").splitlines())
    return {
        "newsletter": newsletter,
        "subject": clean(letter.subject)[:200],
        "author": clean(field(letter.mime, "From"))[:200],
        "excerpt": text.strip()[:LONGEST_EXCERPT],
        "is_cut": len(text) > LONGEST_EXCERPT,
        "reply_to": author(letter),
        "original": base64.b64encode(raw).decode(),
    }


def editors_boxes(session: Session, configured: Sequence[str], own: Collection[str]) -> list[str]:
    """Where answers go: the configured addresses, else every owner's; never an address of ours."""
    boxes = configured or [editor.email for editor in active_editors(session) if editor.is_owner]
    return [box for box in boxes if box.lower() not in own]

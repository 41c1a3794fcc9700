"""Mail that nothing may follow from by itself: kept, shown as text, decided by an editor, forgotten.

An editor's "this is a bounce of that mail" is the proof the mail lacked. The same mail is kept once. What
somebody has decided about keeps no content.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from newsletters.bounces.event import About, EventKind, MailEvent, Recorded
from newsletters.bounces.letter import LARGEST_BYTES, Letter, Unreadable, clean, field
from newsletters.bounces.processing import record_event
from newsletters.bounces.quarantined import Decision, QuarantinedMail, QuarantineReason
from newsletters.kernel.db import insert_into
from newsletters.kernel.paging import PAGE_SIZE, Page, cut, decode_cursor
from newsletters.mail.verp import IssueBounce, MailBounce
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason

SOURCE: Final = "editor"
LONGEST_SHOWN: Final = 100_000
_RECEIVED = re.compile(
    rb"^(?:Received|X-Received|Delivered-To|Return-Path)[^\n]*\n(?:[ \t][^\n]*\n)*",
    re.IGNORECASE | re.MULTILINE,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a mail seems to be. Nothing follows from it until an editor says so."""

    about: About | None = None
    kind: EventKind | None = None
    reply: str = ""
    address_hash: str = ""


NO_GUESS: Final = Guess()


@dataclass(frozen=True, slots=True)
class Shown:
    """A quarantined mail for looking at: every line of it is a stranger's text."""

    mail: QuarantinedMail
    subject: str
    sender: str
    source: str


def keep(
    session: Session,
    *,
    door: str,
    why: QuarantineReason,
    raw: bytes,
    now: datetime,
    recipient: str = "",
    sender: str = "",
    guess: Guess = NO_GUESS,
) -> QuarantinedMail:
    """Put a mail aside. Idempotent: the same mail to the same address is one row."""
    about = guess.about
    key = _content_key(recipient, raw)
    session.execute(
        insert_into(session, QuarantinedMail)
        .values(
            at=now,
            door=door[:20],
            why=why,
            recipient=_storable(recipient),
            sender=_storable(sender),
            raw=raw[:LARGEST_BYTES],
            size=len(raw),
            content_key=key,
            kind=guess.kind.value if guess.kind else "",
            reply=clean(guess.reply)[:500],
            issue_id=about.issue_id if isinstance(about, IssueBounce) else None,
            subscriber_id=about.subscriber_id if isinstance(about, IssueBounce) else None,
            outbox_id=about.outbox_id if isinstance(about, MailBounce) else None,
            address_hash=guess.address_hash,
        )
        .on_conflict_do_nothing(index_elements=["content_key"])
    )
    return session.scalars(select(QuarantinedMail).where(QuarantinedMail.content_key == key)).one()


def act(
    session: Session, mail: QuarantinedMail, kind: EventKind, *, editor_id: int | None, now: datetime
) -> Recorded:
    """Let an editor's word make it an event about the mail it names. Raises NothingNamed."""
    about = about_of(mail)
    if about is None:
        raise NothingNamed(f"mail {mail.id} names no mail of ours")
    event = MailEvent(
        about=about,
        kind=kind,
        source=SOURCE,
        event_id=mail.content_key,
        at=mail.at,
        reply=mail.reply,
    )
    came_to = record_event(session, event, now=now)
    _decide(mail, Decision.ACTED, editor_id, now)
    return came_to


def drop(mail: QuarantinedMail, *, editor_id: int | None, now: datetime) -> None:
    """It means nothing."""
    _decide(mail, Decision.DROPPED, editor_id, now)


class NothingNamed(ValueError):
    """Nobody knows which mail of ours this is about."""


def about_of(mail: QuarantinedMail) -> About | None:
    """The mail of ours that it names, as far as we can tell."""
    if mail.issue_id is not None and mail.subscriber_id is not None:
        return IssueBounce(mail.issue_id, mail.subscriber_id)
    return MailBounce(mail.outbox_id) if mail.outbox_id is not None else None


def undecided(session: Session, *, after: str | None = None, size: int = PAGE_SIZE) -> Page[QuarantinedMail]:
    """What waits for an editor, the newest first."""
    chosen = select(QuarantinedMail).where(QuarantinedMail.decision.is_(None))
    key = decode_cursor(after)
    if key is not None and isinstance(key[0], int):
        chosen = chosen.where(QuarantinedMail.id < key[0])
    rows = session.scalars(chosen.order_by(QuarantinedMail.id.desc()).limit(size + 1)).all()
    return cut(rows, size, lambda row: (row.id,))


def how_many(session: Session) -> int:
    """How many mails wait for an editor."""
    waiting = select(func.count()).select_from(QuarantinedMail).where(QuarantinedMail.decision.is_(None))
    return session.scalar(waiting) or 0


def shown(mail: QuarantinedMail) -> Shown:
    """The mail as text without anything invisible that could make it look like something else."""
    source = mail.raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return Shown(
        mail=mail,
        subject=_visible(_header(mail.raw, "Subject")),
        sender=_visible(_header(mail.raw, "From")),
        source=_visible(source[:LONGEST_SHOWN]),
    )


def headings(mails: Sequence[QuarantinedMail]) -> dict[int, str]:
    """The subjects of some mails."""
    return {mail.id: _visible(_header(mail.raw, "Subject")) for mail in mails}


def forget_old(session: Session, *, before: datetime) -> None:
    """Delete what has lain here long enough, and what speaks of readers who were erased."""
    erased = select(Suppression.address_hash).where(Suppression.reason == SuppressionReason.ERASED)
    session.execute(delete(QuarantinedMail).where(QuarantinedMail.at < before))
    session.execute(delete(QuarantinedMail).where(QuarantinedMail.address_hash.in_(erased)))


def _decide(mail: QuarantinedMail, decision: Decision, editor_id: int | None, now: datetime) -> None:
    mail.decision, mail.decided_at, mail.decided_by_id = decision, now, editor_id
    mail.raw, mail.sender, mail.reply = b"", "", ""


def _content_key(recipient: str, raw: bytes) -> str:
    """The same for the same mail, whatever stamps it got on its second way to us."""
    body = _RECEIVED.sub(b"", raw[:LARGEST_BYTES].replace(b"\r\n", b"\n"))
    named = f"{recipient}\0{len(raw)}\0".encode("utf-8", "surrogatepass")
    return hashlib.sha256(named + body).hexdigest()


def _header(raw: bytes, name: str) -> str:
    try:
        return field(Letter(raw).mime, name)[:300]
    except Unreadable:
        return ""


def _storable(text: str) -> str:
    return clean(text)[:320]


def _visible(text: str) -> str:
    """Control characters, and those that turn the direction of writing, as what they are."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)

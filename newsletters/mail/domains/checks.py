"""Keeps what was found out about sending domains: a page reads it, a background task renews it.

Nothing here asks the network. A look is good for half a day; an editor may ask for a fresh one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletters.kernel.db import insert_into
from newsletters.mail.domains.findings import Finding, Level, from_json, to_json, worst
from newsletters.mail.domains.models import DomainCheck

FRESH: Final = timedelta(hours=12)
FORGOTTEN: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """Whose domain is looked at: the one in From, and the one that answers go to."""

    from_domain: str
    reply_domain: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The last look at a sender, if there was one."""

    level: Level | None
    findings: Sequence[Finding]
    checked_at: datetime | None
    is_waiting: bool

    @property
    def is_broken(self) -> bool:
        return self.level is Level.BROKEN


def standing(session: Session, pair: Pair) -> Standing:
    """What is known of a sender."""
    row = session.get(DomainCheck, (pair.from_domain, pair.reply_domain))
    if row is None:
        return Standing(None, (), None, is_waiting=False)
    return Standing(row.level, from_json(row.findings), row.checked_at, row.is_waiting)


def ask(session: Session, pair: Pair, *, now: datetime) -> None:
    """Want a fresh look; a worker takes it."""
    _row(session, pair).asked_at = now


def due(session: Session, pairs: Iterable[Pair], *, now: datetime) -> list[Pair]:
    """Those of ``pairs`` whose look is old, missing or asked for."""
    rows = {Pair(row.from_domain, row.reply_domain): row for row in session.scalars(select(DomainCheck))}
    return [pair for pair in sorted(set(pairs)) if _is_due(rows.get(pair), now=now)]


def keep(session: Session, pair: Pair, found: Sequence[Finding], *, now: datetime) -> None:
    """Keep what a look found."""
    row = _row(session, pair)
    row.level, row.findings, row.checked_at = worst(found), to_json(found), now


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete looks at senders that are no longer ours."""
    session.execute(delete(DomainCheck).where(DomainCheck.checked_at < now - FORGOTTEN))


def _is_due(row: DomainCheck | None, *, now: datetime) -> bool:
    return row is None or row.checked_at is None or row.is_waiting or row.checked_at < now - FRESH


def _row(session: Session, pair: Pair) -> DomainCheck:
    session.execute(
        insert_into(session, DomainCheck)
        .values(from_domain=pair.from_domain, reply_domain=pair.reply_domain, findings=[])
        .on_conflict_do_nothing(index_elements=["from_domain", "reply_domain"])
    )
    return session.get_one(DomainCheck, (pair.from_domain, pair.reply_domain))

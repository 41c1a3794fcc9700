"""Which processes are there, and which issues each worker sends at this moment."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.delivery.models import Batch, BatchState
from newsletters.kernel import roster
from newsletters.kernel.roster import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One process."""

    name: str
    kind: Kind
    host: str
    version: str
    started_at: datetime
    seen_at: datetime
    is_silent: bool
    lacks_room: bool
    issue_ids: tuple[int, ...]


def crew(session: Session, *, now: datetime) -> list[Member]:
    """The processes heard of lately: workers first, each kind by machine."""
    sending = _issues_by_worker(session, now=now)
    return [
        Member(
            name=worker.name,
            kind=worker.kind,
            host=worker.host,
            version=worker.version,
            started_at=worker.started_at,
            seen_at=worker.seen_at,
            is_silent=worker.is_silent(now),
            lacks_room=worker.lacks_room,
            issue_ids=tuple(sorted(sending.get(worker.name, ()))),
        )
        for kind in Kind
        for worker in roster.present(session, kind=kind, now=now)
    ]


def _issues_by_worker(session: Session, *, now: datetime) -> dict[str, set[int]]:
    held = select(Batch.worker, Batch.issue_id).where(
        Batch.state == BatchState.OPEN, Batch.leased_until > now
    )
    found: dict[str, set[int]] = {}
    for worker, issue_id in session.execute(held.distinct()):
        found.setdefault(worker, set()).add(issue_id)
    return found

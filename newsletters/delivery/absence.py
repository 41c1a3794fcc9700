"""The mail server is away, or asks for a rest: the issue stands still, says why, and comes back by itself.

Nobody's attempts are spent meanwhile. The wait grows from seconds to minutes for as long as nothing is
accepted, also over short returns; what an editor paused is never touched.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletters.delivery.models import Batch
from newsletters.delivery.retry import probe_delay
from newsletters.publishing.models import Issue, IssueState, PauseReason


def rest(session: Session, issue_id: int, *, why: str, now: datetime) -> None:
    """Pause a sending issue because of the server. Hand back first what was being worked on."""
    since = session.scalar(select(Issue.paused_at).where(Issue.id == issue_id))
    if since is None or _accepted_since(session, issue_id, since):
        since = now
    session.execute(
        update(Issue)
        .where(Issue.id == issue_id, Issue.state == IssueState.SENDING)
        .values(
            state=IssueState.PAUSED,
            pause_reason=PauseReason.SERVER,
            pause_detail=why[:500],
            paused_at=since,
            resume_at=now + probe_delay(now - since),
        )
        .execution_options(synchronize_session=False)
    )


def stop_for_content(session: Session, issue_id: int, *, why: str, now: datetime) -> None:
    """Pause a sending issue that cannot be mailed as it is, until an editor has looked."""
    session.execute(
        update(Issue)
        .where(Issue.id == issue_id, Issue.state == IssueState.SENDING)
        .values(
            state=IssueState.PAUSED,
            pause_reason=PauseReason.CONTENT,
            pause_detail=why[:500],
            paused_at=now,
            resume_at=None,
        )
        .execution_options(synchronize_session=False)
    )


def issues_to_probe(session: Session, *, now: datetime) -> list[int]:
    """The issues whose server is to be tried again now."""
    away = select(Issue.id).where(Issue.state == IssueState.PAUSED, Issue.pause_reason == PauseReason.SERVER)
    return list(session.scalars(away.where(Issue.resume_at <= now).order_by(Issue.id)))


def try_now(session: Session, *, now: datetime) -> None:
    """Let every issue that waits for a server ask again at once: somebody has looked after it."""
    session.execute(
        update(Issue)
        .where(Issue.state == IssueState.PAUSED, Issue.pause_reason == PauseReason.SERVER)
        .where(Issue.resume_at > now)
        .values(resume_at=now)
        .execution_options(synchronize_session=False)
    )


def come_back(session: Session, issue_id: int, *, now: datetime) -> None:
    """The server answers: go on. ``paused_at`` stays until something is accepted, so that waits grow."""
    gone = {"pause_reason": None, "pause_detail": "", "resume_at": None}
    _update_absent(session, issue_id, now, state=IssueState.SENDING, **gone)


def stay_away(session: Session, issue_id: int, *, why: str, now: datetime) -> None:
    """The server does not answer yet: try again later."""
    since = session.scalar(select(Issue.paused_at).where(Issue.id == issue_id))
    waited = now - since if since is not None else timedelta()
    _update_absent(session, issue_id, now, pause_detail=why[:500], resume_at=now + probe_delay(waited))


def _update_absent(session: Session, issue_id: int, now: datetime, **values: object) -> None:
    session.execute(
        update(Issue)
        .where(
            Issue.id == issue_id,
            Issue.state == IssueState.PAUSED,
            Issue.pause_reason == PauseReason.SERVER,
            Issue.resume_at <= now,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def _accepted_since(session: Session, issue_id: int, since: datetime) -> bool:
    """Told by the batches that were handed back since then; the caller has handed back its own."""
    worked_on = select(Batch.accepted_in).where(
        Batch.issue_id == issue_id, Batch.worked_at >= since, Batch.accepted > 0
    )
    seconds = session.scalars(worked_on.order_by(Batch.worked_at.desc()))
    return any(second > since.timestamp() for accepted in seconds for second, _ in accepted)

"""A database that was put back from a copy: what was on its way when the copy was made stands still.

The copy does not know what was sent after it, so it goes on with nothing by itself. An issue on its way is
paused; a scheduled one waits, and where its time has passed by then an editor decides; a single mail that
waited is given up. Confirmations of those who sign up from now on leave as ever. An owner's release ends the
hold and sends nothing itself: each issue goes on by its own button.
"""

from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from newsletters.kernel import restorations
from newsletters.kernel.restorations import Restoration
from newsletters.mail import outbox
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.subscribers import restored

LEFT: Final = "not sent: it waited when this copy of the database was made, and may have left since"


def stand_still(session: Session, copy: Restoration, *, before: datetime, now: datetime) -> None:
    """Hold what the copy had on its way ``before`` a moment. Once for each copy: does nothing twice."""
    if copy.restored_at is not None:
        return
    copy.restored_at = now
    copy.issues_held = _hold_issues(session, now)
    copy.mails_left = outbox.give_up_waiting(session, before=before, reply=LEFT, now=now)
    _miss_past_times(session, now)
    restored.owe_nothing(session, before=before, now=now)
    restorations.leave_gap(session)
    session.flush()


def stand_still_if_copied(session: Session, *, now: datetime) -> bool:
    """The same for a copy that somebody put into place by hand; says whether it was one."""
    copy = restorations.in_force(session)
    if copy is None or copy.restored_at is not None:
        return False
    stand_still(session, copy, before=copy.copied_at, now=now)
    return True


def release(session: Session, *, by: str, now: datetime) -> Restoration | None:
    """Let sending go on, as an owner has looked; None where nothing is held.

    A schedule whose time has passed meanwhile is missed: what goes out late is for an editor to say.
    """
    copy = restorations.let_go(session, by=by, now=now)
    if copy is not None:
        _miss_past_times(session, now)
    return copy


def _hold_issues(session: Session, now: datetime) -> int:
    """What an editor had paused stays so; what would go on by itself does not."""
    on_their_way = (
        update(Issue)
        .where(
            (Issue.state == IssueState.SENDING)
            | (Issue.state == IssueState.PAUSED) & (Issue.pause_reason == PauseReason.SERVER)
        )
        .values(
            state=IssueState.PAUSED,
            pause_reason=PauseReason.RESTORED,
            pause_detail="",
            paused_at=now,
            resume_at=None,
        )
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", session.execute(on_their_way)).rowcount


def _miss_past_times(session: Session, now: datetime) -> None:
    session.execute(
        update(Issue)
        .where(Issue.state == IssueState.SCHEDULED, Issue.send_at <= now)
        .values(state=IssueState.MISSED)
        .execution_options(synchronize_session=False)
    )

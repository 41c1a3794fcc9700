"""Where an issue may go from where it is, and the use cases that take it there.

The table is the law and is pure. Every use case locks the issue's row first, so that an editor and a worker
who meet there come one after the other. Nothing here sends: a worker sees the state and acts on it.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy.orm import Session

from newsletters.kernel.errors import DomainError
from newsletters.kernel.restorations import require_released
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.publishing.models import Issue, IssueState, Newsletter, PauseReason

MISSED_AFTER = timedelta(minutes=15)  # later than this nothing ran, and a person decides


class Action(StrEnum):
    """What may be done to an issue, by an editor or by the worker."""

    SCHEDULE = "schedule"
    UNSCHEDULE = "unschedule"
    MISS = "miss"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FINISH = "finish"
    REOPEN = "reopen"


TRANSITIONS: Final[dict[tuple[IssueState, Action], IssueState]] = {
    (IssueState.DRAFT, Action.SCHEDULE): IssueState.SCHEDULED,
    (IssueState.MISSED, Action.SCHEDULE): IssueState.SCHEDULED,
    (IssueState.SCHEDULED, Action.SCHEDULE): IssueState.SCHEDULED,
    (IssueState.SCHEDULED, Action.UNSCHEDULE): IssueState.DRAFT,
    (IssueState.MISSED, Action.UNSCHEDULE): IssueState.DRAFT,
    (IssueState.SCHEDULED, Action.MISS): IssueState.MISSED,
    (IssueState.SCHEDULED, Action.START): IssueState.SENDING,
    (IssueState.SENDING, Action.PAUSE): IssueState.PAUSED,
    (IssueState.PAUSED, Action.PAUSE): IssueState.PAUSED,
    (IssueState.PAUSED, Action.RESUME): IssueState.SENDING,
    (IssueState.SENDING, Action.CANCEL): IssueState.CANCELLED,
    (IssueState.PAUSED, Action.CANCEL): IssueState.CANCELLED,
    (IssueState.SENDING, Action.FINISH): IssueState.SENT,
    (IssueState.SENT, Action.REOPEN): IssueState.SENDING,
    (IssueState.SENDING, Action.REOPEN): IssueState.SENDING,
    (IssueState.PAUSED, Action.REOPEN): IssueState.PAUSED,
}


SENDS: Final = frozenset({Action.START, Action.RESUME, Action.REOPEN})


class WrongState(DomainError):
    """The issue is not where this action starts from."""

    def __init__(self, state: IssueState, action: Action) -> None:
        super().__init__(f"issue is {state}: cannot {action}")
        self.state = state
        self.action = action


class NotReady(DomainError):
    """The issue lacks what a mail needs, or its newsletter no longer appears."""


def can(issue: Issue, action: Action) -> bool:
    """Whether ``action`` is open to ``issue`` as it stands."""
    return (issue.state, action) in TRANSITIONS


def move(session: Session, issue: Issue, action: Action) -> None:
    """Lock the issue, read it anew and set the state ``action`` leads to. Raises WrongState, SendingHeld."""
    session.flush()
    if action in SENDS:
        require_released(session)
    session.refresh(issue, with_for_update=True)
    if not can(issue, action):
        raise WrongState(issue.state, action)
    issue.state = TRANSITIONS[issue.state, action]


def schedule(
    session: Session, issue: Issue, *, send_at: datetime, editor_id: int | None, now: datetime
) -> None:
    """Let the issue go out at ``send_at``; a moment already past means at once. Raises NotReady."""
    _require_ready(session, issue)
    move(session, issue, Action.SCHEDULE)
    issue.send_at = max(send_at, now)
    issue.scheduled_by_id = editor_id


def send_now(
    session: Session, issue: Issue, *, undo_seconds: int, editor_id: int | None, now: datetime
) -> None:
    """Let the issue go out once the undo window has passed."""
    schedule(session, issue, send_at=now + timedelta(seconds=undo_seconds), editor_id=editor_id, now=now)


def unschedule(session: Session, issue: Issue, *, now: datetime) -> None:  # noqa: ARG001
    """Make the issue a draft again: the undo of "send now" and of a schedule alike."""
    move(session, issue, Action.UNSCHEDULE)
    issue.send_at = issue.scheduled_by_id = None


def undo_until(issue: Issue, *, now: datetime) -> datetime | None:
    """Until when a scheduled issue can still be called back; None where it is too late."""
    if issue.state is not IssueState.SCHEDULED or issue.send_at is None or issue.send_at <= now:
        return None
    return issue.send_at


def pause(
    session: Session,
    issue: Issue,
    *,
    reason: PauseReason = PauseReason.EDITOR,
    detail: str = "",
    now: datetime,
) -> None:
    """Stop beginning new messages. An editor's pause also takes over from one that would end by itself."""
    move(session, issue, Action.PAUSE)
    issue.pause_reason = reason
    issue.pause_detail = detail[:500]
    issue.paused_at = now
    issue.resume_at = None


def resume(session: Session, issue: Issue, *, now: datetime) -> None:  # noqa: ARG001
    """Go on where it stopped. After a content pause this accepts the content as it is now."""
    move(session, issue, Action.RESUME)
    if issue.pause_reason is PauseReason.CONTENT:
        issue.content_hash = frozen_hash(issue, newsletter_of(session, issue))
    forget_pause(issue)


def cancel(session: Session, issue: Issue, *, now: datetime) -> None:  # noqa: ARG001
    """Stop for good. Whoever has it keeps it; a worker writes off the rest."""
    move(session, issue, Action.CANCEL)
    forget_pause(issue)


def forget_pause(issue: Issue) -> None:
    issue.pause_reason = issue.paused_at = issue.resume_at = None
    issue.pause_detail = ""


def newsletter_of(session: Session, issue: Issue) -> Newsletter:
    return session.get_one(Newsletter, issue.newsletter_id)


def _require_ready(session: Session, issue: Issue) -> None:
    if newsletter_of(session, issue).is_retired:
        raise NotReady("the newsletter is retired")
    if not issue.subject.strip():
        raise NotReady("the issue has no subject")
    if not issue.body.strip():
        raise NotReady("the issue has no text")

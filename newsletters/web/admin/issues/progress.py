"""An issue on its way: the undo window, live progress, and the brakes.

Every act is asked for once more and written into the audit log.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Response, abort, flash, jsonify, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from newsletters import context
from newsletters.accounts.queries import editor_names
from newsletters.delivery.queries import excluded, progress
from newsletters.delivery.reopen import retry_failed
from newsletters.kernel.restorations import SendingHeld
from newsletters.publishing import lifecycle
from newsletters.publishing.lifecycle import Action, WrongState
from newsletters.publishing.models import ON_ITS_WAY, Issue, Newsletter, PauseReason
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues import words
from newsletters.web.admin.issues.shelves import issue_or_404
from newsletters.web.tongue import _

LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Brake:
    """Something that can be done to an issue on its way."""

    action: Action
    audit_as: str
    act: Callable[[Session, Issue, datetime], object]


def _pause(session: Session, issue: Issue, now: datetime) -> None:
    lifecycle.pause(session, issue, now=now)


def _resume(session: Session, issue: Issue, now: datetime) -> None:
    lifecycle.resume(session, issue, now=now)


def _cancel(session: Session, issue: Issue, now: datetime) -> None:
    lifecycle.cancel(session, issue, now=now)


def _unschedule(session: Session, issue: Issue, now: datetime) -> None:
    lifecycle.unschedule(session, issue, now=now)


def _retry(session: Session, issue: Issue, now: datetime) -> None:
    retry_failed(session, issue, now=now)


BRAKES = {
    "pause": Brake(Action.PAUSE, "issue.paused", _pause),
    "resume": Brake(Action.RESUME, "issue.resumed", _resume),
    "cancel": Brake(Action.CANCEL, "issue.cancelled", _cancel),
    "draft": Brake(Action.UNSCHEDULE, "issue.unscheduled", _unschedule),
    "retry": Brake(Action.REOPEN, "issue.retried", _retry),
}


def sending_page(session: Session, shown: Issue) -> str:
    """Scheduled, missed, going out or paused."""
    now = context.now()
    return render_template(
        "desk/issues/sending.html",
        issue=shown,
        newsletter=session.get_one(Newsletter, shown.newsletter_id),
        scheduled_by=editor_names(session, {shown.scheduled_by_id or 0}).get(shown.scheduled_by_id or 0, ""),
        undo_until=lifecycle.undo_until(shown, now=now),
        is_undo=_is_undo(shown, now),
        progress_html=_progress_html(session, shown),
        now=now,
        words=words,
    )


@blueprint.get("/issues/<int:issue_id>/progress")
@editors_only
def progress_json(issue_id: int) -> Response:
    """For the page's script: where things stand, as HTML, and the state, so that it knows when to reload."""
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        return jsonify(state=shown.state.value, html=_progress_html(session, shown))


@blueprint.get("/issues/<int:issue_id>/confirm/<action>")
@editors_only
def ask_brake(issue_id: int, action: str) -> str | AnyResponse:
    """Say what pausing, going on, cancelling or retrying means, with the button that does it."""
    brake = BRAKES.get(action) or abort(404)
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        if not lifecycle.can(shown, brake.action):
            return redirect(url_for("desk.issue", issue_id=issue_id), 303)
        return render_template(
            "desk/issues/confirm.html",
            issue=shown,
            newsletter=session.get_one(Newsletter, shown.newsletter_id),
            action=action,
            needs_reason=needs_reason(shown, action),
            progress=progress(session, issue_id, now=context.now()),
            words=words,
        )


@blueprint.post("/issues/<int:issue_id>/confirm/<action>")
@editors_only
def pull_brake(issue_id: int, action: str) -> AnyResponse:
    """Do it, and write it into the audit log."""
    brake = BRAKES.get(action) or abort(404)
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON]
    try:
        with context.transaction() as session:
            shown = issue_or_404(session, issue_id)
            if needs_reason(shown, action) and not reason:
                flash(_("Please say why; it is kept in the audit log."), "bad")
                return redirect(url_for("desk.ask_brake", issue_id=issue_id, action=action), 303)
            brake.act(session, shown, context.now())
            record_act(session, brake.audit_as, "issue", issue_id, detail=reason)
    except SendingHeld:
        flash(_("All sending is held until an owner releases it."), "warn")
        return redirect(url_for("desk.issue", issue_id=issue_id), 303)
    except WrongState:
        flash(_("It was too late for that: the issue has gone on meanwhile."), "warn")
        return redirect(url_for("desk.issue", issue_id=issue_id), 303)
    context.runtime().engine.nudge("pulse", priority=50)
    flash(_done(action), "good")
    return redirect(url_for("desk.issue", issue_id=issue_id), 303)


def needs_reason(shown: Issue, action: str) -> bool:
    """Whether going on is somebody's judgement that must be answered for: readers called the issue spam."""
    return action == "resume" and shown.pause_reason is PauseReason.COMPLAINTS


def _done(action: str) -> str:
    return {
        "pause": _("Paused. Messages that were under way still arrive; no new ones are begun."),
        "resume": _("Sending goes on."),
        "cancel": _("Cancelled. Nobody else gets this issue."),
        "draft": _("The issue is a draft again. Nobody has got it."),
        "retry": _("The readers whom it did not reach are tried again."),
    }[action]


def _progress_html(session: Session, shown: Issue) -> str:
    if shown.state not in ON_ITS_WAY:
        return ""
    return render_template(
        "desk/issues/_progress.html",
        issue=shown,
        newsletter=session.get_one(Newsletter, shown.newsletter_id),
        progress=progress(session, shown.id, now=context.now()),
        excluded=excluded(session, shown.id),
        words=words,
    )


def _is_undo(shown: Issue, now: datetime) -> bool:
    """Whether the issue is in the short window after "send now", not waiting for a day to come."""
    until = lifecycle.undo_until(shown, now=now)
    return until is not None and (until - now).total_seconds() <= context.runtime().config.undo_seconds

"""The last page before an issue goes out: one sentence that says what will happen, and what is in its way.

The page is a plain GET, so it can be looked at as often as one likes; only the button at its end acts. It
carries the version it was made from: if anybody has written meanwhile, nothing goes out and the page is
shown anew.
"""

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.delivery.audience import Audience, audience
from newsletters.publishing import lifecycle
from newsletters.publishing.checks import Finding, Severity
from newsletters.publishing.lifecycle import Action, NotReady, WrongState
from newsletters.publishing.models import Issue, Newsletter
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.domain_standing import DomainGate, domain_gate
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues import words
from newsletters.web.admin.issues.checks import findings_of
from newsletters.web.admin.issues.shelves import issue_or_404
from newsletters.web.admin.issues.timing import Timing, read_timing, suggested
from newsletters.web.tongue import _

Answer = Response | tuple[str, int] | str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen, and what stands in the way."""

    issue: Issue
    newsletter: Newsletter
    timing: Timing
    audience: Audience
    findings: list[Finding]
    must_type_name: bool
    gate: DomainGate

    @property
    def warnings(self) -> list[Finding]:
        return [one for one in self.findings if one.severity is Severity.WARNING]

    @property
    def is_blocked(self) -> bool:
        blocking = any(one.severity is Severity.BLOCKING for one in self.findings)
        return blocking or not self.audience.included or self.newsletter.is_retired or self.gate.is_final

    @property
    def is_open(self) -> bool:
        """Whether there is a button to press."""
        return not self.is_blocked and self.timing.send_at is not None


@blueprint.get("/issues/<int:issue_id>/send")
@editors_only
def send_form(issue_id: int) -> Answer:
    """Show the sentence and what belongs to it."""
    with context.reading() as session:
        issue = issue_or_404(session, issue_id)
        if not lifecycle.can(issue, Action.SCHEDULE):
            return redirect(url_for("desk.issue", issue_id=issue_id), 303)
        return _page(session, _plan(session, issue))


@blueprint.post("/issues/<int:issue_id>/send")
@editors_only
def send_issue(issue_id: int) -> Answer:
    """Send now or schedule, if everything still is as the page said."""
    try:
        with context.transaction() as session:
            issue = issue_or_404(session, issue_id)
            plan = _plan(session, issue)
            problems = _problems(plan)
            if problems:
                return _page(session, plan, problems), 422
            _let_go(session, plan)
    except (WrongState, NotReady):
        flash(_("This issue cannot be sent as it stands now."), "warn")
    return redirect(url_for("desk.issue", issue_id=issue_id), 303)


def _plan(session: Session, issue: Issue) -> Plan:
    newsletter = session.get_one(Newsletter, issue.newsletter_id)
    now, config = context.now(), context.runtime().config
    found = audience(session, newsletter.id, now=now)
    is_large = found.included > config.large_audience
    return Plan(
        issue=issue,
        newsletter=newsletter,
        timing=read_timing(request.values, newsletter.zone, now=now),
        audience=found,
        findings=findings_of(session, issue),
        must_type_name=is_large,
        gate=domain_gate(session, newsletter, is_large=is_large),
    )


def _problems(plan: Plan) -> dict[str, str]:
    """What keeps this very POST from acting, by the field it belongs to."""
    problems = {}
    if request.form.get("version", 0, int) != plan.issue.version:
        problems["version"] = _("The issue was changed since this page was made. Please look at it again.")
    if plan.is_blocked:
        problems["checks"] = _("What must be put right is listed below.")
    if plan.timing.send_at is None:
        problems["when"] = plan.timing.problem or _("Please say when.")
    if plan.warnings and "seen" not in request.form:
        problems["seen"] = _("Please tick that you have looked at the warnings.")
    if not plan.gate.is_final and (without_reason := plan.gate.problem()):
        problems["domain_reason"] = without_reason
    if plan.must_type_name and _typed_name() != plan.newsletter.name.casefold():
        problems["name"] = _("Please type the newsletter’s name exactly: %(name)s", name=plan.newsletter.name)
    return problems


def _typed_name() -> str:
    return " ".join(request.form.get("name", "").split()).casefold()


def _let_go(session: Session, plan: Plan) -> None:
    editor, now = current_editor(), context.now()
    if plan.timing.is_now:
        undo_seconds = context.runtime().config.undo_seconds
        lifecycle.send_now(session, plan.issue, undo_seconds=undo_seconds, editor_id=editor.id, now=now)
    elif plan.timing.send_at is not None:
        lifecycle.schedule(session, plan.issue, send_at=plan.timing.send_at, editor_id=editor.id, now=now)
    action = "issue.sent" if plan.timing.is_now else "issue.scheduled"
    detail = f"to {plan.audience.included} readers at {plan.issue.send_at:%Y-%m-%d %H:%M} UTC"
    record_act(session, action, "issue", plan.issue.id, detail=detail)
    if plan.gate.is_shut:
        record_act(session, "issue.domain_overruled", "issue", plan.issue.id, detail=plan.gate.reason())


def _page(session: Session, plan: Plan, problems: dict[str, str] | None = None) -> str:
    suggestion = suggested(session, plan.issue, plan.newsletter, now=context.now())
    return render_template(
        "desk/issues/send.html",
        plan=plan,
        problems=problems or {},
        suggestion=suggestion,
        undo_seconds=context.runtime().config.undo_seconds,
        words=words,
    )

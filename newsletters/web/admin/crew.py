"""Workers: which processes send, serve pages and take mail, on which machines. For owners."""

from flask import render_template

from newsletters import context
from newsletters.kernel.roster import Kind
from newsletters.publishing.models import Issue
from newsletters.reports.crew import Member, crew
from newsletters.web.admin.access import owners_only
from newsletters.web.admin.door import blueprint
from newsletters.web.tongue import _


@blueprint.get("/workers")
@owners_only
def workers() -> str:
    """Show everyone heard of lately, the silent ones too."""
    with context.reading() as session:
        members = crew(session, now=context.now())
        sending = {issue_id for member in members for issue_id in member.issue_ids}
        issues = {issue_id: session.get_one(Issue, issue_id) for issue_id in sending}
    return render_template(
        "desk/crew/overview.html",
        members=members,
        issues=issues,
        has_workers=any(member.kind is Kind.WORKER for member in members),
        is_anybody_working=any(member.kind is Kind.WORKER and not member.is_silent for member in members),
        codes={member.version for member in members if not member.is_silent},
        state_words=state_words,
        kind_words=kind_words,
    )


def kind_words(kind: Kind) -> str:
    """What a process is called."""
    words = {Kind.WORKER: _("Worker"), Kind.WEB: _("Web server"), Kind.INBOUND: _("Mail door")}
    return words[kind]


def state_words(member: Member) -> tuple[str, str]:
    """The badge's state and word."""
    if member.is_silent:
        return "error", _("Silent")
    if member.lacks_room:
        return "warning", _("Finds no room on the disk")
    return ("sending", _("Sends")) if member.issue_ids else ("ok", _("Ready"))

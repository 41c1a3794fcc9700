"""Workers: which processes send and tidy up, on which machines, and what each is at now. For owners."""

from flask import render_template

from newsletters import context
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
        is_anybody_working=any(not member.is_silent for member in members),
        codes={member.version for member in members if not member.is_silent},
        state_words=state_words,
    )


def state_words(member: Member) -> tuple[str, str]:
    """The badge's state and word."""
    if member.is_silent:
        return "error", _("Silent")
    if member.lacks_room:
        return "warning", _("Finds no room on the disk")
    return ("sending", _("Sends")) if member.issue_ids else ("ok", _("Ready"))

"""The panel of checks beside an issue, and asking its links whether they are alive."""

from collections.abc import Mapping
from datetime import timedelta

from flask import Response, flash, jsonify, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from newsletters import context
from newsletters.kernel.limits import Limit, hit
from newsletters.publishing.checks import Finding, links
from newsletters.publishing.linkchecks import note
from newsletters.publishing.linkprobe import LinkProbe
from newsletters.publishing.models import Issue
from newsletters.publishing.preflight import preflight
from newsletters.web.admin.access import current_editor, editors_only, wants_json
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues import words
from newsletters.web.admin.issues.mail import templates
from newsletters.web.admin.issues.shelves import issue_or_404
from newsletters.web.tongue import _, ngettext

ROUNDS = Limit("link checks", 30, timedelta(hours=1))


def findings_of(session: Session, issue: Issue) -> list[Finding]:
    """What the checks find in an issue as it is saved."""
    return preflight(session, issue, urls=context.runtime().urls, templates=templates(), now=context.now())


def checks_panel(session: Session, issue: Issue) -> str:
    """The panel as HTML, for the page and for the script that refreshes it."""
    found = findings_of(session, issue)
    return render_template("desk/issues/_checks.html", issue=issue, findings=found, is_here=True, words=words)


@blueprint.post("/issues/<int:issue_id>/links")
@editors_only
def check_links(issue_id: int) -> Response | AnyResponse:
    """Ask every link once; no transaction is open while we wait for other people's servers."""
    with context.transaction() as session:
        hrefs = links(issue_or_404(session, issue_id).body)
        within = hit(session, ROUNDS, str(current_editor().id), now=context.now())
    problems = LinkProbe().problems(hrefs) if within else {}
    with context.transaction() as session:
        note(session, problems, now=context.now())
        panel = checks_panel(session, issue_or_404(session, issue_id))
    said = _said(problems) if within else _("That was often. Please wait an hour before the next round.")
    if wants_json():
        return jsonify(checks=panel, status=said)
    flash(said, "info" if within else "warn")
    return redirect(url_for("desk.issue", issue_id=issue_id, _anchor="checks"), 303)


def _said(problems: Mapping[str, str]) -> str:
    dead = sum(1 for problem in problems.values() if problem)
    if not problems:
        return _("There are no links to check.")
    if not dead:
        return ngettext("The link is alive.", "All %(num)s links are alive.", len(problems))
    return ngettext("%(num)s link seems to be dead.", "%(num)s links seem to be dead.", dead)

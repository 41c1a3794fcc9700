"""The history of an issue: its revisions, what changed between two, and bringing one back."""

from flask import abort, flash, redirect, render_template, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts.queries import editor_names
from newsletters.publishing.drafts import Conflict, IssueText, NotEditable, save
from newsletters.publishing.models import IssueRevision, Newsletter
from newsletters.publishing.revisions import Note, compare, revision, revisions
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues import words
from newsletters.web.admin.issues.shelves import issue_or_404
from newsletters.web.tongue import _


@blueprint.get("/issues/<int:issue_id>/history")
@editors_only
def history(issue_id: int) -> str:
    """Every revision, newest first."""
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        found = revisions(session, issue_id)
        return render_template(
            "desk/issues/history.html",
            issue=shown,
            newsletter=session.get_one(Newsletter, shown.newsletter_id),
            revisions=found,
            editors=editor_names(session, {one.editor_id or 0 for one in found}),
            words=words,
        )


@blueprint.get("/issues/<int:issue_id>/history/<int:revision_id>")
@editors_only
def revision_page(issue_id: int, revision_id: int) -> str:
    """One revision beside the issue as it is now."""
    with context.reading() as session:
        shown, old = issue_or_404(session, issue_id), _revision_or_404(session, issue_id, revision_id)
        return render_template(
            "desk/issues/revision.html",
            issue=shown,
            newsletter=session.get_one(Newsletter, shown.newsletter_id),
            revision=old,
            editor=editor_names(session, {old.editor_id or 0}).get(old.editor_id or 0, ""),
            body=compare(old.body, shown.body),
            words=words,
        )


@blueprint.post("/issues/<int:issue_id>/history/<int:revision_id>/restore")
@editors_only
def restore_revision(issue_id: int, revision_id: int) -> Response:
    """Bring a revision back; what the issue says now stays in the history."""
    try:
        with context.transaction() as session:
            shown, old = issue_or_404(session, issue_id), _revision_or_404(session, issue_id, revision_id)
            outcome = save(
                session,
                shown,
                text=IssueText(old.subject, old.preheader, old.body),
                base_version=shown.version,
                editor_id=current_editor().id,
                now=context.now(),
                note=Note.RESTORED,
            )
    except NotEditable:
        outcome = Conflict(0, 0)
    if isinstance(outcome, Conflict):
        flash(_("The issue could not be changed: it is no draft, or somebody was faster."), "warn")
    else:
        flash(_("The earlier revision is back. What stood here before is in the history."), "good")
    return redirect(url_for("desk.issue", issue_id=issue_id), 303)


def _revision_or_404(session: Session, issue_id: int, revision_id: int) -> IssueRevision:
    found = revision(session, issue_id, revision_id)
    if found is None:
        abort(404)
    return found

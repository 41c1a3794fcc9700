"""Writing an issue: the editor's page, its plain save, and the autosave that a script sends."""

from flask import Response, flash, jsonify, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from newsletters import context
from newsletters.publishing.drafts import Conflict, IssueText, NotEditable, Saved, TextTooLong, save
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.publishing.revisions import Note
from newsletters.publishing.wording import PLACEHOLDERS, default_words
from newsletters.web.admin.access import current_editor, editors_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues.checks import checks_panel
from newsletters.web.admin.issues.progress import sending_page
from newsletters.web.admin.issues.report import report_page
from newsletters.web.admin.issues.shelves import issue_or_404
from newsletters.web.tongue import _

Answer = AnyResponse | tuple[str, int] | str
SENDING = (IssueState.SCHEDULED, IssueState.MISSED, IssueState.SENDING, IssueState.PAUSED)


@blueprint.get("/issues/<int:issue_id>")
@editors_only
def issue(issue_id: int) -> str:
    """Show an issue as it stands: to be written, on its way, or arrived."""
    with context.reading() as session:
        shown = issue_or_404(session, issue_id)
        if shown.is_editable:
            return editor_page(session, shown, text=IssueText.of(shown))
        return sending_page(session, shown) if shown.state in SENDING else report_page(session, shown)


@blueprint.post("/issues/<int:issue_id>")
@editors_only
def save_issue(issue_id: int) -> Answer:
    """Save what the form holds, and go where the pressed button leads."""
    text = _typed()
    try:
        with context.transaction() as session:
            shown = issue_or_404(session, issue_id)
            outcome = _save(session, shown, text, note=Note.SAVED)
    except NotEditable:
        flash(_("This issue is no draft any more, so nothing was changed."), "warn")
        return redirect(url_for("desk.issue", issue_id=issue_id), 303)
    except TextTooLong:
        with context.reading() as session:
            flash(_("This is more than an issue can hold. Nothing was saved."), "bad")
            return editor_page(session, issue_or_404(session, issue_id), text=text), 422
    if isinstance(outcome, Conflict):
        with context.reading() as session:
            page = editor_page(session, issue_or_404(session, issue_id), text=text, conflict=outcome)
            return page, 409
    return redirect(_next_place(issue_id), 303)


@blueprint.post("/issues/<int:issue_id>/text")
@editors_only
def autosave(issue_id: int) -> Response | tuple[Response, int]:
    """Save for the editor's script, and say what the checks find now."""
    try:
        with context.transaction() as session:
            shown = issue_or_404(session, issue_id)
            outcome = _save(session, shown, _typed(), note=Note.AUTOSAVED)
    except NotEditable:
        return jsonify(problem=_("This issue is no draft any more. Your text is kept in this browser.")), 410
    except TextTooLong:
        return jsonify(problem=_("This is more than an issue can hold.")), 413
    if isinstance(outcome, Conflict):
        return jsonify(_conflict_answer(issue_id, outcome)), 409
    with context.reading() as session:
        checks = checks_panel(session, issue_or_404(session, issue_id))
        newsletter = session.get_one(Newsletter, shown.newsletter_id)
    at = f"{context.now().astimezone(newsletter.zone):%H:%M}"
    return jsonify(version=outcome.version, status=_("Saved at %(at)s", at=at), checks=checks)


def editor_page(session: Session, shown: Issue, *, text: IssueText, conflict: Conflict | None = None) -> str:
    """The page to write on; after a conflict it holds what was typed, not what was saved."""
    newsletter = session.get_one(Newsletter, shown.newsletter_id)
    return render_template(
        "desk/issues/editor.html",
        issue=shown,
        newsletter=newsletter,
        text=text,
        conflict=conflict,
        placeholders=[(name, default_words(newsletter)[name]) for name in PLACEHOLDERS],
        checks=checks_panel(session, shown),
    )


def _save(session: Session, shown: Issue, text: IssueText, *, note: Note) -> Saved | Conflict:
    return save(
        session,
        shown,
        text=text,
        base_version=request.form.get("version", 0, int),
        editor_id=current_editor().id,
        now=context.now(),
        note=note,
    )


def _typed() -> IssueText:
    return IssueText(*(request.form.get(name, "") for name in ("subject", "preheader", "body")))


def _next_place(issue_id: int) -> str:
    """Where the button that was pressed leads once the text is safe."""
    places = {"preview": "desk.preview", "send": "desk.send_form", "test": "desk.test_form"}
    endpoint = places.get(request.form.get("then", ""))
    if endpoint is None:
        flash(_("Saved."), "good")
    return url_for(endpoint or "desk.issue", issue_id=issue_id)


def _conflict_answer(issue_id: int, conflict: Conflict) -> dict[str, object]:
    return {
        "problem": _("Somebody else has saved this issue meanwhile. Your text is safe, in the history."),
        "version": conflict.version,
        "compare": url_for("desk.revision_page", issue_id=issue_id, revision_id=conflict.kept_id),
    }

"""Pictures dropped, pasted or chosen while writing."""

from flask import Response, flash, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from newsletters import context
from newsletters.publishing.drafts import Conflict, IssueText, NotEditable, save
from newsletters.publishing.models import Picture
from newsletters.publishing.pictures import LARGEST_UPLOAD_BYTES, PictureRefused, address, store_picture
from newsletters.publishing.revisions import Note
from newsletters.web.admin.access import current_editor, editors_only, wants_json
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.issues import words
from newsletters.web.admin.issues.shelves import issue_or_404
from newsletters.web.tongue import _

Answer = Response | tuple[Response, int] | AnyResponse


@blueprint.post("/issues/<int:issue_id>/pictures")
@editors_only
def upload_picture(issue_id: int) -> Answer:
    """Keep a picture. A script puts it where the cursor is; without one it goes to the end of the text."""
    upload = request.files.get("picture")
    content = upload.stream.read(LARGEST_UPLOAD_BYTES + 1) if upload else b""
    try:
        with context.transaction() as session:
            issue_or_404(session, issue_id)
            picture = store_picture(session, content, uploaded_by_id=current_editor().id, now=context.now())
    except PictureRefused as refused:
        return _refused(issue_id, words.picture_words(refused.reason))
    if wants_json():
        return jsonify(src=address(picture), width=picture.width, height=picture.height)
    return _append(issue_id, picture)


def _refused(issue_id: int, why: str) -> Answer:
    if wants_json():
        return jsonify(problem=why), 422
    flash(why, "bad")
    return redirect(url_for("desk.issue", issue_id=issue_id, _anchor="pictures"), 303)


def _append(issue_id: int, picture: Picture) -> AnyResponse:
    """Write the picture below the text that is saved."""
    try:
        with context.transaction() as session:
            issue = issue_or_404(session, issue_id)
            alt = " ".join(request.form.get("alt", "").split()).replace("]", ")").replace("[", "(")
            text = IssueText.of(issue)
            body = f"{text.body.rstrip()}\n\n![{alt}]({address(picture)})\n".lstrip()
            outcome = save(
                session,
                issue,
                text=IssueText(text.subject, text.preheader, body),
                base_version=issue.version,
                editor_id=current_editor().id,
                now=context.now(),
                note=Note.SAVED,
            )
    except NotEditable:
        outcome = Conflict(0, 0)
    if isinstance(outcome, Conflict):
        flash(_("The picture is kept, but the issue could not be changed."), "warn")
    else:
        flash(_("The picture stands at the end of the text now."), "good")
    return redirect(url_for("desk.issue", issue_id=issue_id, _anchor="body"), 303)

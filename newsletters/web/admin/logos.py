"""The logo at the head of a newsletter's layout: uploaded, replaced, taken away."""

from flask import flash, redirect, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.publishing import newsletters as publishing
from newsletters.publishing.pictures import (
    LARGEST_UPLOAD_BYTES,
    PictureProblem,
    PictureRefused,
    store_picture,
)
from newsletters.web.admin.access import current_editor, owners_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.newsletter_forms import LogoForm
from newsletters.web.admin.newsletters import newsletter_or_404


@blueprint.post("/newsletters/<int:newsletter_id>/logo")
@owners_only
def upload_logo(newsletter_id: int) -> Response:
    """Keep the picture and use it from the next issue on."""
    upload = LogoForm().logo.data
    if not isinstance(upload, FileStorage):
        flash(_("Choose a picture first."), "warn")
        return _back(newsletter_id)
    try:
        with context.transaction() as session:
            editor, now = current_editor(), context.now()
            picture = store_picture(
                session, upload.stream.read(LARGEST_UPLOAD_BYTES + 1), uploaded_by_id=editor.id, now=now
            )
            shown = newsletter_or_404(session, newsletter_id)
            publishing.set_logo(session, shown, picture, actor=editor, now=now)
    except PictureRefused as refused:
        flash(_refusal_words(refused), "bad")
        return _back(newsletter_id)
    flash(_("The new logo stands at the head of the next issue."), "good")
    return _back(newsletter_id)


@blueprint.post("/newsletters/<int:newsletter_id>/logo/remove")
@owners_only
def remove_logo(newsletter_id: int) -> Response:
    """Go back to the name in letters; the picture itself stays in past issues."""
    with context.transaction() as session:
        shown = newsletter_or_404(session, newsletter_id)
        publishing.set_logo(session, shown, None, actor=current_editor(), now=context.now())
    flash(_("The newsletter’s name stands in place of the logo again."), "good")
    return _back(newsletter_id)


def _refusal_words(refused: PictureRefused) -> str:
    words: dict[PictureProblem, str] = {
        PictureProblem.TOO_BIG: _("This file is larger than 10 MB. Please make it smaller."),
        PictureProblem.TOO_MANY_PIXELS: _("This picture has too many pixels. Please make it smaller."),
        PictureProblem.NOT_A_PICTURE: _(
            "This is not a picture we can read. Please use PNG, JPEG, GIF or WebP."
        ),
    }
    return words[refused.reason]


def _back(newsletter_id: int) -> Response:
    return redirect(url_for("desk.edit_newsletter", newsletter_id=newsletter_id, _anchor="logo"), 303)

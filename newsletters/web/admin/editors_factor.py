"""The second factor of colleagues, for owners: required of everybody or not, reset for whoever lost it."""

from flask import abort, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts import house, second_factor
from newsletters.accounts.errors import OwnFactorFirst
from newsletters.accounts.models import Editor
from newsletters.web.admin.access import current_editor, owners_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.letterhead import letterhead


@blueprint.post("/editors/second-factor")
@owners_only
def require_second_factor() -> Response:
    """Want a second factor of everybody, or leave it to each."""
    is_required = "required" in request.form
    try:
        with context.transaction() as session:
            house.require_factor(
                session,
                is_required=is_required,
                actor=session.get_one(Editor, current_editor().id),
                now=context.now(),
            )
    except OwnFactorFirst:
        flash(_("Turn on a second step for yourself first, in “Your account”."), "bad")
        return redirect(url_for("desk.editors"), 303)
    words = (
        _("Whoever signs in from now on sets up a second step before anything else.")
        if is_required
        else _("Every editor decides for themselves now.")
    )
    flash(words, "good")
    return redirect(url_for("desk.editors"), 303)


@blueprint.post("/editors/<int:editor_id>/second-factor/reset")
@owners_only
def reset_second_factor(editor_id: int) -> Response:
    """Take it from a colleague who lost the app and the codes. One's own is turned off with a code."""
    if editor_id == current_editor().id:
        flash(_("Your own second step is changed in “Your account”, with your password and a code."), "bad")
        return redirect(url_for("desk.editors"), 303)
    with context.transaction() as session:
        editor = session.get(Editor, editor_id)
        if editor is None:
            abort(404)
        was_on = second_factor.reset(
            session, editor, actor=current_editor(), letterhead=letterhead(), now=context.now()
        )
    if was_on:
        context.runtime().engine.nudge("send_outbox", priority=100)
        flash(
            _(
                "%(name)s is signed out, signs in with the password alone, and is told by mail.",
                name=editor.name,
            ),
            "good",
        )
    return redirect(url_for("desk.editors"), 303)

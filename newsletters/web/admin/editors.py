"""The editors' room, for owners: who may sign in, as what, and who is invited."""

from flask import abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response
from wtforms import EmailField, RadioField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from newsletters import context
from newsletters.accounts import editors as accounts
from newsletters.accounts import house, invitations
from newsletters.accounts.errors import EditorExists, LastOwner
from newsletters.accounts.models import Editor, Invitation, Role
from newsletters.accounts.queries import all_editors, editor_names, open_invitations
from newsletters.kernel.addresses import InvalidAddress
from newsletters.web.admin.access import current_editor, owners_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.letterhead import letterhead

Answer = Response | tuple[str, int] | str


class InviteForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Whom, and as what."""

    email = EmailField(
        _l("E-mail address"), [DataRequired(_l("Please, enter correct email address")), Length(max=320)]
    )
    role = RadioField(
        _l("Role"),
        choices=[SelectChoice(Role.EDITOR.value, _l("Editor")), SelectChoice(Role.OWNER.value, _l("Owner"))],
        default=Role.EDITOR.value,
    )


@blueprint.get("/editors")
@owners_only
def editors() -> str:
    """List accounts and invitations."""
    return _page(InviteForm(formdata=None))


@blueprint.post("/editors/invitations")
@owners_only
def invite() -> Answer:
    """Mail somebody a way in."""
    form = InviteForm()
    if not form.validate():
        return _page(form), 422
    try:
        with context.transaction() as session:
            invitations.invite(
                session,
                email=form.email.data,
                role=Role(form.role.data),
                inviter=current_editor(),
                letterhead=letterhead(),
                now=context.now(),
            )
    except InvalidAddress:
        form.email.errors = [_("Please, enter correct email address")]
    except EditorExists:
        form.email.errors = [_("There is an account for this address already; see the list.")]
    if form.errors:
        return _page(form), 422
    context.runtime().engine.nudge("send_outbox", priority=100)
    flash(_("The invitation is on its way to %(email)s.", email=form.email.data), "good")
    return redirect(url_for("desk.editors"), 303)


@blueprint.post("/editors/invitations/<int:invitation_id>/withdraw")
@owners_only
def withdraw_invitation(invitation_id: int) -> Response:
    """Make the mailed link worthless."""
    with context.transaction() as session:
        invitation = session.get(Invitation, invitation_id)
        if invitation is None:
            abort(404)
        invitations.revoke(session, invitation, actor=current_editor(), now=context.now())
    flash(_("The invitation is withdrawn; its link does not work any more."), "good")
    return redirect(url_for("desk.editors"), 303)


@blueprint.post("/editors/<int:editor_id>/role/<any(owner, editor):role>")
@owners_only
def change_role(editor_id: int, role: str) -> Response:
    """Make somebody an owner or an editor."""
    try:
        with context.transaction() as session:
            changed = _editor_or_404(session, editor_id)
            accounts.change_role(session, changed, Role(role), actor=current_editor(), now=context.now())
    except LastOwner:
        return _last_owner()
    words = _("%(name)s is an owner now.") if role == "owner" else _("%(name)s is an editor now.")
    flash(words % {"name": changed.name}, "good")
    return redirect(url_for("desk.editors"), 303)


@blueprint.post("/editors/<int:editor_id>/disable")
@owners_only
def disable_editor(editor_id: int) -> Response:
    """Shut somebody out at once."""
    try:
        with context.transaction() as session:
            disabled = _editor_or_404(session, editor_id)
            accounts.disable(session, disabled, actor=current_editor(), now=context.now())
    except LastOwner:
        return _last_owner()
    flash(_("%(name)s is signed out everywhere and cannot sign in.", name=disabled.name), "good")
    return redirect(url_for("desk.editors"), 303)


@blueprint.post("/editors/<int:editor_id>/enable")
@owners_only
def enable_editor(editor_id: int) -> Response:
    """Let somebody in again."""
    with context.transaction() as session:
        enabled = _editor_or_404(session, editor_id)
        accounts.enable(session, enabled, actor=current_editor(), now=context.now())
    flash(_("%(name)s can sign in again.", name=enabled.name), "good")
    return redirect(url_for("desk.editors"), 303)


def _editor_or_404(session: Session, editor_id: int) -> Editor:
    editor = session.get(Editor, editor_id)
    if editor is None:
        abort(404)
    return editor


def _last_owner() -> Response:
    flash(_("Somebody must stay owner. Make another editor an owner first."), "bad")
    return redirect(url_for("desk.editors"), 303)


def _page(form: InviteForm) -> str:
    with context.reading() as session:
        people = all_editors(session)
        required_at = house.factor_required_at(session)
        invited = open_invitations(session)
        inviters = editor_names(session, (row.invited_by_id for row in invited if row.invited_by_id))
    return render_template(
        "desk/editors/list.html",
        form=form,
        editors=people,
        invitations=invited,
        inviters=inviters,
        required_at=required_at,
        now=context.now(),
    )

"""An editor's own account: name, password, and the browsers that are signed in."""

from flask import flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from newsletters import context
from newsletters.accounts import editors, recovery, sessions
from newsletters.accounts.errors import WeakPassword, WrongPassword
from newsletters.accounts.models import Editor
from newsletters.kernel.limits import Limit, hit
from newsletters.web.admin.access import current_editor, current_session_hash, editors_only
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.ways_in import shortfall_words

Answer = Response | tuple[str, int] | str
# Somebody at an unlocked machine must not be able to guess the password at leisure.
PASSWORD_CHANGES = Limit("password change", 10, sessions.IDLE)


class NameForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """What colleagues see."""

    name = StringField(_l("Your name"), [DataRequired(_l("Please enter your name.")), Length(max=120)])


class PasswordForm(FlaskForm):  # type: ignore[misc]
    """The present password, and another one twice."""

    current = PasswordField(
        _l("Your password now"), [DataRequired(_l("Please enter your present password."))]
    )
    password = PasswordField(_l("New password"), [DataRequired(_l("Please enter a new password."))])
    again = PasswordField(
        _l("The new one once more"), [EqualTo("password", _l("These two passwords are not the same."))]
    )


@blueprint.get("/account")
@editors_only
def account() -> str:
    """Show one's own account."""
    return _page(NameForm(formdata=None, data={"name": current_editor().name}), PasswordForm(formdata=None))


@blueprint.post("/account/name")
@editors_only
def rename() -> Answer:
    """Change the name colleagues see."""
    form = NameForm()
    if not form.validate():
        return _page(form, PasswordForm(formdata=None)), 422
    with context.transaction() as session:
        editors.rename(
            session, session.get_one(Editor, current_editor().id), form.name.data, now=context.now()
        )
    flash(_("Your name is changed."), "good")
    return redirect("/desk/account", 303)


@blueprint.post("/account/password")
@editors_only
def change_password() -> Answer:
    """Change the password; every other browser is signed out."""
    form = PasswordForm()
    if form.validate() and _may_try(form):
        try:
            _change_password(form)
        except WrongPassword:
            form.current.errors = [_("This is not your present password.")]
        except WeakPassword as error:
            form.password.errors = [shortfall_words(error)]
    if form.errors:
        return _page(NameForm(formdata=None, data={"name": current_editor().name}), form), 422
    flash(_("Your password is changed. All other browsers are signed out."), "good")
    return redirect("/desk/account", 303)


@blueprint.post("/account/sessions")
@editors_only
def close_session() -> Answer:
    """End one session from the list, or all but this one."""
    with context.transaction() as session:
        editor = session.get_one(Editor, current_editor().id)
        if "all" in request.form:
            sessions.close_all(session, editor, but=current_session_hash())
        else:
            sessions.close_other(session, editor, request.form.get("session", ""))
    flash(_("Signed out there."), "good")
    return redirect("/desk/account", 303)


def _may_try(form: PasswordForm) -> bool:
    with context.transaction() as session:
        within = hit(session, PASSWORD_CHANGES, str(current_editor().id), now=context.now())
    if not within:
        form.current.errors = [_("Too many attempts. Please try again tomorrow.")]
    return within


def _change_password(form: PasswordForm) -> None:
    with context.transaction() as session:
        editors.change_own_password(
            session,
            session.get_one(Editor, current_editor().id),
            current=form.current.data,
            password=form.password.data,
            keep_session=current_session_hash(),
            newsroom=context.runtime().config.newsroom,
            now=context.now(),
        )


def _page(name_form: NameForm, password_form: PasswordForm) -> str:
    with context.reading() as session:
        opened = sessions.open_sessions(session, current_editor(), now=context.now())
        codes_left = recovery.left(session, current_editor().id)
    return render_template(
        "desk/account.html",
        name_form=name_form,
        password_form=password_form,
        sessions=opened,
        codes_left=codes_left,
        here=current_session_hash(),
    )

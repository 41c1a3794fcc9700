"""The ways in that we mail: a new password and an invitation.

Opening a link changes nothing; only sending its form does. A link that is used, withdrawn, expired or not
ours gets one page that says what to do next.
"""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import DataRequired, EqualTo, Length

from newsletters import context
from newsletters.accounts import invitations, resets
from newsletters.accounts.errors import EditorExists, LinkUnusable, WeakPassword
from newsletters.accounts.models import Invitation
from newsletters.web.admin.access import everybody
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.letterhead import letterhead
from newsletters.web.admin.signin import make_known, welcome

Answer = Response | tuple[str, int] | str


class ForgottenForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Whose password it is."""

    email = EmailField(
        _l("Your e-mail address"), [DataRequired(_l("Please enter your address.")), Length(max=320)]
    )


class NewPasswordForm(FlaskForm):  # type: ignore[misc]
    """A password, twice."""

    password = PasswordField(_l("New password"), [DataRequired(_l("Please enter a password."))])
    again = PasswordField(
        _l("The same once more"), [EqualTo("password", _l("These two passwords are not the same."))]
    )


class InvitationForm(NewPasswordForm):
    """A name and a password, twice."""

    name = StringField(_l("Your name"), [DataRequired(_l("Please enter your name.")), Length(max=120)])
    password = PasswordField(_l("Password"), [DataRequired(_l("Please enter a password."))])


@blueprint.get("/forgotten")
@everybody
def forgotten() -> str:
    """Ask whose password it is."""
    return render_template("desk/signin/forgotten.html", form=ForgottenForm(formdata=None), asked=False)


@blueprint.post("/forgotten")
@everybody
def ask_for_reset() -> Answer:
    """Mail a link if there is such an account; the page is the same either way."""
    form = ForgottenForm()
    if not form.validate():
        return render_template("desk/signin/forgotten.html", form=form, asked=False), 422
    runtime = context.runtime()
    with context.transaction() as session:
        resets.ask_for_reset(
            session,
            form.email.data,
            client=context.client_address(),
            digester=runtime.digester,
            letterhead=letterhead(),
            now=context.now(),
        )
    runtime.engine.nudge("send_outbox", priority=100)
    return render_template("desk/signin/forgotten.html", form=form, asked=True)


@blueprint.get("/password/<token>")
@everybody
def choose_password(token: str) -> Answer:
    """Show the form for a new password."""
    try:
        with context.reading() as session:
            resets.read_reset(session, token, signer=context.runtime().signer, now=context.now())
    except LinkUnusable:
        return _unusable(_("This link cannot be used any more"), "reset")
    return render_template("desk/signin/password.html", form=NewPasswordForm(formdata=None), token=token)


@blueprint.post("/password/<token>")
@everybody
def set_password(token: str) -> Answer:
    """Set the new password; the browser becomes a known one, but signing in is its own step."""
    form = NewPasswordForm()
    try:
        with context.transaction() as session:
            reset, editor = resets.read_reset(
                session, token, signer=context.runtime().signer, now=context.now()
            )
            if form.validate():
                resets.finish_reset(
                    session,
                    reset,
                    editor,
                    password=form.password.data,
                    newsroom=context.runtime().config.newsroom,
                    now=context.now(),
                )
    except LinkUnusable:
        return _unusable(_("This link cannot be used any more"), "reset")
    except WeakPassword as error:
        form.password.errors = [shortfall_words(error)]
    if form.errors:
        return render_template("desk/signin/password.html", form=form, token=token), 422
    flash(_("Your new password is set. Sign in with it now."), "good")
    return make_known(redirect(url_for("desk.sign_in"), 303), editor)


@blueprint.get("/invitation/<token>")
@everybody
def invitation(token: str) -> Answer:
    """Show what is offered and ask for a name and a password."""
    try:
        with context.reading() as session:
            offered = invitations.read_invitation(
                session, token, signer=context.runtime().signer, now=context.now()
            )
    except LinkUnusable:
        return _unusable(_("This invitation cannot be used"), "invitation")
    return _invitation_page(InvitationForm(formdata=None), token, offered)


@blueprint.post("/invitation/<token>")
@everybody
def accept_invitation(token: str) -> Answer:
    """Make the account and sign its owner in."""
    form, editor_id = InvitationForm(), None
    try:
        with context.transaction() as session:
            offered = invitations.read_invitation(
                session, token, signer=context.runtime().signer, now=context.now()
            )
            if form.validate():
                editor_id = invitations.accept(
                    session,
                    offered,
                    name=form.name.data,
                    password=form.password.data,
                    newsroom=context.runtime().config.newsroom,
                    now=context.now(),
                ).id
    except (LinkUnusable, EditorExists):
        return _unusable(_("This invitation cannot be used"), "invitation")
    except WeakPassword as error:
        form.password.errors = [shortfall_words(error)]
    if editor_id is None:
        return _invitation_page(form, token, offered), 422
    flash(_("Welcome to the desk."), "good")
    return welcome(redirect("/desk", 303), editor_id, password=form.password.data)


def shortfall_words(error: WeakPassword) -> str:
    """What to do about a password that is refused."""
    words: dict[str, str] = {
        "short": _("Please use at least eight characters; a whole sentence is best."),
        "long": _("That is longer than a thousand characters. A shorter one is safe enough."),
        "guessable": _(
            "This is easily guessed: without your names and address, common words, neighbouring keys and"
            " repetitions, fewer than eight characters are left. Try four or five unrelated words."
        ),
    }
    return words[error.shortfall]


def _invitation_page(form: InvitationForm, token: str, offered: Invitation) -> str:
    return render_template("desk/signin/invitation.html", form=form, token=token, invitation=offered)


def _unusable(title: str, kind: str) -> tuple[str, int]:
    return render_template("desk/signin/unusable.html", title=title, kind=kind), 410

"""The forms of the second factor."""

from datetime import timedelta

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, Length

from newsletters import context
from newsletters.accounts import passwords, sessions
from newsletters.accounts.factor_models import SecondFactor
from newsletters.accounts.factor_proof import Proof, read_proof
from newsletters.accounts.models import Editor
from newsletters.kernel.limits import Limit, hit

# Somebody at an unlocked machine must not be able to guess the password or a code at leisure.
CHANGES = Limit("second factor change", 10, sessions.IDLE)
CONFIRMATIONS = Limit("second factor confirmation", 30, timedelta(hours=1))
MOST_CHARACTERS = 60


class CodeForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Six digits from the app."""

    code = StringField(
        _l("Code from the app"),
        [DataRequired(_l("Please enter the six digits that the app shows.")), Length(max=MOST_CHARACTERS)],
    )


class StepForm(CodeForm):
    """The second step of signing in: six digits and where to go then."""

    next = HiddenField()


class RecoveryForm(FlaskForm):  # type: ignore[misc]
    """The second step of signing in, without the app."""

    code = StringField(
        _l("Recovery code"),
        [DataRequired(_l("Please enter one of your recovery codes.")), Length(max=MOST_CHARACTERS)],
    )
    next = HiddenField()


class BeginForm(FlaskForm):  # type: ignore[misc]
    """The password, before a secret is shown."""

    password = PasswordField(_l("Your password"), [DataRequired(_l("Please enter your password."))])


class GuardedForm(BeginForm):
    """The password and a code, before something is taken away."""

    code = StringField(
        _l("Code from the app, or a recovery code"),
        [DataRequired(_l("Please enter a code.")), Length(max=MOST_CHARACTERS)],
    )


def within_limit(form: FlaskForm, editor: Editor, limit: Limit) -> bool:
    """Count an attempt to change the second factor; too many is said in the form."""
    with context.transaction() as session:
        within = hit(session, limit, str(editor.id), now=context.now())
    if not within:
        form.form_errors.append(_("There were too many attempts. Please try again later."))
    return within


def password_is_right(form: BeginForm, editor: Editor) -> bool:
    """Whether the form has the editor's password; a wrong one is said at its field."""
    if passwords.matches(editor.password_hash, form.password.data):
        return True
    form.password.errors = [_("This is not your password.")]
    return False


def proof_in(form: FlaskForm, editor: Editor) -> Proof | None:
    """What the form's code may prove; slow, so outside any transaction."""
    with context.reading() as session:
        factor = session.get(SecondFactor, editor.id)
    return read_proof(factor, form.code.data, sealer=context.runtime().sealer, now=context.now())


def wrong_code() -> str:
    """What is said of a code that will not do."""
    return str(
        _(
            "This code does not fit. The app shows a new one every half minute, and each is good once: wait"
            " for the next one, and see whether the clock of your phone is right."
        )
    )

"""The field for the six digits from the confirmation mail."""

from flask_babel import lazy_gettext
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Regexp

DIGITS = 6
WRONG_CODE = lazy_gettext("This code is not right, or no longer. The newest mail has the newest code.")
SEPARATORS = frozenset(" \t\u00a0\u2009\u200b-\u2013")


def _digits(typed: str | None) -> str:
    """The digits alone: people type and paste codes with blanks and dashes in them."""
    return "".join(character for character in typed or "" if character not in SEPARATORS)


class CodeForm(FlaskForm):  # type: ignore[misc]
    """Six digits, however they were grouped."""

    code = StringField(
        _("Six-digit code from the mail"),
        filters=[_digits],
        validators=[
            InputRequired(_("Please enter the six digits from the mail")),
            Regexp(rf"\A[0-9]{{{DIGITS}}}\Z", message=_("Please enter the six digits from the mail")),
        ],
    )


class EmbeddedCodeForm(CodeForm):
    """The same for an embedded form, which has no cookie: what it was about stands in its hidden fields."""

    request = HiddenField()
    email = HiddenField()
    newsletter = SelectMultipleField(validate_choice=False)
    form = HiddenField()
    page = HiddenField()
    language = HiddenField()

    class Meta:
        csrf = False

"""The forms of what can be done to a reader."""

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField
from wtforms.validators import DataRequired, Length


class SuppressForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Why all mail is to stop."""

    reason = StringField(
        _l("Why"), [DataRequired(_l("Please say why; it is kept in the history.")), Length(max=300)]
    )


class LiftForm(FlaskForm):  # type: ignore[misc]
    """Why mail is to be allowed again."""

    reason = StringField(
        _l("Why"), [DataRequired(_l("Please say why; it is kept in the audit log.")), Length(max=300)]
    )


class EraseForm(FlaskForm):  # type: ignore[misc]
    """The address once more, so that nobody erases the wrong person."""

    address = StringField(_l("Type the reader’s address to erase them"), [Length(max=320)])


class ExportForm(FlaskForm):  # type: ignore[misc]
    """For people or for programs."""

    raw = BooleanField(_l("Raw, for a program"))

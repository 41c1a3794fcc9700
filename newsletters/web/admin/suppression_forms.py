"""The form that puts an address on the suppression list."""

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length

from newsletters.kernel.addresses import InvalidAddress, parse_address


class AddSuppressionForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Whom to write to no more, about what, and why."""

    address = StringField(_l("Whole address"), [DataRequired(_l("Please type an address.")), Length(max=320)])
    scope = SelectField(_l("What is not sent"))
    reason = StringField(
        _l("Why"), [DataRequired(_l("Please say why; it is kept in the audit log.")), Length(max=300)]
    )

    def offer(self, scopes: Mapping[str, str]) -> None:
        """What can be chosen."""
        self.scope.choices = [SelectChoice(value, label) for value, label in scopes.items()]

    def validate_address(self, field: StringField) -> None:
        try:
            parse_address(field.data or "")
        except InvalidAddress:
            raise ValidationError(_l("Please, enter correct email address")) from None

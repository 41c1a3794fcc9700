"""The sign-up form's fields: what is asked of a reader, and the words for what is wrong with it.

email-validator decides what an address is (kernel/addresses.py); nothing is asked of DNS here. What was
typed stays in the field after an error. The trap is a field no person sees; what stands in it is a signal,
never an error, so that a browser which fills it in locks nobody out.
"""

from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, SelectMultipleField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from newsletters.kernel.addresses import Address, InvalidAddress, parse_address

TRAP = "homepage"


class AddressField(EmailField):  # type: ignore[misc]
    """An e-mail address; ``address`` is what was typed, read, once the field is valid."""

    address: Address

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002  (WTForms calls it so)
        try:
            self.address = parse_address(self.data or "")
        except InvalidAddress as error:
            raise ValidationError(_("Please, enter correct email address")) from error


class NewsletterField(SelectMultipleField):  # type: ignore[misc]
    """Newsletters to subscribe to, by slug. One that is not offered is refused like none at all."""

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002  (WTForms calls it so)
        if not self.data or not set(self.data) <= {choice.value for choice in self.choices or ()}:
            raise ValidationError(_("Please choose at least one newsletter"))


class SubscribeForm(FlaskForm):  # type: ignore[misc]
    """The sign-up form of our own pages, under CSRF protection."""

    email = AddressField(
        _("Enter your email to subscribe"),
        validators=[InputRequired(_("Please, enter correct email address"))],
    )
    newsletter = NewsletterField(_("Newsletters"))
    homepage = StringField(_("Leave this empty"))
    wording = SelectMultipleField(validate_choice=False)
    started = HiddenField()

    @property
    def wording_ids(self) -> list[int]:
        """The versions of the wording that the form says it showed."""
        return [int(number) for number in self.wording.data or [] if number.isdecimal() and len(number) < 16]

    def offer(self, newsletters: dict[str, str]) -> None:
        """Say which newsletters may be chosen: slug to name."""
        self.newsletter.choices = [SelectChoice(slug, name) for slug, name in newsletters.items()]


class EmbeddedForm(SubscribeForm):
    """The same form on somebody else's page: no cookie is sent with it, so there is nothing to forge."""

    form = StringField()
    page = StringField()
    took = StringField()

    class Meta:
        csrf = False

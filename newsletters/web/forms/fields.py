"""The sign-up form's fields: what is asked of a reader, and the words for what is wrong with it.

email-validator decides what an address is (kernel/addresses.py); nothing is asked of DNS here. What was
typed stays in the field after an error. The trap is a field no person sees; what stands in it is a signal,
never an error, so that a browser which fills it in locks nobody out.
"""

from gettext import NullTranslations
from typing import Any

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import EmailField, HiddenField, SelectMultipleField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from newsletters.kernel.addresses import Address, InvalidAddress, parse_address
from newsletters.kernel.row_numbers import read_number
from newsletters.subscribers.errors import DeadDomain
from newsletters.subscribers.form_fields import Answers
from newsletters.subscribers.mailboxes import is_throwaway, likely_meant
from newsletters.web.forms.offers import Offers


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


class WithoutTranslations(FlaskForm.Meta):  # type: ignore[misc]
    """All words are ours and come translated; WTForms would read its own catalogue for every form."""

    def get_translations(self, form: Any) -> NullTranslations:  # noqa: ARG002  (WTForms calls it so)
        return NullTranslations()


class SubscribeForm(FlaskForm):  # type: ignore[misc]
    """The sign-up form of our own pages, under CSRF protection."""

    class Meta(WithoutTranslations):
        pass

    email = AddressField(
        _("Enter your email to subscribe"),
        validators=[InputRequired(_("Please, enter correct email address"))],
    )
    newsletter = NewsletterField(_("Newsletters"))
    homepage = StringField(_("Leave this empty"))
    wording = SelectMultipleField(validate_choice=False)
    started = HiddenField()
    campaign = HiddenField()

    given_name = ""
    typed = ""

    @property
    def answers(self) -> Answers:
        """What was answered to questions beside the address: this form has none."""
        return {}

    @property
    def wording_ids(self) -> list[int]:
        """The versions of the wording that the form says it showed."""
        return [number for each in self.wording.data or [] if (number := read_number(each))]

    def offer(self, offers: Offers) -> None:
        """Say which newsletters may be chosen."""
        self._offers = offers
        self.newsletter.choices = [SelectChoice(slug, name) for slug, name in offers.names.items()]

    def validate_email(self, field: AddressField) -> None:
        """Refuse what depends on the domain alone: to say so tells nothing of any address."""
        if not field.errors and is_throwaway(field.address.domain) and (name := self._refuses_throwaways()):
            raise ValidationError(
                _("%(name)s does not take throw-away addresses. Please use one that you keep.", name=name)
            )

    def say_dead(self, error: DeadDomain) -> None:
        """Say at the address that it cannot get mail; this, too, follows from its domain alone."""
        self.email.errors = [_no_server(error.domain)]

    def _refuses_throwaways(self) -> str:
        """The name of a chosen newsletter that takes no throw-away address; empty where there is none."""
        chosen = (self._offers.newsletters.get(slug) for slug in self.newsletter.data or ())
        return next((each.name for each in chosen if each is not None and not each.takes_throwaways), "")


def _no_server(domain: str) -> str:
    if meant := likely_meant(domain):
        return str(
            _("No mail server answers for %(domain)s. Did you mean %(meant)s?", domain=domain, meant=meant)
        )
    return str(_("No mail server answers for %(domain)s. Is it spelled right?", domain=domain))


class EmbeddedForm(SubscribeForm):
    """The same form on somebody else's page: no cookie is sent with it, so there is nothing to forge.

    ``request`` and ``also`` name what the same reader asked for a moment ago and are only shown and repeated.
    """

    form = StringField()
    saved = HiddenField()
    page = StringField()
    took = StringField()
    language = HiddenField()
    request = HiddenField()
    also = SelectMultipleField(validate_choice=False)

    class Meta(WithoutTranslations):
        csrf = False

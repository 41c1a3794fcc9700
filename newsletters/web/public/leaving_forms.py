"""The question to whoever has left: asked afterwards, answered with one press, a few words, or not at all."""

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField
from wtforms.fields.choices import SelectChoice

from newsletters.subscribers.count_models import Reason
from newsletters.web.reason_words import REASON_WORDS


class WhyForm(FlaskForm):  # type: ignore[misc]
    """One reason, a few words, or neither: nothing that is or is not said here is an error."""

    reason = RadioField(
        _("Would you tell us why?"),
        choices=[SelectChoice(reason.value, words) for reason, words in REASON_WORDS.items()],
        description=_("Only if you like. Your answer is kept without your address."),
    )
    words = TextAreaField(_("In your own words"))

    class Meta:
        csrf = False  # the token in the address is the credential

    @property
    def chosen(self) -> Reason | None:
        return next((reason for reason in Reason if reason.value == self.reason.data), None)

"""The forms of the preferences."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Self

from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length

from newsletters.kernel.i18n import NAMES
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import pauses
from newsletters.subscribers.form_fields import Answer, Field
from newsletters.subscribers.models import Rhythm, Subscriber
from newsletters.web.forms.asked import Asking, with_questions
from newsletters.web.forms.fields import AddressField, WithoutTranslations

LONGEST_PAUSE: Final = timedelta(days=365)
LONGEST_NAME = Subscriber.__table__.c.name.type.length  # type: ignore[attr-defined]


class AddressForm(FlaskForm):  # type: ignore[misc]
    """The address whose owner wants a way in."""

    email = AddressField(
        _("Your e-mail address"), validators=[InputRequired(_("Please, enter correct email address"))]
    )


class AboutYouForm(FlaskForm):  # type: ignore[misc]
    """How we call a reader, and in which language."""

    name = StringField(
        _("Your name"),
        description=_("Where a letter greets you by name. You can leave it empty."),
        validators=[Length(max=LONGEST_NAME, message=_("Please use at most %(max)d characters"))],
    )
    language = SelectField(_("Language"), choices=[SelectChoice(code, name) for code, name in NAMES.items()])


class ChangeAddressForm(FlaskForm):  # type: ignore[misc]
    """Where the letters shall go from now on."""

    email = AddressField(
        _("New e-mail address"),
        description=_("We send a link there; nothing changes before it is opened."),
        validators=[InputRequired(_("Please, enter correct email address"))],
    )


class ToldForm(Asking, FlaskForm):  # type: ignore[misc]
    """What this reader once told us in forms; none of it must be answered."""

    class Meta(WithoutTranslations):
        pass


def told_form(told: Sequence[tuple[Field, Answer]], *, is_posted: bool = False) -> ToldForm:
    """The form with the reader's answers in it, or with those that were posted."""
    form = with_questions(ToldForm, [asked for asked, _answer in told])
    return form() if is_posted else form(formdata=None, data={asked.name: answer for asked, answer in told})


class PauseForm(FlaskForm):  # type: ignore[misc]
    """Until when one newsletter shall not come; its fields carry the newsletter's slug in their names."""

    newsletter: Newsletter
    until = DateField(
        _("Pause until"),
        description=_("Then it comes again by itself, and one letter brings links to what you missed."),
        validators=[InputRequired(_("Please choose a day"))],
    )

    class Meta:
        csrf = False  # checked for the whole application; one page has one token and several such forms

    @classmethod
    def for_newsletter(cls, newsletter: Newsletter, *, empty: bool = False) -> Self:
        """The form of one newsletter."""
        form = cls(formdata=None, prefix=newsletter.slug) if empty else cls(prefix=newsletter.slug)
        form.newsletter = newsletter
        return form

    def accepts(self, *, now: datetime) -> bool:
        """Whether the day is one to come, within a year."""
        if not self.validate():
            return False
        if now < self.ends_at <= now + LONGEST_PAUSE:
            return True
        self.until.errors = [_("Please choose a day from tomorrow on, within a year")]
        return False

    @property
    def ends_at(self) -> datetime:
        return pauses.beginning_of(self.until.data, self.newsletter)


class RhythmForm(FlaskForm):  # type: ignore[misc]
    """How often one newsletter shall come; its fields carry the newsletter's slug in their names."""

    rhythm = RadioField(
        _("How often"),
        choices=[
            SelectChoice(Rhythm.EACH.value, _("Each issue as it comes out")),
            SelectChoice(Rhythm.DAILY.value, _("One digest a day")),
            SelectChoice(Rhythm.WEEKLY.value, _("One digest a week")),
        ],
    )

    class Meta:
        csrf = False  # checked for the whole application; one page has one token and several such forms

    @classmethod
    def for_newsletter(cls, slug: str, *, now: Rhythm | None = None) -> Self:
        """The form of one newsletter, as it stands ``now``, or as it was sent."""
        if now is None:
            return cls(prefix=slug)
        return cls(formdata=None, prefix=slug, data={"rhythm": now.value})

    @property
    def chosen(self) -> Rhythm | None:
        return next((rhythm for rhythm in Rhythm if rhythm.value == self.rhythm.data), None)


class EraseForm(FlaskForm):  # type: ignore[misc]
    """A word against a slip of the hand: what it does cannot be undone."""

    sure = BooleanField(
        _("Yes, erase everything about me"),
        validators=[InputRequired(_("Please tick this if you mean it"))],
    )

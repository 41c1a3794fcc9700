"""The forms of a newsletter and of its opt-in words, and what they say of each problem."""

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from babel.dates import get_day_names
from flask_babel import get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import (
    BooleanField,
    DateField,
    EmailField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, NumberRange, Optional

from newsletters.kernel.i18n import NAMES
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.publishing.newsletter_fields import (
    NewsletterFields,
    NewsletterRefused,
    Problem,
    WordingFields,
    longest,
)
from newsletters.publishing.newsletters import day_in_zone
from newsletters.publishing.palette import ACCENTS, DEFAULT_ACCENT
from newsletters.web.admin.colour_words import ACCENT_WORDS

LANGUAGES = tuple(SelectChoice(code, name) for code, name in NAMES.items())
FIELDS = tuple(NewsletterFields.__dataclass_fields__)
YES_OR_NO = (
    "takes_throwaways",
    "holds_role_addresses",
    "is_low_trace",
    "has_neutral_issues",
    "offers_digests",
)
NUMBERS = ("position", "digest_hour", "digest_weekday")
NOT_TEXTS = ("next_issue_on", *NUMBERS, *YES_OR_NO)


class NewsletterForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """Everything an owner says about a newsletter; what is allowed is checked by the use case."""

    name = StringField(_l("Name of the newsletter"), [DataRequired(_l("Please give it a name."))])
    slug = StringField(_l("Address"), [DataRequired(_l("Please give it an address."))])
    tagline = StringField(_l("In one line"))
    description = TextAreaField(_l("What it is"))
    sample = TextAreaField(_l("A taste of it"))
    cadence = StringField(_l("How often"))
    byline = StringField(_l("By whom"))
    language = SelectField(_l("Language"), choices=LANGUAGES, default="en")
    next_issue_on = DateField(_l("Next issue"), [Optional()])
    timezone = SelectField(_l("Time zone"), default="UTC")
    position = IntegerField(
        _l("Place on the front page"),
        [Optional(), NumberRange(0, 1000, _l("A number from 0 to 1000, please."))],
        default=0,
    )
    offers_digests = BooleanField(_l("Offer a daily and a weekly digest"))
    digest_hour = SelectField(
        _l("Digests leave at"),
        choices=[SelectChoice(hour, f"{hour:02}:00") for hour in range(24)],
        coerce=int,
        default=8,
    )
    digest_weekday = SelectField(_l("The weekly one on"), coerce=int, default=0)
    takes_throwaways = BooleanField(_l("Take throw-away addresses"), default=True)
    holds_role_addresses = BooleanField(_l("Hold addresses of offices for an editor"), default=True)
    is_low_trace = BooleanField(_l("Leave few traces"))
    neutral_sender = StringField(_l("Neutral sender"))
    neutral_subject = StringField(_l("Neutral subject"))
    has_neutral_issues = BooleanField(_l("Use them for issues, too"))
    sender_name = StringField(_l("Sender’s name"))
    sender_email = EmailField(_l("Sender’s address"), [DataRequired(_l("Please give the sender’s address."))])
    reply_to = EmailField(_l("Answers go to"))
    postal_address = StringField(_l("Postal address"))
    footer = TextAreaField(_l("At the foot of every issue"))
    accent = RadioField(
        _l("Colour"),
        choices=[SelectChoice(name, ACCENT_WORDS[name]) for name in ACCENTS],
        default=DEFAULT_ACCENT,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.timezone.choices = list(timezones())
        days = get_day_names(locale=get_locale())
        self.digest_weekday.choices = [SelectChoice(number, days[number]) for number in range(7)]


class WordingForm(FlaskForm):  # type: ignore[misc]
    """What readers agree to and the confirmation mail's own words."""

    consent_text = TextAreaField(
        _l("What readers agree to"), [DataRequired(_l("Please say what readers agree to."))]
    )
    mail_subject = StringField(_l("Subject of the confirmation mail"))
    mail_intro = TextAreaField(_l("First words of the confirmation mail"))


class NewNewsletterForm(NewsletterForm, WordingForm):
    """A newsletter and its first wording."""


class LogoForm(FlaskForm):  # type: ignore[misc]
    """A picture for the head of the layout."""

    logo = FileField(_l("Logo"))


@cache
def timezones() -> tuple[SelectChoice, ...]:
    """Every place of the time zone database, by its name."""
    places = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    return tuple(SelectChoice(zone, zone.replace("_", " ")) for zone in ("UTC", *places))


def given_fields(form: NewsletterForm) -> NewsletterFields:
    """What was typed, as the use case takes it."""
    given: dict[str, Any] = {
        name: (form[name].data or "").strip() for name in FIELDS if name not in NOT_TEXTS
    }
    given |= {name: form[name].data or 0 for name in NUMBERS}
    given |= {name: form[name].data for name in YES_OR_NO}
    return NewsletterFields(**given, next_issue_on=form.next_issue_on.data)


def given_wording(form: WordingForm) -> WordingFields:
    """The words that were typed."""
    return WordingFields(
        (form.consent_text.data or "").strip(),
        (form.mail_subject.data or "").strip(),
        (form.mail_intro.data or "").strip(),
    )


def shown_fields(newsletter: Newsletter) -> dict[str, object]:
    """What the form holds before anybody types."""
    values = {name: getattr(newsletter, name) for name in FIELDS}
    return {**values, "next_issue_on": day_in_zone(newsletter)}


def tell_problems(form: FlaskForm, refused: NewsletterRefused) -> None:
    """Put what the use case found at the fields it is about."""
    for name, problem in refused.problems.items():
        form[name].errors = [problem_words(name, problem)]


def problem_words(name: str, problem: Problem) -> str:
    """What to do about a problem."""
    words: dict[Problem, str] = {
        Problem.EMPTY: _("This must not be empty."),
        Problem.TOO_LONG: _("At most %(most)d characters, please.", most=_most(name)),
        Problem.BAD_SLUG: _("Small letters a to z, digits and single hyphens between them only."),
        Problem.TAKEN: _("Another newsletter has this address."),
        Problem.FIXED: _(
            "Issues have gone out under the old address, so it stays: links to it must not break."
        ),
        Problem.BAD_ADDRESS: _("Please, enter correct email address"),
        Problem.UNKNOWN: _("Please choose one of those offered."),
        Problem.CONTROL_CHARACTER: _("There is an invisible character in this text. Please type it anew."),
    }
    return words[problem]


def _most(name: str) -> int:
    return longest(Newsletter if name in FIELDS else OptInWording, name)

"""The style page: every component in every state, for whoever builds the next page.

Shows invented values only and reads nothing from the database.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from flask import render_template
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    EmailField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Optional

from newsletters.publishing.palette import ACCENTS
from newsletters.reports.plots import Part, Series, line_plot, small_multiples, stacked_bar
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.door import blueprint

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
RATES: Final = (0, 310, 420, 415, 430, 388, 402, 120, 96, 40, 12, 8, 3)
WEEKS: Final = {
    "Explaining Ukraine": (40, 52, 61, 58, 83, 90),
    "Morning Paper": (12, 9, 14, 11, 20, 18),
    "The Long Read": (5, 7, 6, 9, 9, 12),
}


class Reader(NamedTuple):
    """A row of the table."""

    address: str
    state: str
    since: datetime
    issues: int


READERS: Final = (
    Reader("mariana.shevchenko@readers.example", "active", NOON, 41),
    Reader("a.very.long.name.that.goes.on.and.on@a-rather-long-domain.readers.example", "pending", NOON, 0),
    Reader("петро@пошта.example", "paused", NOON - timedelta(days=90), 1204),
    Reader("j.smith@readers.example", "bounced", NOON - timedelta(days=300), 12),
)


class StyleForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """One field of every kind."""

    email = EmailField("Enter your email to subscribe", [DataRequired("Please, enter correct email address")])
    name = StringField("Your name", [Optional()], description="As it should stand at the head of a letter.")
    password = PasswordField("Password", [DataRequired("Please enter your password")])
    code = StringField("The six digits from our letter")
    language = SelectField(
        "Language", choices=[SelectChoice("en", "English"), SelectChoice("uk", "Українська")]
    )
    note = TextAreaField("A note to the editors")
    cadence = RadioField(
        "How often",
        [DataRequired("Please choose how often")],
        choices=[SelectChoice("day", "Every morning"), SelectChoice("week", "Every week")],
    )
    newsletters = SelectMultipleField(
        "Newsletters", choices=[SelectChoice("eu", "Explaining Ukraine"), SelectChoice("mp", "Morning Paper")]
    )
    agreed = BooleanField("Send me an example first")


@blueprint.get("/style")
@editors_only
def style() -> str:
    """Show every component in every state."""
    wrong = StyleForm(prefix="wrong")
    wrong.validate()
    return render_template(
        "desk/style.html",
        form=StyleForm(prefix="plain", data={"newsletters": ["eu"], "cadence": "week"}),
        wrong=wrong,
        filters=StyleForm(prefix="filter"),
        readers=READERS,
        accents=ACCENTS,
        noon=NOON,
        rate=line_plot([Series("Letters per minute", _every(RATES, timedelta(minutes=1)))]),
        growth=line_plot(
            [
                Series(name, _every(numbers, timedelta(days=7)), tone)
                for (name, numbers), tone in zip(WEEKS.items(), ("accent", "warn", "neutral"), strict=True)
            ]
        ),
        multiples=small_multiples(
            [Series(name, _every(numbers, timedelta(days=7))) for name, numbers in WEEKS.items()]
        ),
        nothing=line_plot([Series("Letters per minute", [])]),
        outcome=stacked_bar(
            [
                Part("Accepted", 4871, "good"),
                Part("Waiting", 96, "info"),
                Part("Unknown", 1, "warn"),
                Part("Bounced", 29, "bad"),
                Part("Cancelled", 3, "neutral"),
            ]
        ),
    )


def _every(numbers: tuple[int, ...], step: timedelta) -> list[tuple[datetime, float]]:
    return [(NOON + step * place, number) for place, number in enumerate(numbers)]

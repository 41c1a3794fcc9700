"""What the page for making a sign-up form says: what may be asked for, and what is wrong with it."""

from collections.abc import Iterable
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from newsletters.subscribers.form_fields import FieldKind
from newsletters.subscribers.saved_forms import Problem

KIND_WORDS: Final = {
    FieldKind.NAME: _l("Their name"),
    FieldKind.TEXT: _l("A line of text"),
    FieldKind.COUNTRY: _l("A country"),
    FieldKind.CHOICE: _l("One of several"),
    FieldKind.CHECKBOX: _l("A box to tick"),
    FieldKind.DATE: _l("A day"),
}


def problem_words(problem: Problem) -> str:
    """What to do about a problem."""
    words: dict[Problem, str] = {
        Problem.EMPTY: _("This must not be empty."),
        Problem.TOO_LONG: _("This is too long."),
        Problem.TAKEN: _("Another form has this name."),
        Problem.UNKNOWN: _("Please choose one of those offered."),
        Problem.NO_NEWSLETTER: _("Please choose at least one newsletter"),
        Problem.BAD_ORIGIN: _("One site a line, without a path: https://newsroom.example"),
        Problem.TOO_MANY: _("These are too many."),
        Problem.BAD_KEY: _(
            "Small letters a to z, digits and single hyphens; “name” is for the reader’s name alone."
        ),
        Problem.KEY_TWICE: _("Two questions have this short name."),
        Problem.OTHER_KIND: _("Another form asks for something else under this short name."),
        Problem.NO_LABEL: _("Please write the question in at least one language."),
        Problem.FEW_OPTIONS: _("Please give at least two lines, each of them once."),
    }
    return words[problem]


def question_words(line: Any, labels: Iterable[str]) -> str:
    """Which question is meant: its own words, or what it asks for."""
    asked = next((line[name].data for name in labels if line[name].data), "")
    return asked or str(next((words for kind, words in KIND_WORDS.items() if kind == line.kind.data), ""))

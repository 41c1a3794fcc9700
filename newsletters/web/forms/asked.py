"""What a saved form asks beside the address, as fields of the posted form: each error at its own field.

An answer is checked by the question's own rules (subscribers/form_fields.py); here are only the reader's
words for what is wrong, and what was typed stays in the field.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from wtforms import BooleanField, SelectField, StringField, ValidationError
from wtforms.fields.choices import SelectChoice
from wtforms.fields.core import UnboundField

from newsletters.subscribers.form_fields import (
    Answer,
    Answers,
    Field,
    FieldKind,
    Wrong,
    WrongAnswer,
    countries,
    longest,
    read_answer,
    texts,
)
from newsletters.subscribers.form_models import SavedForm
from newsletters.web.forms.fields import EmbeddedForm

Form = TypeVar("Form", bound="Asking")
AUTOCOMPLETE = {FieldKind.NAME: "name", FieldKind.COUNTRY: "country"}


class Asked:
    """A control that reads its answer by the question's rules."""

    asked: Field
    answer: Answer | None
    raw_data: list[str] | None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002  (WTForms calls it so)
        try:
            self.answer = read_answer(self.asked, [str(each) for each in self.raw_data or ()])
        except WrongAnswer as error:
            raise ValidationError(wrong_words(self.asked, error.wrong)) from error


class AskedText(Asked, StringField):  # type: ignore[misc]
    """A line of text, a name or a day."""


class AskedChoice(Asked, SelectField):  # type: ignore[misc]
    """One of several."""


class AskedTick(Asked, BooleanField):  # type: ignore[misc]
    """A yes."""


class Asking:
    """A form with questions among its fields."""

    questions: Sequence[Field] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for asked in self.questions:
            control = self._control(asked)
            control.asked = asked
            control.flags.required = asked.required

    @property
    def controls(self) -> list[Any]:
        """The controls of the questions, for a template."""
        return [self._control(asked) for asked in self.questions]

    @property
    def answers(self) -> Answers:
        """What was answered, once the form is valid; the name goes its own way."""
        return {
            asked.key: answer
            for asked in self.questions
            if asked.kind is not FieldKind.NAME and (answer := self._control(asked).answer) is not None
        }

    def _control(self, asked: Field) -> Any:
        return self[asked.name]  # type: ignore[index]  # it is mixed into a form


class AskedForm(Asking, EmbeddedForm):
    """An embedded form with the questions of a saved one."""

    @property
    def given_name(self) -> str:  # type: ignore[override]  # a property where the form without questions has none
        named = (self[asked.name].answer for asked in self.questions if asked.kind is FieldKind.NAME)
        return str(next(named, None) or "")

    @property
    def typed(self) -> str:  # type: ignore[override]
        return texts(self.questions, self.answers)

    @property
    def repeated(self) -> list[tuple[str, str]]:
        """What the form showed and was told, as hidden fields of one that asks again for another address."""
        given = [
            (asked.name, str(value)) for asked in self.questions for value in self[asked.name].raw_data or ()
        ]
        saved = [("saved", self.saved.data)] if self.saved.data else []
        return [*saved, *(("wording", str(number)) for number in self.wording_ids), *given]


def with_questions(form: type[Form], questions: Sequence[Field]) -> type[Form]:
    """A kind of form that asks ``questions``, in the language of the page."""
    controls = {asked.name: _control(asked, str(get_locale())) for asked in questions}
    return type(form.__name__, (form,), {**controls, "questions": questions})


def posted_form(saved: SavedForm | None) -> AskedForm:
    """The form that was posted: the one every site may use, with what ``saved`` asks."""
    if saved is None or not saved.fields:
        return AskedForm()
    return with_questions(AskedForm, saved.asked)()


def options(asked: Field, language: str) -> dict[str, str]:
    """What may be chosen, and its words."""
    if asked.kind is FieldKind.COUNTRY:
        return countries(language)
    return {option.value: option.label(language) for option in asked.options}


def wrong_words(asked: Field, wrong: Wrong) -> str:
    """What to do about an answer that is none."""
    match wrong:
        case Wrong.TOO_LONG:
            most = longest(asked)
            return str(
                ngettext("At most %(num)d character, please.", "At most %(num)d characters, please.", most)
            )
        case Wrong.NO_DATE:
            return str(_("Please give the date as day, month and year: 24.08.1991"))
        case Wrong.NOT_OFFERED:
            return str(_("Please choose one of those offered."))
    if asked.kind is FieldKind.CHECKBOX:
        return str(_("Please tick this box to go on"))
    if asked.kind in (FieldKind.CHOICE, FieldKind.COUNTRY):
        return str(_("Please choose one"))
    return str(_("Please fill this in"))


def _control(asked: Field, language: str) -> UnboundField:
    label = asked.label(language)
    if asked.kind is FieldKind.CHECKBOX:
        return AskedTick(label)
    if asked.kind in (FieldKind.CHOICE, FieldKind.COUNTRY):
        offered = [SelectChoice(value, words) for value, words in options(asked, language).items()]
        return AskedChoice(label, choices=[SelectChoice("", ""), *offered], validate_choice=False)
    kind = {"type": "date"} if asked.kind is FieldKind.DATE else {}
    more = {"maxlength": longest(asked)} if asked.kind in (FieldKind.NAME, FieldKind.TEXT) else {}
    named = AUTOCOMPLETE.get(asked.kind, "")
    return AskedText(label, render_kw={**kind, **more, **({"autocomplete": named} if named else {})})

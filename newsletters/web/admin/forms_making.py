"""The page on which an editor makes a sign-up form: its fields, read into what the use case takes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    FieldList,
    Form,
    FormField,
    HiddenField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice

from newsletters.kernel.i18n import LANGUAGES, NAMES, supported
from newsletters.kernel.row_numbers import read_number
from newsletters.publishing.models import OptInWording
from newsletters.publishing.palette import ACCENTS
from newsletters.publishing.slugs import slugify
from newsletters.subscribers.form_fields import (
    LONGEST_KEY,
    MOST_FIELDS,
    NAME_KEY,
    Field,
    FieldKind,
    options_of,
)
from newsletters.subscribers.saved_forms import FormMade, Offered, Problem
from newsletters.subscribers.words import without_controls
from newsletters.web.admin.colour_words import ACCENT_WORDS
from newsletters.web.admin.forms_words import KIND_WORDS, problem_words, question_words

BLANK_KIND: Final = FieldKind.TEXT
STEPS: Final = {"up": -1, "down": 1}


class OfferedLine(Form):  # type: ignore[misc]  # WTForms carries no types
    """One newsletter, and how it stands on the form."""

    number = HiddenField()
    offered = BooleanField(_l("Offered"))
    ticked = BooleanField(_l("Ticked from the start"))
    wording = SelectField(_l("What readers agree to"), validate_choice=False)


class QuestionLine(Form):  # type: ignore[misc]
    """One question; its words in each language are ``label_en`` and ``options_en``, and so on."""

    kind = SelectField(
        _l("What is asked for"),
        choices=[SelectChoice(kind.value, words) for kind, words in KIND_WORDS.items()],
        default=BLANK_KIND.value,
        validate_choice=False,
    )
    required = BooleanField(_l("Must be answered"))
    key = StringField(_l("Short name in exports"))
    gone = BooleanField(_l("Take this question off the form"))

    @property
    def is_blank(self) -> bool:
        """Whether nothing was asked with it yet: it is as it came."""
        if self.kind.data != BLANK_KIND:
            return False
        typed = (self[name].data for name in ("key", *_named("label"), *_named("options")))
        return not any((words or "").strip() for words in typed)


def _named(part: str) -> list[str]:
    return [f"{part}_{language}" for language in LANGUAGES]


for _language, _name in NAMES.items():
    setattr(
        QuestionLine, f"label_{_language}", StringField(_l("The question · %(language)s", language=_name))
    )
    setattr(
        QuestionLine,
        f"options_{_language}",
        TextAreaField(_l("What may be chosen, a line each · %(language)s", language=_name)),
    )


class MakingForm(FlaskForm):  # type: ignore[misc]
    """Everything about one form."""

    name = StringField(_l("Name of the form"))
    language = SelectField(
        _l("Language of the form"),
        choices=[SelectChoice(*pair) for pair in NAMES.items()],
        validate_choice=False,
    )
    button = StringField(_l("Words on the button"))
    accent = SelectField(_l("Colour of the button"), validate_choice=False)
    newsletters = FieldList(FormField(OfferedLine))
    questions = FieldList(FormField(QuestionLine), max_entries=MOST_FIELDS + 1)
    origins = TextAreaField(_l("Sites that may use it"))

    newsletters_wrong = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = SelectChoice("", _l("As the site has it"))
        self.accent.choices = [own, *(SelectChoice(name, ACCENT_WORDS[name]) for name in ACCENTS)]

    def offer(self, wordings: Mapping[int, Sequence[OptInWording]]) -> None:
        """Let each newsletter's line choose among its own wordings, the newest first."""
        for line in self.newsletters:
            known = wordings.get(read_number(line.number.data or "") or 0, ())
            newest = SelectChoice("", _l("Always the newest wording"))
            line.wording.choices = [newest, *(_choice_of(wording) for wording in known)]

    def ask_one_more(self) -> None:
        """End with a blank question, for whoever wants another."""
        if len(self.questions) <= MOST_FIELDS and not (self.questions and self.questions[-1].form.is_blank):
            self.questions.append_entry()

    def moved(self, pressed: Mapping[str, str]) -> tuple[Self, int] | None:
        """The form with a question further up or down, and its place now; None where none was moved."""
        for name, by in STEPS.items():
            if name in pressed:
                number = pressed[name]
                place = int(number) if number.isdecimal() and len(number) < 4 else len(self.questions)
                return self._with_moved(place, by)
        return None

    def _with_moved(self, place: int, by: int) -> tuple[Self, int]:
        data = self.data
        lines, to = data["questions"], place + by
        if place >= len(lines) or not 0 <= to < len(lines):
            return self, place
        lines.insert(to, lines.pop(place))
        return type(self)(formdata=None, data=data), to

    @property
    def asked(self) -> list[QuestionLine]:
        """The questions that stay."""
        return [line.form for line in self.questions if not line.form.gone.data and not line.form.is_blank]

    @property
    def made(self) -> FormMade:
        """What was typed, as the use case takes it."""
        return FormMade(
            name=without_controls(self.name.data or "").strip(),
            language=self.language.data or "",
            button=without_controls(self.button.data or "").strip(),
            accent=self.accent.data or "",
            offered=tuple(_offered(line) for line in self.newsletters if line.offered.data),
            fields=tuple(_question(line) for line in self.asked),
            origins=tuple((self.origins.data or "").split()),
        )

    def tell(self, problems: Mapping[str, Problem]) -> None:
        """Put what the use case found at the fields it is about."""
        for part, problem in problems.items():
            kind, _dash, place = part.partition("-")
            if kind == "field":
                line = self.asked[int(place)]
                wrong = line[WHERE.get(problem, f"label_{supported(self.language.data)}")]
                wrong.errors = [problem_words(problem)]
                self.form_errors.append(f"{question_words(line, _named('label'))}: {problem_words(problem)}")
            elif part in ("newsletters", "form"):
                self.form_errors.append(problem_words(problem))
                if part == "newsletters":
                    self.newsletters_wrong = problem_words(problem)
            else:
                self[part].errors = [problem_words(problem)]


WHERE: Final = {
    Problem.BAD_KEY: "key",
    Problem.KEY_TWICE: "key",
    Problem.OTHER_KIND: "kind",
    Problem.FEW_OPTIONS: f"options_{LANGUAGES[0]}",
    Problem.TOO_MANY: f"options_{LANGUAGES[0]}",
}


def _choice_of(wording: OptInWording) -> SelectChoice:
    return SelectChoice(
        str(wording.id),
        _("Version %(number)d: %(words)s", number=wording.version, words=wording.consent_text[:60]),
    )


def _offered(line: Any) -> Offered:
    return Offered(
        read_number(line.number.data or "") or 0,
        is_ticked=bool(line.ticked.data),
        wording_id=read_number(line.wording.data or ""),
    )


def _question(line: QuestionLine) -> Field:
    labels = {
        language: words
        for language in LANGUAGES
        if (words := without_controls(line[f"label_{language}"].data or "").strip())
    }
    kind = FieldKind(line.kind.data) if line.kind.data in set(FieldKind) else BLANK_KIND
    if kind is FieldKind.NAME and not labels:
        labels = _asking_for_a_name()
    lines = {language: _lines(line[f"options_{language}"].data or "") for language in LANGUAGES}
    return Field(
        key=NAME_KEY if kind is FieldKind.NAME else _key(line, labels),
        kind=kind,
        labels=labels,
        required=bool(line.required.data),
        options=options_of(lines) if kind is FieldKind.CHOICE else (),
    )


def _asking_for_a_name() -> dict[str, str]:
    """The one question that needs no words of the editor's."""
    words = {}
    for language in LANGUAGES:
        with force_locale(language):
            words[language] = _("Your name")
    return words


def _key(line: QuestionLine, labels: Mapping[str, str]) -> str:
    """What was typed, or what follows from the question."""
    typed = (line.key.data or "").strip()
    return typed or slugify(next(iter(labels.values()), ""))[:LONGEST_KEY].strip("-")


def _lines(typed: str) -> list[str]:
    return [words for line in typed.splitlines() if (words := without_controls(line).strip())]

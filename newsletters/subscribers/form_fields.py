"""What a sign-up form may ask beside the address, and what an answer to it is (pure).

Every field has a kind, which decides what is taken for an answer and how it is kept: a country as its
ISO 3166 code, a day as ISO 8601, a tick as true. Labels and options are the newsroom's own words in each
language; an option is kept under its first language's words, so that answers of all languages count as one.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Final

from babel import Locale

from newsletters.kernel.columns import Json
from newsletters.kernel.i18n import LANGUAGES
from newsletters.subscribers.words import without_controls

LONGEST_ANSWER: Final = 200
LONGEST_LABEL: Final = 120
LONGEST_KEY: Final = 40
MOST_FIELDS: Final = 12
MOST_OPTIONS: Final = 60
NAME_KEY: Final = "name"
KEY: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
EARLIEST: Final = date(1900, 1, 1)
LATEST: Final = date(2200, 1, 1)
TICKED: Final = frozenset({"1", "on", "y", "yes", "true"})

# CLDR lists these two letters beside countries: unions, the world's unknown parts, islands without people.
NO_COUNTRIES: Final = frozenset(
    {"AC", "AQ", "BV", "CP", "CQ", "DG", "EA", "EU", "EZ", "HM", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
)
_ISO_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_SPOKEN_DAY: Final = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})")  # day first, as Europe writes
_UKRAINIAN: Final = {letter: place for place, letter in enumerate("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя")}

Answer = str | bool
Answers = dict[str, Answer]


class FieldKind(StrEnum):
    """What is asked for. Stored as text: a word may be added, never changed."""

    NAME = "name"
    TEXT = "text"
    COUNTRY = "country"
    CHOICE = "choice"
    CHECKBOX = "checkbox"
    DATE = "date"


class Wrong(StrEnum):
    """What is wrong with an answer."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    NOT_OFFERED = "not_offered"
    NO_DATE = "no_date"


class WrongAnswer(ValueError):
    """This is no answer to the field."""

    def __init__(self, wrong: Wrong) -> None:
        super().__init__(wrong.value)
        self.wrong = wrong


@dataclass(frozen=True, slots=True)
class Option:
    """One of a choice: what is kept, and its words in each language."""

    value: str
    labels: Mapping[str, str]

    def label(self, language: str) -> str:
        return self.labels.get(language) or self.value


@dataclass(frozen=True, slots=True)
class Field:
    """One question."""

    key: str
    kind: FieldKind
    labels: Mapping[str, str]
    required: bool = False
    options: tuple[Option, ...] = ()

    def label(self, language: str) -> str:
        """The question in a language, or in the first there is."""
        return self.labels.get(language) or next(iter(self.labels.values()), self.key)

    @property
    def name(self) -> str:
        """What its control is called in the form."""
        return f"field-{self.key}"

    def as_json(self) -> Json:
        return {
            "key": self.key,
            "kind": self.kind.value,
            "labels": dict(self.labels),
            "required": self.required,
            "options": [{"value": option.value, "labels": dict(option.labels)} for option in self.options],
        }


def from_json(said: Json) -> Field:
    """The field that was stored."""
    return Field(
        key=said["key"],
        kind=FieldKind(said["kind"]),
        labels=said["labels"],
        required=said.get("required", False),
        options=tuple(Option(option["value"], option["labels"]) for option in said["options"]),
    )


def options_of(lines: Mapping[str, Sequence[str]]) -> tuple[Option, ...]:
    """Options of the lines typed in each language: the first lines belong together, then the second ones."""
    spoken = [language for language in LANGUAGES if lines.get(language)]
    if not spoken:
        return ()
    return tuple(
        Option(
            value,
            {language: lines[language][place] for language in spoken if place < len(lines[language])},
        )
        for place, value in enumerate(lines[spoken[0]])
    )


def read_answer(field: Field, given: Sequence[str]) -> Answer | None:
    """What a reader answered; None where they left it open. Raises WrongAnswer."""
    said = without_controls(given[0]).strip() if given else ""
    if field.kind is FieldKind.CHECKBOX:
        is_ticked = said.lower() in TICKED
        if field.required and not is_ticked:
            raise WrongAnswer(Wrong.EMPTY)
        return is_ticked
    if not said:
        if field.required:
            raise WrongAnswer(Wrong.EMPTY)
        return None
    if len(said) > longest(field):
        raise WrongAnswer(Wrong.TOO_LONG)
    return _READERS[field.kind](field, said)


def longest(field: Field) -> int:
    """How many characters an answer may have: a name has its own column."""
    return LONGEST_LABEL if field.kind is FieldKind.NAME else LONGEST_ANSWER


def shown(field: Field, answer: Answer, language: str) -> str:
    """An answer in words, but for yes and no, which are the page's own."""
    if field.kind is FieldKind.COUNTRY:
        return countries(language).get(str(answer), str(answer))
    if field.kind is FieldKind.CHOICE:
        said = {option.value: option.label(language) for option in field.options}
        return said.get(str(answer), str(answer))
    return str(answer)


@cache
def countries(language: str) -> dict[str, str]:
    """The countries by code, in the order of their names in a language (Unicode CLDR)."""
    names = {
        code: name
        for code, name in Locale.parse(language).territories.items()
        if len(code) == 2 and code.isalpha() and code not in NO_COUNTRIES
    }
    return dict(sorted(names.items(), key=lambda each: _place_in_alphabet(each[1])))


def _place_in_alphabet(name: str) -> list[tuple[int, str]]:
    """A name's place: Ukrainian letters by their alphabet, others without their accents."""
    plain = name.casefold()
    if not any(letter in _UKRAINIAN for letter in plain):
        plain = "".join(
            letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter)
        )
    return [(_UKRAINIAN.get(letter, -1), letter) for letter in plain]


def _offered(field: Field, said: str) -> str:
    if said not in {option.value for option in field.options}:
        raise WrongAnswer(Wrong.NOT_OFFERED)
    return said


def _country(_field: Field, said: str) -> str:
    if said.upper() not in countries(LANGUAGES[0]):
        raise WrongAnswer(Wrong.NOT_OFFERED)
    return said.upper()


def _day(_field: Field, said: str) -> str:
    iso, spoken = _ISO_DAY.fullmatch(said), _SPOKEN_DAY.fullmatch(said)
    parts = iso.groups() if iso else tuple(reversed(spoken.groups())) if spoken else None
    if parts is None:
        raise WrongAnswer(Wrong.NO_DATE)
    try:
        day = date(*(int(part) for part in parts))
    except ValueError as error:
        raise WrongAnswer(Wrong.NO_DATE) from error
    if not EARLIEST <= day < LATEST:
        raise WrongAnswer(Wrong.NO_DATE)
    return day.isoformat()


_READERS: Final[Mapping[FieldKind, Callable[[Field, str], str]]] = {
    FieldKind.NAME: lambda _field, said: said,
    FieldKind.TEXT: lambda _field, said: said,
    FieldKind.COUNTRY: _country,
    FieldKind.CHOICE: _offered,
    FieldKind.DATE: _day,
}


def texts(fields: Iterable[Field], answers: Mapping[str, Answer]) -> str:
    """Everything a reader typed freely, where links of machines would stand."""
    free = (field.key for field in fields if field.kind is FieldKind.TEXT)
    return " ".join(str(answers[key]) for key in free if key in answers)

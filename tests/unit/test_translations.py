"""The catalogues: whole, up to date with the words in templates and code, and right in their form."""

import gettext
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.plurals import get_plural
from babel.messages.pofile import read_po

from newsletters.kernel.i18n import DEFAULT_LANGUAGE, LANGUAGES, TRANSLATIONS
from newsletters.publishing.palette import ACCENTS
from newsletters.web.admin.colour_words import ACCENT_WORDS

ROOT = Path(__file__).parent.parent.parent
TRANSLATED = [language for language in LANGUAGES if language != DEFAULT_LANGUAGE]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%")
TAG = re.compile(r"</?[a-z]+[^>]*>")
NOT_UKRAINIAN = re.compile("[ЁёЪъЫыЭэ]")
ENGLISH_TYPOGRAPHY = re.compile("[“”]|(?<=[а-яіїєґ])'(?=[а-яіїєґ])")

each_language = pytest.mark.parametrize("language", TRANSLATED)


def catalogue(language: str) -> Catalog:
    with (TRANSLATIONS / language / "LC_MESSAGES/messages.po").open("rb") as file:
        return read_po(file)


def messages(language: str) -> Iterator[Message]:
    return (message for message in catalogue(language) if message.id)


def forms(words: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """One form, or one for each kind of number."""
    return (words or "",) if words is None or isinstance(words, str) else tuple(words)


def words_in_use() -> set[str | tuple[str, ...]]:
    """What `make translations` would find now, by its own settings."""
    keywords = re.findall(r"--keyword (\S+)", (ROOT / "Makefile").read_text())
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    known = {"_": None, "gettext": None, "ngettext": (1, 2)}
    found = extract_from_dir(ROOT, methods, options, {**known, **parse_keywords(keywords)})
    return {words for _file, _line, words, _comments, _context in found}


@each_language
def test_every_message_is_translated(language: str) -> None:
    empty = [message.id for message in messages(language) if not all(forms(message.string))]

    assert empty == []


@each_language
def test_nothing_is_fuzzy_or_left_over(language: str) -> None:
    read = catalogue(language)

    assert [message.id for message in messages(language) if message.fuzzy] == []
    assert list(read.obsolete) == []


@each_language
def test_the_catalogue_holds_exactly_the_words_in_use(language: str) -> None:
    in_use = words_in_use()

    held = list(messages(language))

    assert {forms(message.id)[0] for message in held} == {forms(words)[0] for words in in_use}
    assert {tuple(message.id) for message in held if isinstance(message.id, (list, tuple))} == {
        words for words in in_use if isinstance(words, tuple)
    }


@each_language
def test_both_sides_have_the_same_placeholders(language: str) -> None:
    different = [
        (message.id, form)
        for message in messages(language)
        for form in forms(message.string)
        if set(PLACEHOLDER.findall(form)) != set(PLACEHOLDER.findall(forms(message.id)[-1]))
    ]

    assert different == []


@each_language
def test_both_sides_have_the_same_tags(language: str) -> None:
    different = [
        (message.id, form)
        for message in messages(language)
        for form in forms(message.string)
        if Counter(TAG.findall(form)) != Counter(TAG.findall(forms(message.id)[-1]))
    ]

    assert different == []


@each_language
def test_babel_finds_no_mistake(language: str) -> None:
    read = catalogue(language)

    assert [str(error) for message in read for error in message.check(read)] == []


@each_language
def test_every_plural_has_all_forms_of_the_language(language: str) -> None:
    read = catalogue(language)

    incomplete = [
        message.id
        for message in messages(language)
        if not isinstance(message.id, str) and len(forms(message.string)) != get_plural(language).num_plurals
    ]

    assert read.plural_expr == get_plural(language).plural_expr
    assert incomplete == []


@each_language
def test_the_header_names_nobody(language: str) -> None:
    header = (TRANSLATIONS / language / "LC_MESSAGES/messages.po").read_text().partition("\n\n")[0]

    assert "@" not in header
    assert not re.search("ORGANIZATION|FULL NAME|FIRST AUTHOR|Copyright", header)
    assert re.search(r'^"Last-Translator: \\n"$', header, re.MULTILINE)


def test_every_language_has_a_catalogue_and_every_catalogue_a_language() -> None:
    assert sorted(folder.name for folder in TRANSLATIONS.iterdir() if folder.is_dir()) == sorted(TRANSLATED)


def test_every_colour_of_the_palette_has_a_word() -> None:
    assert list(ACCENT_WORDS) == list(ACCENTS)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1 день"),
        (2, "2 дні"),
        (4, "4 дні"),
        (5, "5 днів"),
        (11, "11 днів"),
        (12, "12 днів"),
        (21, "21 день"),
        (22, "22 дні"),
        (100, "100 днів"),
        (111, "111 днів"),
        (1001, "1001 день"),
    ],
)
def test_numbers_decide_the_ukrainian_form(number: int, words: str, tmp_path: Path) -> None:
    compiled = tmp_path / "messages.mo"
    with compiled.open("wb") as file:
        write_mo(file, catalogue("uk"))

    with compiled.open("rb") as file:
        spoken = gettext.GNUTranslations(file)

    assert spoken.ngettext("%(num)s day", "%(num)s days", number) % {"num": number} == words


def test_ukrainian_is_written_with_its_own_letters_and_quotes() -> None:
    texts = [form for message in messages("uk") for form in forms(message.string)]

    assert [text for text in texts if NOT_UKRAINIAN.search(text)] == []
    assert [text for text in texts if ENGLISH_TYPOGRAPHY.search(text)] == []
    assert [text for text in texts if '"' in TAG.sub("", text)] == []

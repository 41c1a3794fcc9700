"""What counts as an answer to a question of a form, and as the address of a site."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.subscribers.form_fields import (
    Answer,
    Field,
    FieldKind,
    Wrong,
    WrongAnswer,
    countries,
    from_json,
    options_of,
    read_answer,
    shown,
)
from newsletters.subscribers.saved_forms import origin_of

LABELS = {"en": "A question", "uk": "Питання"}
ROLES = options_of({"en": ["Teacher", "Doctor"], "uk": ["Учитель"]})


def field(kind: str, **more: Any) -> Field:
    return Field("a-key", FieldKind(kind), LABELS, options=ROLES if kind == "choice" else (), **more)


@pytest.mark.parametrize(
    ("kind", "typed", "kept"),
    [
        ("text", "  Біла \u200b Церква\x00 ", "Біла \u200b Церква"),
        ("text", "", None),
        ("name", "Olena", "Olena"),
        ("country", "ua", "UA"),
        ("country", "XK", "XK"),
        ("choice", "Doctor", "Doctor"),
        ("checkbox", "1", True),
        ("checkbox", "", False),
        ("checkbox", "no", False),
        ("date", "1991-08-24", "1991-08-24"),
        ("date", "24.8.1991", "1991-08-24"),
        ("date", "24/08/1991", "1991-08-24"),
    ],
)
def test_an_answer_is_kept_in_one_form(kind: str, typed: str, kept: Answer | None) -> None:
    assert read_answer(field(kind), [typed]) == kept


@pytest.mark.parametrize(
    ("kind", "typed", "wrong"),
    [
        ("text", "x" * 201, Wrong.TOO_LONG),
        ("name", "x" * 121, Wrong.TOO_LONG),
        ("country", "EU", Wrong.NOT_OFFERED),
        ("country", "Ukraine", Wrong.NOT_OFFERED),
        ("choice", "Учитель", Wrong.NOT_OFFERED),
        ("date", "2023-02-30", Wrong.NO_DATE),
        ("date", "08/24/1991", Wrong.NO_DATE),
        ("date", "1815-06-18", Wrong.NO_DATE),
        ("date", "yesterday", Wrong.NO_DATE),
    ],
)
def test_what_is_no_answer_is_told_by_its_reason(kind: str, typed: str, wrong: Wrong) -> None:
    with pytest.raises(WrongAnswer) as refused:
        read_answer(field(kind), [typed])

    assert refused.value.wrong is wrong


@pytest.mark.parametrize("kind", FieldKind)
def test_what_is_required_may_not_be_left_open(kind: str) -> None:
    with pytest.raises(WrongAnswer) as refused:
        read_answer(field(kind, required=True), [])

    assert refused.value.wrong is Wrong.EMPTY


@given(kind=st.sampled_from(list(FieldKind)), typed=st.text(max_size=300))
def test_whatever_is_typed_is_an_answer_or_is_refused(kind: str, typed: str) -> None:
    try:
        answer = read_answer(field(kind), [typed])
    except WrongAnswer:
        return

    assert answer is None or read_answer(field(kind), [str(answer)]) == answer


def test_a_question_survives_being_stored() -> None:
    asked = field("choice", required=True)

    assert from_json(asked.as_json()) == asked


def test_an_answer_is_told_in_the_language_of_whoever_asks() -> None:
    assert shown(field("country"), "UA", "uk") == "Україна"
    assert [shown(field("choice"), role, "uk") for role in ("Teacher", "Doctor", "Pilot")] == [
        "Учитель",
        "Doctor",
        "Pilot",
    ]


def test_countries_stand_in_the_order_of_their_language() -> None:
    english, ukrainian = list(countries("en").values()), list(countries("uk").values())

    assert english[:2] == ["Afghanistan", "Åland Islands"]
    assert ukrainian.index("Єгипет") < ukrainian.index("Замбія") < ukrainian.index("Індія")
    assert not {"EU", "UN", "ZZ"} & set(countries("en"))


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("newsroom.example", "https://newsroom.example"),
        ("https://newsroom.example/", "https://newsroom.example"),
        ("https://newsroom.example:443", "https://newsroom.example"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("https://новини.укр", "https://xn--b1amarcd.xn--j1amh"),
        ("https://newsroom.example/page", ""),
        ("https://editor@newsroom.example", ""),
        ("https://*.newsroom.example", ""),
        ("*", ""),
        ("", ""),
        ("null", "https://null"),
        ("javascript:alert(1)", ""),
        ("https://a.example; script-src *", ""),
        ("https://a.example 'unsafe-inline'", ""),
        ("https://a..example", ""),
    ],
)
def test_a_site_is_named_by_its_origin(typed: str, origin: str) -> None:
    assert origin_of(typed) == origin

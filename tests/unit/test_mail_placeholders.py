"""The editors' placeholders: a fixed list, defaults, lines, and nothing that is evaluated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.mail.placeholders import UnknownPlaceholder, parse_placeholders
from newsletters.mail.slots import Slot, fill_text, find_slots

ALLOWED = ("name", "newsletter")


@pytest.mark.parametrize(
    ("written", "default"),
    [
        ("{{ name }}", ""),
        ("{{name}}", ""),
        ('{{ name|"reader" }}', "reader"),
        ('{{name | "dear reader"}}', "dear reader"),
        ("{{ name|“reader” }}", "reader"),
        ("{{ name|„читачу“ }}", "читачу"),
        ("{{ name|«читачу» }}", "читачу"),
        ("{{ name|'reader' }}", "reader"),
        ('{{ name|"" }}', ""),
    ],
)
def test_a_placeholder_becomes_a_slot(written: str, default: str) -> None:
    parsed = parse_placeholders(f"Dear {written}, hello", allowed=ALLOWED)

    assert find_slots(parsed.text) == [Slot("name", default)]
    assert parsed.used == {"name"}
    assert parsed.unknown == ()


@pytest.mark.parametrize(
    "written",
    [
        "{{ config }}",
        "{{ 7*7 }}",
        "{{ name.__class__ }}",
        "{{ name|upper }}",
        '{{ name|"a"|"b" }}',
        "{{ self._TemplateReference__context }}",
        "{{}}",
    ],
)
def test_what_is_not_on_the_list_stays_and_is_reported_with_its_line(written: str) -> None:
    parsed = parse_placeholders(f"one\ntwo\nthree {written} four", allowed=ALLOWED)

    assert parsed.text == f"one\ntwo\nthree {written} four"
    assert parsed.unknown == (UnknownPlaceholder(written, 3),)


@pytest.mark.parametrize("written", ["{% import os %}", "{# name #}", "{ name }", r"\{{ name }}", "${name}"])
def test_other_braces_mean_nothing(written: str) -> None:
    parsed = parse_placeholders(written, allowed=ALLOWED)

    assert parsed.text == written
    assert parsed.used == frozenset()
    assert parsed.unknown == ()


@given(value=st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_value_comes_out_as_it_went_in(value: str) -> None:
    parsed = parse_placeholders("{{ name }}", allowed=ALLOWED)

    assert fill_text(parsed.text, {"name": value}) == value

"""Slots: what survives, what is stripped, and what a value may never do."""

import css_inline
import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from newsletters.mail.slots import (
    MissingValue,
    Slot,
    fill_html,
    fill_text,
    find_slots,
    slot,
    strip_markers,
)

WORDS = st.text(st.characters(codec="utf-8"))


@given(name=st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), default=WORDS)
def test_a_marker_says_its_name_and_default(name: str, default: str) -> None:
    marker = slot(name, default)

    assert find_slots(f"before {marker} behind") == [Slot(name, default)]


def test_a_marker_survives_markdown_sanitising_and_inlining() -> None:
    marker = slot("name", 'a *dear* <reader> & "friend"')
    source = f"Hello **{marker}**, [leave]({slot('unsubscribe_url')})."

    html = css_inline.inline(nh3.clean(MarkdownIt().render(source)))

    filled = fill_html(html, {"name": "", "unsubscribe_url": "https://news.example/u/a?b=c"})
    assert "<strong>a *dear* &lt;reader&gt; &amp; &quot;friend&quot;</strong>" in filled
    assert 'href="https://news.example/u/a?b=c"' in filled


def test_a_value_inside_a_url_is_quoted() -> None:
    html = MarkdownIt().render(f"[look](https://shop.example/?for={slot('name')})")

    filled = fill_html(html, {"name": "Olena & Co/ü"})

    assert 'href="https://shop.example/?for=Olena%20%26%20Co%2F%C3%BC"' in filled


def test_a_value_cannot_make_a_link_of_its_own() -> None:
    html = MarkdownIt().render(f"[look]({slot('name')})")

    filled = fill_html(html, {"name": "javascript:alert(1)"})

    assert 'href="javascript%3Aalert%281%29"' in filled


def test_an_empty_value_gives_way_to_the_default() -> None:
    assert fill_text(f"Dear {slot('name', 'reader')},", {"name": ""}) == "Dear reader,"


def test_an_empty_value_without_default_stays_empty() -> None:
    assert fill_text(f"Dear {slot('name')},", {"name": ""}) == "Dear ,"


def test_a_slot_without_value_and_default_is_an_error() -> None:
    with pytest.raises(MissingValue):
        fill_text(slot("name"), {})


def test_a_value_is_never_looked_at_again() -> None:
    value = f"{{{{7*7}}}} {slot('secret')}"

    assert fill_text(slot("name"), {"name": value, "secret": "told"}) == value


@pytest.mark.parametrize(
    "foreign",
    [
        slot("secret"),
        "&#xE000;736563726574&#xE001;",
        "&#57344;736563726574&#57345;",
        "&#x0000e000736563726574&#xE001",
        "%EE%80%80736563726574%ee%80%81",
        "%EE%80\ue000%80736563726574%EE%80%8\ue0011",
        "&#xE0&#xE000;00;736563726574\ue001",
    ],
)
def test_a_foreign_marker_does_not_survive(foreign: str) -> None:
    stripped = strip_markers(foreign)

    assert find_slots(MarkdownIt().render(stripped)) == []
    assert "736563726574" in stripped


@given(foreign=WORDS)
def test_what_holds_no_marker_is_left_alone(foreign: str) -> None:
    stripped = strip_markers(foreign)

    assert strip_markers(stripped) == stripped
    assert find_slots(stripped) == []


def test_a_broken_marker_is_a_slot_nobody_can_fill() -> None:
    with pytest.raises(MissingValue):
        fill_text("\ue000abc\ue001", {"name": "Olena"})

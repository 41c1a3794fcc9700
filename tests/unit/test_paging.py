"""Cursors: a round trip for any key, and nothing from anybody else."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.kernel.paging import cut, decode_cursor, encode_cursor

WORDS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))
KEYS = st.lists(st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), WORDS), min_size=1, max_size=4).map(tuple)


@given(KEYS)
def test_a_cursor_is_its_key_again(key: tuple[str | int, ...]) -> None:
    assert decode_cursor(encode_cursor(key)) == key


@pytest.mark.parametrize("cursor", [None, "", "?", "bm90IGpzb24", "e30", "W251bGxd", "é"])
def test_what_is_not_a_cursor_is_no_key(cursor: str | None) -> None:
    assert decode_cursor(cursor) is None


@pytest.mark.parametrize(
    "written", ["[" * 2_900, '["\\u0000"]', '["\\ud800"]', f"[{2**63}]", "[1.5]", "[[]]"]
)
def test_what_breaks_a_reader_or_a_database_is_no_key(written: str) -> None:
    assert decode_cursor(base64.urlsafe_b64encode(written.encode()).decode()) is None


def test_a_page_ends_where_more_follows() -> None:
    page = cut([1, 2, 3], 2, lambda number: (number,))

    assert page.rows == [1, 2]
    assert decode_cursor(page.after) == (2,)


def test_the_last_page_has_no_cursor() -> None:
    page = cut([1, 2], 2, lambda number: (number,))

    assert page.after is None

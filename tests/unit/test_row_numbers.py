"""What a stranger writes for the number of a row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.kernel.row_numbers import LARGEST, read_number


@given(st.integers(1, LARGEST))
def test_every_number_that_a_row_can_have_is_read(number: int) -> None:
    assert read_number(str(number)) == number


@pytest.mark.parametrize(
    "written", ["", "0", "-1", "+1", " 1", "1_0", "1.0", "²", "९९", str(LARGEST + 1), "9" * 5_000, "x"]
)
def test_what_no_row_can_have_is_no_number(written: str) -> None:
    assert read_number(written) is None

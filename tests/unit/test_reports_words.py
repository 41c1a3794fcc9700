"""Files that no spreadsheet takes for a program, and what a server's reply comes down to."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.reports.readers_csv import DANGEROUS, harmless, rows_as_csv
from newsletters.reports.replies import Gist, gist


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\0=1", "  =1", "＝1"])
def test_a_cell_that_begins_like_a_formula_is_made_text(cell: str) -> None:
    assert harmless(cell).startswith("'")


@pytest.mark.parametrize("cell", ["olena@readers.example", "1-1", "550 5.1.1 no", ""])
def test_an_ordinary_cell_is_left_as_it_is(cell: str) -> None:
    assert harmless(cell) == cell


@given(st.lists(st.text(), min_size=1))
def test_every_file_reads_back_without_a_formula_in_it(cells: list[str]) -> None:
    written = "".join(rows_as_csv(["head"], [cells]))

    rows = list(csv.reader(io.StringIO(written.removeprefix("\ufeff"), newline="")))

    assert len(rows) == 2
    assert len(rows[1]) == len(cells)
    assert not any(cell.lstrip(" ").startswith(DANGEROUS) for cell in rows[1])


@pytest.mark.parametrize(
    ("reply", "meaning"),
    [
        ("550 5.1.1 no such user", Gist.NO_SUCH_ADDRESS),
        ("552 5.2.2 mailbox full", Gist.MAILBOX_FULL),
        ("552 5.3.4 too big", Gist.TOO_BIG),
        ("550 5.7.1 blocked", Gist.POLICY),
        ("450 4.2.1 try later", Gist.MAILBOX_CLOSED),
        ("451 4.3.0 try later", Gist.LATER),
        ("451 4.4.1 no answer", Gist.NETWORK),
        ("550 unknown user", Gist.NO_SUCH_ADDRESS),
        ("554 no", Gist.REFUSED),
        ("250 2.0.0 Ok: queued", Gist.TAKEN),
        ("  ", Gist.NONE),
        ("<script>alert(1)</script>", Gist.REFUSED),
    ],
)
def test_a_reply_has_one_meaning(reply: str, meaning: Gist) -> None:
    assert gist(reply) is meaning


@given(st.text())
def test_every_reply_has_a_meaning(reply: str) -> None:
    assert gist(reply) in Gist

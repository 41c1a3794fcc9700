"""The readers behind a number as a CSV file that no spreadsheet takes for a program (ASVS 5.0, 1.2.10).

A cell that begins like a formula gets an apostrophe in front: ``=cmd|x@example.com`` is a valid address.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
BOM: Final = "\ufeff"  # without it spreadsheets read UTF-8 as something else


def rows_as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The file, a line at a time."""
    yield BOM + _line(head)
    for row in rows:
        yield _line(row)


def harmless(value: object) -> str:
    """``value`` as a cell that is text and nothing else."""
    text = "" if value is None else str(value).replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text


def _line(cells: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([harmless(cell) for cell in cells])
    return out.getvalue()

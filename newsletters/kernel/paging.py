"""Keyset paging: a page is found by the last row of the one before, never by counting rows."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from newsletters.kernel.row_numbers import LARGEST

PAGE_SIZE: Final = 50
_UNWRITABLE: Final = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes no NUL, UTF-8 no half of a character

Key = tuple[str | int, ...]
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows in order and the cursor of the page after them, None on the last."""

    rows: Sequence[Row]
    after: str | None


def encode_cursor(key: Key) -> str:
    """The sort key of a row as URL-safe text."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> Key | None:
    """The sort key again, or None where there is none or it is not ours."""
    if not cursor:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(key, list) or not key or not all(_fits(part) for part in key):
        return None
    return tuple(key)


def _fits(part: object) -> bool:
    """Whether a database would take it: what it cannot hold is an error there, not an empty page."""
    if isinstance(part, str):
        return _UNWRITABLE.search(part) is None
    return isinstance(part, int) and abs(part) <= LARGEST


def cut(rows: Sequence[Row], size: int, key: Callable[[Row], Key]) -> Page[Row]:
    """Make a page of ``size`` rows out of a query that asked for one more."""
    more = len(rows) > size
    rows = rows[:size]
    return Page(rows, encode_cursor(key(rows[-1])) if more else None)

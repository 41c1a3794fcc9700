"""What a page of the desk is asked for in its query."""

from collections.abc import Collection

from flask import request

from newsletters.kernel.row_numbers import read_number


def asked_number(name: str) -> int | None:
    """The number of a row, None where there is none or it is no number a row can have."""
    return read_number(request.values.get(name, ""))


def asked_days(periods: Collection[int], *, usual: int) -> int:
    """How many days the page is to tell of: one of ``periods``."""
    days = request.args.get("days", type=int)
    return days if days is not None and days in periods else usual

"""What a page of the desk is asked for in its query."""

from collections.abc import Collection

from flask import request

LARGEST_NUMBER = 2**63 - 1


def asked_number(name: str) -> int | None:
    """The number of a row, None where there is none or it is no number a row can have."""
    number = request.values.get(name, type=int)
    return number if number is not None and 0 < number <= LARGEST_NUMBER else None


def asked_days(periods: Collection[int], *, usual: int) -> int:
    """How many days the page is to tell of: one of ``periods``."""
    days = request.args.get("days", type=int)
    return days if days is not None and days in periods else usual

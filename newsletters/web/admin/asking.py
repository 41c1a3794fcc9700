"""What a page of the desk is asked for in its query."""

from flask import request

LARGEST_NUMBER = 2**63 - 1


def asked_number(name: str) -> int | None:
    """The number of a row, None where there is none or it is no number a row can have."""
    number = request.values.get(name, type=int)
    return number if number is not None and 0 < number <= LARGEST_NUMBER else None

"""Numbers of rows, as a stranger may write them: one that no row can have is none, not a database's error."""

from typing import Final

LARGEST: Final = 2**63 - 1  # of a BIGINT, and of SQLite's INTEGER


def read_number(written: str) -> int | None:
    """The number in ``written``, in plain digits; None where no row can have it."""
    if not (written.isascii() and written.isdecimal()) or len(written) > len(str(LARGEST)):
        return None
    number = int(written)
    return number if 0 < number <= LARGEST else None

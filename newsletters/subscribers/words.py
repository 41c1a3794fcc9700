"""What a person may type beside an address: kept as plain text on one line."""

import unicodedata
from typing import Final

REFUSED: Final = frozenset({"Cc", "Co", "Cs"})  # controls, private use (the mail's slots), lone surrogates
MARKS_OF_DIRECTION: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def without_controls(typed: str) -> str:
    """``typed`` in NFC on one line, without characters that nobody types and some misuse."""
    if typed.isascii() and typed.isprintable():
        return " ".join(typed.split())
    one_line = " ".join(unicodedata.normalize("NFC", typed).split())
    return "".join(
        letter
        for letter in one_line
        if unicodedata.category(letter) not in REFUSED and letter not in MARKS_OF_DIRECTION
    )

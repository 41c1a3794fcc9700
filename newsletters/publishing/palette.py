"""The twelve accents a newsletter may wear, and the paper and ink they stand on.

A page names an accent by its class (``accent-cobalt``); a mail has no classes of ours and takes the hex.
newsletters/static/css/tokens.css holds the same values; a test keeps both equal and proves their contrast.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Shade:
    """One colour as it is by day and by night, both as ``#rrggbb``."""

    light: str
    dark: str


PAPER: Final = Shade("#fbfaf6", "#161614")
RAISED: Final = Shade("#ffffff", "#1f1f1c")
SUNKEN: Final = Shade("#f2f0e9", "#0f0f0e")
RULE: Final = Shade("#dcd8cd", "#383731")
INK: Final = Shade("#1b1a17", "#ebe8e0")
INK_SOFT: Final = Shade("#55524a", "#b3afa4")
ON_ACCENT: Final = Shade("#ffffff", "#14140f")

ACCENTS: Final[Mapping[str, Shade]] = MappingProxyType(
    {
        "cobalt": Shade("#1f4fa8", "#92b5f5"),
        "ultramarine": Shade("#4340b4", "#adaff7"),
        "violet": Shade("#633aa3", "#c3a8f2"),
        "plum": Shade("#7f2d70", "#e3a2d7"),
        "madder": Shade("#a3243b", "#f29ca8"),
        "vermilion": Shade("#ae3417", "#f5a48e"),
        "sienna": Shade("#8a4820", "#e0ab87"),
        "ochre": Shade("#7a5700", "#dcb653"),
        "olive": Shade("#59620f", "#bcc56a"),
        "viridian": Shade("#11694f", "#7acbaf"),
        "cerulean": Shade("#0b6380", "#7ec7e2"),
        "slate": Shade("#475467", "#abb8ca"),
    }
)
DEFAULT_ACCENT: Final = "cobalt"


def accent(name: str) -> Shade:
    """The accent called ``name``; the default where there is none of that name any more."""
    return ACCENTS.get(name, ACCENTS[DEFAULT_ACCENT])

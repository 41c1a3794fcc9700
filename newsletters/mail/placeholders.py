"""The editors' placeholders, ``{{ name|"reader" }}``: a fixed list of names with defaults, turned into slots.

This is no template language: nothing is evaluated, nothing nests, and a value is never looked at again. What
is not on the list stays in the text as it was written and is reported with its line. A backslash before the
braces keeps them as they are.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from newsletters.mail.slots import slot

_QUOTES = (('"', '"'), ("'", "'"), ("“", "”"), ("„", "“"), ("„", "”"), ("‘", "’"), ("«", "»"))
_DEFAULT = "|".join(rf"{left}([^{right}\r\n]*){right}" for left, right in _QUOTES)
_WRITTEN = re.compile(r"(?<!\\)\{\{([^{}\r\n]*)\}\}")
_INSIDE = re.compile(rf"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:\|\s*(?:{_DEFAULT})\s*)?")


@dataclass(frozen=True, slots=True)
class UnknownPlaceholder:
    """Something in braces that means nothing to us; ``line`` counts from one."""

    written: str
    line: int


@dataclass(frozen=True, slots=True)
class Placeholders:
    """A text whose placeholders have become slots."""

    text: str
    used: frozenset[str]
    unknown: tuple[UnknownPlaceholder, ...]


def parse_placeholders(source: str, *, allowed: Collection[str]) -> Placeholders:
    """Turn the ``allowed`` placeholders of ``source`` into slots. Strip foreign markers before."""
    used: set[str] = set()
    unknown: list[UnknownPlaceholder] = []

    def to_slot(written: re.Match[str]) -> str:
        inside = _INSIDE.fullmatch(written[1])
        if inside is None or inside[1] not in allowed:
            unknown.append(UnknownPlaceholder(written[0], source.count("\n", 0, written.start()) + 1))
            return written[0]
        used.add(inside[1])
        return slot(inside[1], next((default for default in inside.groups()[1:] if default), ""))

    text = _WRITTEN.sub(to_slot, source)
    return Placeholders(text, frozenset(used), tuple(unknown))

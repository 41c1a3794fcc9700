"""Slots: markers that stand in a text for a value which differs from recipient to recipient.

A marker is U+E000, hexadecimal digits, U+E001. The digits say the slot's name and default, so Markdown, the
sanitiser, the CSS inliner and autoescaping all carry it through untouched. A URL normaliser writes the two
private-use characters in percent-encoding; such a marker is found too, and its value is percent-encoded,
except where the name ends in ``_url``: those values are whole URLs of ours. A value is put in once and
never looked at again: what looks like a marker or a placeholder in it stays as it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from newsletters.kernel.errors import DomainError

OPEN, CLOSE = "\ue000", "\ue001"
_HEX = r"([0-9a-f]+)"
_MARKER = re.compile(rf"{OPEN}{_HEX}{CLOSE}|%EE%80%80{_HEX}%EE%80%81", re.IGNORECASE)
_FOREIGN = re.compile(
    rf"[{OPEN}{CLOSE}]|%EE%80%8[01]|&#0*5734[45];?|&#x0*E00[01];?",
    re.IGNORECASE,
)


class MissingValue(DomainError):
    """A slot without default was given no value."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for a value. ``is_quoted`` where it stands inside a URL."""

    name: str
    default: str = ""
    is_quoted: bool = False

    def value(self, values: Mapping[str, str]) -> str:
        """The recipient's value, else the default. Raises MissingValue where there is neither."""
        value = values.get(self.name)
        if not value:
            value = self.default
            if not value and self.name not in values:
                raise MissingValue(self.name)
        return quote(value, safe="") if self.is_quoted else value


def slot(name: str, default: str = "") -> str:
    """The marker of a slot, to be put into text, HTML, a subject or a header."""
    said = f"{name}\0{default}" if default else name
    return f"{OPEN}{said.encode().hex()}{CLOSE}"


def strip_markers(foreign: str) -> str:
    """Take the private-use characters out of a text that somebody else wrote, however they are written."""
    while (stripped := _FOREIGN.sub("", foreign)) != foreign:
        foreign = stripped
    return foreign


def cut(marked: str) -> Iterator[str | Slot]:
    """The literals and slots of ``marked``, in order; empty literals are left out."""
    end = 0
    for found in _MARKER.finditer(marked):
        if literal := marked[end : found.start()]:
            yield literal
        yield _read(found)
        end = found.end()
    if literal := marked[end:]:
        yield literal


def find_slots(marked: str) -> list[Slot]:
    """Every slot in ``marked``, in order."""
    return [part for part in cut(marked) if isinstance(part, Slot)]


def fill_text(marked: str, values: Mapping[str, str]) -> str:
    """``marked`` as plain text for one recipient. Raises MissingValue."""
    return _fill(marked, values, str)


def fill_html(marked: str, values: Mapping[str, str]) -> str:
    """``marked`` as HTML for one recipient, values escaped. Raises MissingValue."""
    return _fill(marked, values, escape)


def _fill(marked: str, values: Mapping[str, str], encode: Callable[[str], str]) -> str:
    return "".join(encode(part.value(values)) if isinstance(part, Slot) else part for part in cut(marked))


def _read(found: re.Match[str]) -> Slot:
    in_url = found[1] is None
    try:
        name, _, default = bytes.fromhex(found[1] or found[2]).decode().partition("\0")
    except ValueError:
        name, default = "", ""
    return Slot(name, default, is_quoted=in_url and not name.endswith("_url"))

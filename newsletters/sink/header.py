"""Reads a message's header for people: unfolded, encoded words decoded, raw UTF-8 taken as UTF-8.

Never raises on what came over the wire: what cannot be decoded is shown as it stands. RFC 5322, 2047, 6532.
"""

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header

_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:((?:[^\n]*)(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_FOLD = re.compile(r"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a list shows of a message. An empty string where there is no such field."""

    subject: str
    message_id: str


def read_fields(raw: bytes) -> list[tuple[str, str]]:
    """Every header field in order, its value unfolded and decoded."""
    found = _END_OF_HEADER.search(raw)
    header = raw[: found.start()] if found else raw
    if raw.startswith((b"\r\n", b"\n")):
        return []
    return [(each[1].decode("ascii"), decoded(each[2])) for each in _FIELD.finditer(header)]


def read_identity(raw: bytes) -> Identity:
    """The subject and the Message-ID, without reading the rest."""
    return Identity(_first(raw, b"subject"), _first(raw, b"message-id"))


def decoded(value: bytes) -> str:
    """A field's value as a person reads it."""
    text = _FOLD.sub("", value.decode("utf-8", "replace")).strip()
    if "=?" not in text:
        return text
    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text


def _first(raw: bytes, name: bytes) -> str:
    found = _END_OF_HEADER.search(raw)
    header = raw[: found.start()] if found else raw
    field = re.search(rb"(?im)^" + name + rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", header)
    return decoded(field[1]) if field else ""

"""Reads a message's header for people: unfolded, encoded words decoded, raw UTF-8 taken as UTF-8.

Never raises on what came over the wire: what cannot be decoded is shown as it stands. RFC 5322, 2047, 6532.
"""

import re
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header

_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"^([!-9;-~]+)[ \t]*:((?:[^\n]*)(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_FOLD = re.compile(r"\r?\n(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a list shows of a message. An empty string where there is no such field."""

    sender: str
    subject: str
    message_id: str


def read_fields(raw: bytes) -> list[tuple[str, str]]:
    """Every header field in order, its value unfolded and decoded."""
    return [(each[1].decode("ascii"), decoded(each[2])) for each in _FIELD.finditer(_header_of(raw))]


def read_identity(raw: bytes) -> Identity:
    """From, Subject and Message-ID, without reading the rest."""
    header = _header_of(raw)
    return Identity(_first(header, b"from"), _first(header, b"subject"), _first(header, b"message-id"))


def decoded(value: bytes) -> str:
    """A field's value as a person reads it."""
    text = _FOLD.sub("", value.decode("utf-8", "replace")).strip()
    if "=?" not in text:
        return text
    try:
        words = str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, ValueError):
        return text
    return _CONTROLS.sub(" ", words).encode("utf-8", "replace").decode()  # some charsets give half characters


def _header_of(raw: bytes) -> bytes:
    if raw.startswith((b"\r\n", b"\n")):  # the empty line stands first: there is no header
        return b""
    found = _END_OF_HEADER.search(raw)
    return raw[: found.start()] if found else raw


def _first(header: bytes, name: bytes) -> str:
    field = re.search(rb"(?im)^" + name + rb"[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", header)
    return decoded(field[1]) if field else ""

"""Relaxed canonical forms: what a DKIM signature is made over (RFC 6376 section 3.4)."""

import re
from collections.abc import Iterator

_WSP = re.compile(rb"[ \t]+")
_WSP_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_EMPTY_LINES_AT_END = re.compile(rb"(?:\r\n)+\Z")
_UNFOLD = re.compile(rb"\r\n(?=[ \t])")


def canonical_fields(head: bytes) -> Iterator[bytes]:
    """Section 3.4.2: every field of ``head``, each without the CRLF at its end."""
    for field in _WSP.sub(b" ", _UNFOLD.sub(b"", head)).split(b"\r\n"):
        name, _, value = field.partition(b":")
        yield name.strip().lower() + b":" + value.strip(b" ")


def canonical_field(field: bytes) -> bytes:
    """One field with the CRLF at its end: at once where it was folded at single blanks, as ours are."""
    name, _, value = field.replace(b"\r\n ", b" ")[:-2].partition(b": ")
    if b"  " in value or b"\t" in value or b"\r" in value or value[:1] == b" " or value[-1:] == b" ":
        return next(canonical_fields(field[:-2])) + b"\r\n"
    return b"%s:%s\r\n" % (name.lower(), value)


def single_spaced(body: bytes) -> bytes:
    """Section 3.4.4 (a)."""
    return _WSP_AT_END.sub(b"", _WSP.sub(b" ", body))


def without_empty_end(body: bytes) -> bytes:
    """Section 3.4.4 (b), and 3.4.3: no empty lines at the end, and one line break there."""
    if body.endswith(b"\r\n\r\n") or body == b"\r\n":
        body = _EMPTY_LINES_AT_END.sub(b"", body)
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"

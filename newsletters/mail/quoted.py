"""Quoted-printable (RFC 2045 section 6.7) in pieces to be joined, in a form nobody needs to touch again.

Every piece begins at the start of a line, so a literal encoded once and a value encoded much later meet at a
soft break. The output is its own relaxed canonical form (RFC 6376 section 3.4.4): no white space at the end
of a line, none twice in a row, no tabs. No line begins with a dot, so there is nothing to stuff, nor with
"From " (RFC 2049 section 3).
"""

import binascii
import re
from collections.abc import Sequence

LINE = 76  # RFC 2045 section 6.7 rule 5, with the "=" of a soft break
SOFT_BREAK = b"=\r\n"
_TOKENS = tuple(bytes([byte]) if 32 <= byte <= 126 and byte != 61 else b"=%02X" % byte for byte in range(256))
_NEWLINE = re.compile(r"\r\n|\r|\n")
_UNLIKE = re.compile(rb"[\x00-\x1f\x7f]|  | \Z")
_DELICATE = (b".", b"F")  # where a line begins
_DELICATE_LETTERS = (".", "F")


def encode(text: str) -> bytes:
    """``text`` from the start of a line on; its newlines become CRLF. Ends without a break of its own."""
    if _is_plain(text):  # nearly every value: a name, a URL
        if len(text) < LINE and text[:1] not in _DELICATE_LETTERS:
            return text.encode()
        lines = [text[start : start + LINE - 1] for start in range(0, len(text), LINE - 1)]
        if not any(line.startswith((".", "From ")) for line in lines):
            return "=\r\n".join(lines).encode()
    written = _written_by_library(text.encode(errors="replace"))
    if written is not None:
        return written
    return b"\r\n".join(_line(line) for line in _NEWLINE.split(text))


def _is_plain(text: str) -> bool:
    """Whether every character stands for itself, wherever the line is cut."""
    return text.isascii() and text.isprintable() and "=" not in text and "  " not in text and text[-1:] != " "


def _written_by_library(raw: bytes) -> bytes | None:
    """One line in a script of any kind, by the standard library; None where its rules are not ours."""
    if _UNLIKE.search(raw):
        return None
    written = binascii.b2a_qp(raw)
    if written[:1] in _DELICATE or b"=\n." in written or b"=\nF" in written:
        return None
    if len(written) - written.rfind(b"\n") - 1 >= LINE:
        return None
    return written.replace(b"\n", b"\r\n")


def ends_line(text: str) -> bool:
    """Whether the next piece stands at the start of a line anyway."""
    return text.endswith(("\r", "\n"))


def begins_line(text: str) -> bool:
    """Whether the line before this piece is over anyway."""
    return text.startswith(("\r", "\n"))


def _line(line: str) -> bytes:
    raw = line.encode(errors="replace")
    tokens = [_TOKENS[byte] for byte in raw]
    if b"  " in raw or raw[-1:] == b" ":
        _spell_out_spaces(tokens)
    return _wrapped(tokens)


def _spell_out_spaces(tokens: list[bytes]) -> None:
    """Encode every space that follows a space or ends the line."""
    for place in range(len(tokens) - 1, -1, -1):
        is_last = place == len(tokens) - 1
        if tokens[place] == b" " and (is_last or tokens[place - 1 : place] == [b" "]):
            tokens[place] = b"=20"


def _wrapped(tokens: Sequence[bytes]) -> bytes:
    out: list[bytes] = []
    column = 0
    for place, token in enumerate(tokens):
        if column + len(token) >= LINE:
            out.append(SOFT_BREAK)
            column = 0
        if column == 0 and token in _DELICATE:
            token = _at_line_start(tokens, place)  # noqa: PLW2901
        out.append(token)
        column += len(token)
    return b"".join(out)


def _at_line_start(tokens: Sequence[bytes], place: int) -> bytes:
    if tokens[place] == b".":
        return b"=2E"
    is_from = b"".join(tokens[place : place + 5]) == b"From "
    return b"=46" if is_from else tokens[place]

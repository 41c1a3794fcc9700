"""Encoded-words (RFC 2047): at most 75 characters each, lines of at most 76, no character cut in two.

The Q encoding writes only what is allowed inside a phrase (section 5 rule 3), so a word is good anywhere.
"""

from binascii import b2a_base64
from collections.abc import Iterator, Sequence

LINE = 76

_FRAME = len("=?utf-8?q??=")
_Q_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q_SHORT = bytes(sorted(_Q_PLAIN)) + b" "  # what takes one character in Q
_Q = tuple(chr(byte) if byte in _Q_PLAIN else "_" if byte == 32 else f"={byte:02X}" for byte in range(256))


def encoded_words(text: str, *, first: int) -> list[str]:
    """``text`` as encoded-words, one to a line; the first line already holds ``first`` characters."""
    room, rest = LINE - first - _FRAME, LINE - 1 - _FRAME
    raw = text.encode(errors="replace")
    in_q_length = len(raw) + 2 * len(raw.translate(None, _Q_SHORT))
    if 3 * in_q_length > 4 * len(raw):
        chunks = _cut(raw, room // 4 * 3, rest // 4 * 3)
        return [f"=?utf-8?b?{b2a_base64(chunk, newline=False).decode()}?=" for chunk in chunks]
    if in_q_length <= room:
        return [f"=?utf-8?q?{''.join(map(_Q.__getitem__, raw))}?="]
    in_q = ["".join(map(_Q.__getitem__, character.encode(errors="replace"))) for character in text]
    return [f"=?utf-8?q?{''.join(chunk)}?=" for chunk in _chunks(in_q, room, rest)]


def _cut(raw: bytes, room: int, rest: int) -> Iterator[bytes]:
    """UTF-8 in pieces that end with a character: the first at most ``room`` long, every other ``rest``."""
    start = 0
    while len(raw) - start > room:
        end = start + max(room, 0)
        while end > start and raw[end] & 0xC0 == 0x80:  # amid a character
            end -= 1
        if end == start:  # not even one has room: the least there can be
            end += 1
            while end < len(raw) and raw[end] & 0xC0 == 0x80:
                end += 1
        yield raw[start:end]
        start, room = end, rest
    if start < len(raw):
        yield raw[start:]


def _chunks(pieces: Sequence[str], room: int, rest: int) -> Iterator[list[str]]:
    """Cut ``pieces`` so that the first chunk is at most ``room`` long and every other at most ``rest``."""
    chunk: list[str] = []
    for piece in pieces:
        if chunk and len(piece) > room:
            yield chunk
            chunk, room = [], rest
        chunk.append(piece)
        room -= len(piece)
    yield chunk

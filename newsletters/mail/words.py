"""Encoded-words (RFC 2047): at most 75 characters each, lines of at most 76, no character cut in two.

The Q encoding writes only what is allowed inside a phrase (section 5 rule 3), so a word is good anywhere.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import TypeVar

LINE = 76
Piece = TypeVar("Piece", str, bytes)

_FRAME = len("=?utf-8?q??=")
_Q_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q_SHORT = bytes(sorted(_Q_PLAIN)) + b" "  # what takes one character in Q
_Q = tuple(chr(byte) if byte in _Q_PLAIN else "_" if byte == 32 else f"={byte:02X}" for byte in range(256))


def encoded_words(text: str, *, first: int) -> list[str]:
    """``text`` as encoded-words, one to a line; the first line already holds ``first`` characters."""
    room, rest = LINE - first - _FRAME, LINE - 1 - _FRAME
    raw = text.encode(errors="replace")
    in_q_length = len(raw) + 2 * len(raw.translate(None, _Q_SHORT))
    if 3 * in_q_length > 4 * len(raw) and len(raw) <= room // 4 * 3:  # nearly every name that is not in Latin
        return [f"=?utf-8?b?{base64.b64encode(raw).decode()}?="]
    characters = [character.encode(errors="replace") for character in text]
    in_q = ["".join(_Q[byte] for byte in character) for character in characters]
    if 3 * in_q_length <= 4 * len(raw):
        return [f"=?utf-8?q?{''.join(chunk)}?=" for chunk in _chunks(in_q, room, rest)]
    chunks = _chunks(characters, room // 4 * 3, rest // 4 * 3)
    return [f"=?utf-8?b?{base64.b64encode(b''.join(chunk)).decode()}?=" for chunk in chunks]


def _chunks(pieces: Sequence[Piece], room: int, rest: int) -> Iterator[list[Piece]]:
    """Cut ``pieces`` so that the first chunk is at most ``room`` long and every other at most ``rest``."""
    chunk: list[Piece] = []
    for piece in pieces:
        if chunk and len(piece) > room:
            yield chunk
            chunk, room = [], rest
        chunk.append(piece)
        room -= len(piece)
    yield chunk

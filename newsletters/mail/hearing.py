"""Cuts what a mail server says into replies, however its bytes arrive (RFC 5321 section 4.2).

Nothing a server may say makes this fail, wait or grow: what is no reply has code 0.
"""

import re
from functools import lru_cache

LONGEST_LINE = 2000  # what is kept of a line; RFC 5321 section 4.5.3.1.5 allows 512
LONGEST_REPLY = 1_000_000
_REPLY_LINE = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\s*", re.DOTALL)

Said = tuple[int, bytes]


class Hearing:
    """One ear for one connection."""

    __slots__ = ("_rest", "_size", "_texts")

    def __init__(self) -> None:
        self._rest = b""
        self._texts: list[bytes] = []
        self._size = 0

    @property
    def is_amid(self) -> bool:
        """Whether a reply has begun that has not ended."""
        return bool(self._rest or self._texts)

    def hear(self, raw: bytes) -> list[Said]:
        """The replies that ``raw`` completes, with their codes."""
        *lines, rest = (self._rest + raw).split(b"\n")
        self._rest = rest[:LONGEST_LINE]
        said = [reply for line in lines if (reply := self._line(line)) is not None]
        self._size = len(rest) if said else self._size + len(raw)
        if self._size < LONGEST_REPLY:
            return said
        self._rest, self._texts, self._size = b"", [], 0
        return [*said, (0, b"a reply without end")]

    def _line(self, line: bytes) -> Said | None:
        code, is_last, text = _parsed(line[:LONGEST_LINE])
        if code and not is_last:
            self._texts.append(text)
            return None
        if not code or not self._texts:
            self._texts = []
            return code, text
        texts, self._texts = [*self._texts, text], []
        return code, b"\n".join(texts)


@lru_cache(maxsize=256)  # most answers are said again and again
def _parsed(line: bytes) -> tuple[int, bool, bytes]:
    """The code (nought where the line is no reply), whether the reply ends here, the words."""
    found = _REPLY_LINE.fullmatch(line)
    if found is None:
        return 0, True, line
    code, mark, text = found.groups()
    return int(code), mark != b"-", (text or b"").strip()

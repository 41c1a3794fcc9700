"""Cuts what a mail server says into replies, however its bytes arrive (RFC 5321 section 4.2).

Nothing a server may say makes this fail, wait or grow: what is no reply has code 0.
"""

import re

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
        found = _REPLY_LINE.fullmatch(line[:LONGEST_LINE])
        if found is None:
            self._texts = []
            return 0, line[:LONGEST_LINE]
        code, mark, text = found.groups()
        if mark == b"-":
            self._texts.append(text.strip())
            return None
        if not self._texts:
            return int(code), (text or b"").strip()
        texts, self._texts = [*self._texts, (text or b"").strip()], []
        return int(code), b"\n".join(texts)

"""A second opinion on DKIM: Debian's libopendkim, written in C by other people than dkimpy.

Its keys come from a file, so no DNS is asked. One signature at a time: a message with two passes when either
is good, which would hide that the other is not.
"""

import ctypes
import re
from collections.abc import Mapping
from pathlib import Path

LIBRARY = "libopendkim.so.11"
_QUERYMETHOD, _QUERYINFO = 6, 7
_SET, _FROM_FILE = 1, 1
_SIGNATURE = re.compile(rb"DKIM-Signature: .*?\r\n(?![ \t])", re.DOTALL)
WORDS = {0: "good", 1: "bad", 2: "no signature", 3: "no key", 4: "cannot verify", 5: "syntax"}


class OpenDkim:
    """Verifies against ``records``: TXT records by their names."""

    def __init__(self, records: Mapping[str, str], folder: Path) -> None:
        self._library = ctypes.CDLL(LIBRARY)
        for name in ("dkim_init", "dkim_verify"):
            getattr(self._library, name).restype = ctypes.c_void_p
        keys = folder / "keys.txt"
        keys.write_text("".join(f"{name.rstrip('.')} {record}\n" for name, record in records.items()))
        self._handle = ctypes.c_void_p(self._library.dkim_init(None, None))
        self._set(_QUERYMETHOD, ctypes.c_int(_FROM_FILE))
        self._set(_QUERYINFO, ctypes.create_string_buffer(str(keys).encode()))

    def close(self) -> None:
        self._library.dkim_close(self._handle)

    def verdict(self, message: bytes, *, index: int) -> str:
        """What it says of the signature at ``index``, as if that were the only one."""
        return self._verdict(only_signature(message, index))

    def _set(self, option: int, value: ctypes.c_int | ctypes.Array[ctypes.c_char]) -> None:
        size = ctypes.c_size_t(ctypes.sizeof(value))
        assert self._library.dkim_options(self._handle, _SET, option, ctypes.byref(value), size) == 0

    def _verdict(self, message: bytes) -> str:
        status = ctypes.c_int(-1)
        asked = ctypes.c_void_p(self._library.dkim_verify(self._handle, b"test", None, ctypes.byref(status)))
        assert status.value == 0
        try:
            code = self._read(asked, message) or self._library.dkim_eom(asked, None)
        finally:
            self._library.dkim_free(asked)
        return WORDS.get(code, f"status {code}")

    def _read(self, asked: ctypes.c_void_p, message: bytes) -> int:
        for piece in (message, None):
            if code := self._library.dkim_chunk(asked, piece, ctypes.c_size_t(len(piece or b""))):
                return int(code)
        return 0


def only_signature(message: bytes, index: int) -> bytes:
    """``message`` with its signature at ``index`` and without the others."""
    head, separator, body = message.partition(b"\r\n\r\n")
    head += b"\r\n"
    signatures: list[bytes] = _SIGNATURE.findall(head)
    rest = _SIGNATURE.sub(b"", head)
    return signatures[index] + rest.removesuffix(b"\r\n") + separator + body

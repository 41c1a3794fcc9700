"""Signatures by processes of their own: a thread that signs would take the interpreter from the sender.

RSA runs beside other threads, but each of its ends wakes a thread that wants the interpreter, and whoever
moves the bytes waits for it. A signing process takes many digests at a time and answers with as many
signatures. It is given the keys on its standard input, and ends when that ends. Where it has gone, the
signatures are made by whoever asks.
"""

import logging
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate
from struct import Struct
from typing import IO, Final, Protocol

from newsletters.mail.sign import DkimKey, read_key

COMMAND: Final = (sys.executable, "-m", "newsletters.mail.signers")
DIGEST_BYTES: Final = 32
_COUNT = Struct(">I")

log = logging.getLogger(__name__)


class Signer(Protocol):
    """Makes signatures over SHA-256 digests, whose keys come in order, again and again.

    One thread asks, another awaits the answers, which come in the order of the questions.
    """

    def ask(self, digests: Sequence[bytes]) -> None:
        """Have these signed; at least one. Waits at most for some of what was asked for before."""

    def answer(self, digests: Sequence[bytes]) -> list[bytes]:
        """Wait for the signatures of what was asked for first and not answered yet."""

    def close(self) -> None:
        """Sign nothing more."""


class HereSigner:
    """Signs in the thread that awaits the answer."""

    def __init__(self, keys: Sequence[DkimKey]) -> None:
        self._keys = tuple(keys)

    def ask(self, digests: Sequence[bytes]) -> None:
        """Nothing begins before somebody awaits it."""

    def answer(self, digests: Sequence[bytes]) -> list[bytes]:
        count = len(self._keys)
        return [self._keys[place % count].signature_of(digest) for place, digest in enumerate(digests)]

    def close(self) -> None:
        """Nothing is open."""


class ProcessSigner:
    """Has one process sign, and does its work here when that is lost."""

    def __init__(self, keys: Sequence[DkimKey]) -> None:
        self._here = HereSigner(keys)
        self._sizes = [key.signature_bytes for key in keys]
        self.is_lost = False
        command = (*COMMAND, str(len(keys)))
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self._write([key.pem() for key in keys])

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ask(self, digests: Sequence[bytes]) -> None:
        if not self.is_lost:
            self._write([b"".join(digests)])

    def answer(self, digests: Sequence[bytes]) -> list[bytes]:
        if not self.is_lost:
            sizes = [self._sizes[place % len(self._sizes)] for place in range(len(digests))]
            raw = self._process.stdout.read(sum(sizes)) if self._process.stdout else b""
            if len(raw) == sum(sizes):
                return _cut(raw, sizes)
            self._lose()
        return self._here.answer(digests)

    def close(self) -> None:
        """End the process; what it has in hand is signed here if anybody awaits it."""
        self.is_lost = True
        self._process.kill()  # nothing of it lasts
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not sent yet
                    pipe.close()

    def _write(self, pieces: Sequence[bytes]) -> None:
        try:
            if self._process.stdin is not None:
                self._process.stdin.write(b"".join([_COUNT.pack(len(piece)) + piece for piece in pieces]))
                self._process.stdin.flush()
        except OSError:
            self._lose()

    def _lose(self) -> None:
        if not self.is_lost:
            log.warning("a signing process has gone; what it did is done here")
        self.is_lost = True


def serve(asked: IO[bytes], answers: IO[bytes], *, keys: int) -> None:
    """Read ``keys`` keys, then sign whatever digests come, until nothing comes any more."""
    here = HereSigner([DkimKey("", "", read_key(_read(asked))) for _ in range(keys)])
    while digests := _read(asked):
        starts = range(0, len(digests), DIGEST_BYTES)
        answers.write(b"".join(here.answer([digests[start : start + DIGEST_BYTES] for start in starts])))
        answers.flush()


def _read(pipe: IO[bytes]) -> bytes:
    """What was written at one time; nothing when no more comes."""
    head = pipe.read(_COUNT.size)
    return pipe.read(_COUNT.unpack(head)[0]) if len(head) == _COUNT.size else b""


def _cut(raw: bytes, sizes: Sequence[int]) -> list[bytes]:
    ends = tuple(accumulate(sizes))
    return [raw[end - size : end] for end, size in zip(ends, sizes, strict=True)]


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):  # the sender drains: it still needs signatures
        signal.signal(number, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer, keys=int(sys.argv[1]))

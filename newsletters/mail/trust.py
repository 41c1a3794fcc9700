"""Which certificates a mail server must show, and which one we show it.

Reading the roots takes longer than a handshake, so what was read is kept until one of the files changes.
"""

import ssl
from functools import lru_cache
from pathlib import Path

Stamp = tuple[int, int, int]


def trust(cafile: str | None, *, certfile: str | None = None, keyfile: str | None = None) -> ssl.SSLContext:
    """A chain to a known root (one in ``cafile``, if given), and the server's name. Raises OSError."""
    stamps = tuple(_stamp(name) for name in (cafile, certfile, keyfile) if name is not None)
    return _context(cafile, certfile, keyfile, stamps)


@lru_cache(maxsize=32)
def _context(
    cafile: str | None, certfile: str | None, keyfile: str | None, _stamps: tuple[Stamp, ...]
) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=cafile)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certfile is not None:
        context.load_cert_chain(certfile, keyfile)
    return context


def _stamp(name: str) -> Stamp:
    stat = Path(name).stat()
    return stat.st_mtime_ns, stat.st_size, stat.st_ino

"""What the database keeps for us but may not read: AES-256-GCM (NIST SP 800-38D) under keys from our secrets.

Each secret gives one key by HKDF (RFC 5869). Sealed text says which row it belongs to: moved to another it
does not open. Old secrets still open, so that a rotation locks nobody out; sealing is always with the newest.
"""

import base64
import binascii
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from newsletters.kernel.errors import DomainError
from newsletters.kernel.tokens import as_text

NONCE_BYTES = 12
_VERSION = b"\x01"


class SealBroken(DomainError):
    """Not sealed by any secret we have, or not for this row."""


class Sealer:
    """Seals with the first of ``keys`` and opens with all of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._boxes = [AESGCM(_derived(key)) for key in keys]

    def seal(self, plain: bytes, *, about: str) -> str:
        """``plain`` as text that only we can read, and only as being ``about`` the same thing."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return as_text(_VERSION + nonce + self._boxes[0].encrypt(nonce, plain, about.encode()))

    def open(self, sealed: str, *, about: str) -> bytes:
        """What was sealed. Raises SealBroken."""
        for box in self._boxes:
            plain = _try(box, sealed, about)
            if plain is not None:
                return plain
        raise SealBroken

    def is_outdated(self, sealed: str, *, about: str) -> bool:
        """Whether it was sealed with an older secret and should be sealed anew."""
        return _try(self._boxes[0], sealed, about) is None


def _try(box: AESGCM, sealed: str, about: str) -> bytes | None:
    try:
        raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        if raw[:1] != _VERSION:
            return None
        return box.decrypt(raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :], about.encode())
    except (binascii.Error, ValueError, InvalidTag):
        return None


def _derived(secret: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=b"newsletters sealed secrets 1").derive(secret)

"""Keyed hashes: finding a value again without keeping it.

The key is not the signing key and never rotates, for a suppression must outlive every rotation, the
erasure of its subscriber and the next import.
"""

import hashlib
import hmac


class Digester:
    """HMAC-SHA256 under one key, apart for every use by its ``salt``."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("a hash key needs at least 16 bytes")
        self._key = key

    def digest(self, salt: str, value: str) -> str:
        """64 hexadecimal digits."""
        return hmac.digest(self._key, f"{salt}\0{value}".encode(), hashlib.sha256).hex()

    def address(self, key: str) -> str:
        """The digest of an address key, as the suppression list stores it."""
        return self.digest("address", key)

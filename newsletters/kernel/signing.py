"""Signatures that a third party can check: Ed25519 (RFC 8032) under keys that come from our secrets.

A MAC convinces only whoever has the key; these convince everybody who has read the public one. Each secret
gives one key by HKDF (RFC 5869), so there is no further file to keep, every machine has the same, and a
secret that is dropped takes its key along. A key is known by its thumbprint (RFC 7638, RFC 8037).
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from functools import cached_property

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from newsletters.kernel.tokens import as_text


class SigningKey:
    """The key pair of one secret."""

    def __init__(self, secret: bytes) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=b"newsletters issue signatures 1")
        self._private = Ed25519PrivateKey.from_private_bytes(derived.derive(secret))
        self._public = self._private.public_key()

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key as RFC 8037 writes it, its members in the order a thumbprint wants."""
        raw = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": as_text(raw)}

    @cached_property
    def key_id(self) -> str:
        """43 letters that name the key."""
        written = json.dumps(self.jwk, separators=(",", ":"), sort_keys=True)
        return as_text(hashlib.sha256(written.encode()).digest())

    @cached_property
    def pem(self) -> str:
        """The public key as OpenSSL reads it."""
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, statement: str) -> str:
        return base64.b64encode(self._private.sign(statement.encode())).decode()

    def made(self, signature: str, statement: str) -> bool:
        try:
            self._public.verify(base64.b64decode(signature, validate=True), statement.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKeys:
    """Signs with the first secret's key and knows the signatures of all."""

    def __init__(self, secrets: Sequence[bytes]) -> None:
        self._secrets = tuple(secrets)

    @cached_property
    def keys(self) -> tuple[SigningKey, ...]:
        """The key in use, and before it those of secrets that still count."""
        return tuple(SigningKey(secret) for secret in self._secrets)

    @property
    def current(self) -> SigningKey:
        return self.keys[0]

    @property
    def known_ids(self) -> list[str]:
        return [key.key_id for key in self.keys]

    def vouches(self, *, key_id: str, signature: str, statement: str) -> bool:
        """Whether one of our keys, the one called ``key_id``, signed ``statement``."""
        return any(key.key_id == key_id and key.made(signature, statement) for key in self.keys)

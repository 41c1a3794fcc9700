"""DKIM signatures (RFC 6376, 8301, 8463): RSA-2048 and Ed25519 side by side, each good by itself.

Relaxed canonicalisation of head and body; no ``l=``, no SHA-1. Names that a stranger could add a second time
to mislead a reader are oversigned: listed once more than they stand there. Our own messages are in canonical
form already (see quoted.py), so their body is hashed as it is; any other is canonicalised first.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from newsletters.mail.canonical import canonical_fields, single_spaced, without_empty_end
from newsletters.mail.signature import folded, frame, signed_fields

SHORTEST_RSA_BITS = 2048
ED25519_BYTES = 64
_PKCS1, _SHA256 = padding.PKCS1v15(), Prehashed(hashes.SHA256())

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class UnusableKey(Exception):
    """The key file does not hold an RSA key of at least 2048 bits or an Ed25519 key."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One selector of one domain."""

    domain: str
    selector: str
    private_key: PrivateKey

    @property
    def algorithm(self) -> str:
        return "rsa-sha256" if isinstance(self.private_key, rsa.RSAPrivateKey) else "ed25519-sha256"

    def signature_of(self, digest: bytes) -> bytes:
        """Sign a SHA-256 digest; other threads run while RSA is at work."""
        key = self.private_key
        if isinstance(key, rsa.RSAPrivateKey):
            return key.sign(digest, _PKCS1, _SHA256)
        return key.sign(digest)  # RFC 8463 section 3

    @property
    def signature_bytes(self) -> int:
        """How long its signatures are."""
        key = self.private_key
        return key.key_size // 8 if isinstance(key, rsa.RSAPrivateKey) else ED25519_BYTES

    def pem(self) -> bytes:
        """The private key, to be handed to a process of ours and to nobody else."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def dns_record(self) -> str:
        """The TXT record for ``<selector>._domainkey.<domain>``."""
        public = self.private_key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            raw = public.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            return f"v=DKIM1; k=rsa; p={base64.b64encode(raw).decode()}"
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"


def load_key(path: Path, *, domain: str, selector: str) -> DkimKey:
    """Read a PEM file. Raises UnusableKey, OSError."""
    try:
        return DkimKey(domain, selector, read_key(path.read_bytes()))
    except UnusableKey as error:
        raise UnusableKey(f"{path}: {error}") from error


def read_key(pem: bytes) -> PrivateKey:
    """The key in ``pem``. Raises UnusableKey."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise UnusableKey(str(error)) from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SHORTEST_RSA_BITS:
        raise UnusableKey(f"{key.key_size} bits are too few; RFC 8301 asks for {SHORTEST_RSA_BITS}")
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise UnusableKey("neither RSA nor Ed25519")
    return key


class DkimSigner:
    """Signs with every key it has; without any, a message stays as it is."""

    def __init__(self, keys: Sequence[DkimKey]) -> None:
        self.keys = tuple(keys)

    def sign(self, message: bytes, *, now: datetime, is_canonical: bool = False) -> bytes:
        """``message`` with one DKIM-Signature for each key in front. The head and body must use CRLF.

        ``is_canonical`` says that the body is its own relaxed form, as CompiledMessage.render makes it;
        looking for what might not be takes longer than all the hashing.
        """
        if not self.keys:
            return message
        head, _, body = message.partition(b"\r\n\r\n")
        fields = [field + b"\r\n" for field in canonical_fields(head)]
        names, signed = signed_fields([(field.partition(b":")[0], field) for field in fields])
        canonical = without_empty_end(body if is_canonical else single_spaced(body))
        around = (b"%d" % int(now.timestamp()), base64.b64encode(hashlib.sha256(canonical).digest()))
        signatures = [_signature(key, names, b"".join(signed), *around) for key in self.keys]
        return b"".join((*signatures, message))


def _signature(key: DkimKey, names: Sequence[bytes], signed: bytes, moment: bytes, body_hash: bytes) -> bytes:
    before, between, behind = frame(key.algorithm, domain=key.domain, selector=key.selector, names=names)
    field = b"".join((before, moment, between, body_hash, behind))
    digest = hashlib.sha256(signed + next(canonical_fields(field))).digest()
    return field + folded(key.signature_of(digest))

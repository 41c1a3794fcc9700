"""DKIM signatures (RFC 6376, 8301, 8463): RSA-2048 and Ed25519 side by side, each good by itself.

Relaxed canonicalisation of head and body; no ``l=``, no SHA-1. Names that a stranger could add a second time
to mislead a reader are oversigned: listed once more than they stand there. Our own messages are in canonical
form already (see quoted.py), so their body is hashed as it is; any other is canonicalised first.
"""

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

SHORTEST_RSA_BITS = 2048
_OVERSIGNED = (
    b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
    b"content-transfer-encoding", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
_SIGNED = (b"list-id", b"feedback-id", b"auto-submitted")
_WSP = re.compile(rb"[ \t]+")
_WSP_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_EMPTY_LINES_AT_END = re.compile(rb"(?:\r\n)+\Z")
_UNFOLD = re.compile(rb"\r\n(?=[ \t])")

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

    def signature_of(self, data: bytes) -> bytes:
        if isinstance(self.private_key, rsa.RSAPrivateKey):
            return self.private_key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.private_key.sign(hashlib.sha256(data).digest())  # RFC 8463 section 3

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
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise UnusableKey(f"{path}: {error}") from error
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SHORTEST_RSA_BITS:
        raise UnusableKey(f"{path}: {key.key_size} bits are too few; RFC 8301 asks for {SHORTEST_RSA_BITS}")
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise UnusableKey(f"{path}: neither RSA nor Ed25519")
    return DkimKey(domain, selector, key)


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
        names, signed = _signed_headers(head)
        canonical = _without_empty_end(body if is_canonical else _single_spaced(body))
        body_hash = base64.b64encode(hashlib.sha256(canonical).digest()).decode()
        tags = f"t={int(now.timestamp())};\r\n h={_folded(names)};\r\n bh={body_hash};\r\n b="
        signatures = [_signature(key, tags, signed) for key in self.keys]
        return b"".join((*signatures, message))


def _signature(key: DkimKey, tags: str, signed: bytes) -> bytes:
    field = (
        f"DKIM-Signature: v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n"
        f" d={key.domain}; s={key.selector}; {tags}"
    ).encode()
    signature = base64.b64encode(key.signature_of(signed + next(_canonical_fields(field))))
    lines = [signature[start : start + 72] for start in range(0, len(signature), 72)]
    return field + b"\r\n ".join(lines) + b"\r\n"


def _folded(names: Sequence[bytes]) -> str:
    lines = [b":".join(names[start : start + 4]) for start in range(0, len(names), 4)]
    return b":\r\n  ".join(lines).decode()


def _signed_headers(head: bytes) -> tuple[list[bytes], bytes]:
    """The names of h= and the canonical fields they stand for, the last of several first (section 5.4.2)."""
    found: dict[bytes, list[bytes]] = {}
    for field in _canonical_fields(head):
        found.setdefault(field.partition(b":")[0], []).append(field)
    names: list[bytes] = []
    fields: list[bytes] = []
    for name in (*_OVERSIGNED, *_SIGNED):
        here = found.get(name, [])
        names += [name] * len(here)
        fields += reversed(here)
    return [*names, *_OVERSIGNED], b"".join(field + b"\r\n" for field in fields)


def _canonical_fields(head: bytes) -> Iterator[bytes]:
    """Section 3.4.2, each without the CRLF at its end."""
    for field in _WSP.sub(b" ", _UNFOLD.sub(b"", head)).split(b"\r\n"):
        name, _, value = field.partition(b":")
        yield name.strip().lower() + b":" + value.strip(b" ")


def _single_spaced(body: bytes) -> bytes:
    """Section 3.4.4 (a)."""
    return _WSP_AT_END.sub(b"", _WSP.sub(b" ", body))


def _without_empty_end(body: bytes) -> bytes:
    """Section 3.4.4 (b), and 3.4.3: no empty lines at the end, and one line break there."""
    if body.endswith(b"\r\n\r\n") or body == b"\r\n":
        body = _EMPTY_LINES_AT_END.sub(b"", body)
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"

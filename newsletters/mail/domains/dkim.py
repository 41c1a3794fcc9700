"""Whether the DNS holds the public half of a key we sign with (RFC 6376 section 3.6.1, RFC 8463)."""

import base64
import binascii
from enum import StrEnum

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from newsletters.mail.domains.dns import Dns, Outcome
from newsletters.mail.sign import DkimKey


class Published(StrEnum):
    """How a published key compares with ours."""

    RIGHT = "right"
    TESTING = "testing"
    MISSING = "missing"
    SEVERAL = "several"
    REVOKED = "revoked"
    UNREADABLE = "unreadable"
    ANOTHER = "another"
    UNKNOWN = "unknown"


def key_name(key: DkimKey) -> str:
    """Where its record stands."""
    return f"{key.selector}._domainkey.{key.domain}"


def published(dns: Dns, key: DkimKey) -> tuple[Published, str]:
    """Compare the record at the key's selector with the key; the record as it was found comes along."""
    answer = dns.txt(key_name(key))
    if answer.outcome is Outcome.FAILED:
        return Published.UNKNOWN, ""
    if not answer.records:
        return Published.MISSING, ""
    if len(answer.records) > 1:
        return Published.SEVERAL, " | ".join(answer.records)
    return _compared(answer.records[0], key), answer.records[0]


def tags(record: str) -> dict[str, str]:
    """``v=DKIM1; k=rsa`` as a mapping. Raises ValueError where a tag stands twice or is none."""
    found: dict[str, str] = {}
    for part in record.split(";"):
        name, mark, value = part.partition("=")
        if not part.strip():
            continue
        if not mark or name.strip() in found:
            raise ValueError(part)
        found[name.strip()] = value.strip()
    return found


def _compared(record: str, key: DkimKey) -> Published:
    try:
        found = tags(record)
    except ValueError:
        return Published.UNREADABLE
    if found.get("v", "DKIM1") != "DKIM1" or "p" not in found:
        return Published.UNREADABLE
    if not found["p"]:
        return Published.REVOKED
    if not _is_ours(found, key):
        return Published.ANOTHER
    return Published.TESTING if "y" in _listed(found.get("t", "")) else Published.RIGHT


def _is_ours(found: dict[str, str], key: DkimKey) -> bool:
    kind = "rsa" if isinstance(key.private_key, rsa.RSAPrivateKey) else "ed25519"
    hashes, services = _listed(found.get("h", "sha256")), _listed(found.get("s", "*"))
    if found.get("k", "rsa") != kind or "sha256" not in hashes or not services & {"*", "email"}:
        return False
    try:
        raw = base64.b64decode("".join(found["p"].split()), validate=True)
        return _same(raw, key)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return False


def _same(raw: bytes, key: DkimKey) -> bool:
    ours = key.private_key.public_key()
    if isinstance(ours, ed25519.Ed25519PublicKey):
        return raw == ours.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return any(
        raw == ours.public_bytes(serialization.Encoding.DER, form)
        for form in (serialization.PublicFormat.SubjectPublicKeyInfo, serialization.PublicFormat.PKCS1)
    )


def _listed(written: str) -> set[str]:
    return {part.strip() for part in written.split(":")}

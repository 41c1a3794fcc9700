"""Signed tokens: what a link or a return path carries, and proof that we wrote it.

A token is URL-safe text over ``version | purpose | expiry | ids | MAC``. The MAC is HMAC-SHA256 cut to
128 bits under a key derived for the purpose, so a token for one purpose never passes for another. It
names rows; single use, revocation and meaning are theirs. Tokens must never be compared or stored as
text: base64 writes one token in several ways. Reading needs no clock agreement between machines: only
the expiry is compared, never the time of issue. Old keys stay readable, so links outlive a rotation.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from newsletters.kernel import base32
from newsletters.kernel.errors import DomainError

MAC_BYTES = 16
VERSION = 1
CLOCK_SKEW = timedelta(minutes=5)
_HEAD = struct.Struct(">BBI")
_BLOCK_BYTES = 64
_INNER, _OUTER = (bytes(byte ^ mask for byte in range(256)) for mask in (0x36, 0x5C))
_LAST = tuple(bytes((number,)) for number in range(0x80))
_MORE = tuple(bytes((number | 0x80,)) for number in range(0x80))


class Purpose(IntEnum):
    """What a token is good for. Numbers are on paper in sent mails: never reuse one. 5 and 8 are taken."""

    CONFIRM = 1
    UNSUBSCRIBE = 2
    PREFERENCES = 3
    CHANGE_ADDRESS = 4
    BOUNCE = 6
    INVITATION = 7
    CANARY = 9
    BROWSER = 10
    FILL_TIME = 11
    PASSWORD_RESET = 12
    DESK_BROWSER = 13
    WAITING = 14


class TokenRefused(DomainError):
    """Whatever is wrong with a token; each of the following says what."""


class TokenForged(TokenRefused):
    """Not a token of ours, or changed on its way."""


class TokenExpired(TokenRefused):
    """Ours, but past its time. Carries the ids, so that a next step can be offered."""

    def __init__(self, ids: tuple[int, ...]) -> None:
        super().__init__("expired")
        self.ids = ids


class TokenForeign(TokenRefused):
    """Ours and intact, but made for another purpose."""

    def __init__(self, purpose: Purpose) -> None:
        super().__init__(f"made for {purpose.name}")
        self.purpose = purpose


@dataclass(frozen=True, slots=True)
class Claims:
    """What an intact token says."""

    purpose: Purpose
    ids: tuple[int, ...]
    expires_at: datetime | None


class _Begun:
    """HMAC-SHA256 (RFC 2104) with both hashes begun for one key: less than half of what ``hmac`` takes."""

    def __init__(self, key: bytes) -> None:
        padded = key.ljust(_BLOCK_BYTES, b"\0")  # a derived key is shorter than a block
        self._inner = hashlib.sha256(padded.translate(_INNER))
        self._outer = hashlib.sha256(padded.translate(_OUTER))

    def mac(self, body: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return outer.digest()


class Signer:
    """Writes tokens with the first key and reads them with any."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) < 16 for key in keys):
            raise ValueError("a signing key needs at least 16 bytes")
        self._keys = tuple(keys)
        self._begun: dict[tuple[bytes, int], _Begun] = {}

    def sign(self, purpose: Purpose, *ids: int, expires_at: datetime | None = None) -> str:
        """A URL-safe token for ``ids``; without ``expires_at`` it is good for ever."""
        return as_text(self._raw(purpose, ids, expires_at))

    def sign_base32(self, purpose: Purpose, *ids: int) -> str:
        """A token that survives a mail system that folds case, for the local part of an address."""
        return base32.encode(self._raw(purpose, ids, None))

    def sign_both(self, purpose: Purpose, *ids: int) -> tuple[str, str]:
        """The same token as ``sign`` and as ``sign_base32`` write it."""
        raw = self._raw(purpose, ids, None)
        return as_text(raw), base32.encode(raw)

    def read(self, token: str, purpose: Purpose, *, now: datetime) -> Claims:
        """Check ``token``. Raises TokenForged, TokenForeign or TokenExpired."""
        return self._check(_decode(token, base64.urlsafe_b64decode, 4), purpose, now)

    def read_base32(self, token: str, purpose: Purpose, *, now: datetime) -> Claims:
        """Check a token made by ``sign_base32``."""
        return self._check(_decode(token.upper(), base64.b32decode, 8), purpose, now)

    def _raw(self, purpose: Purpose, ids: tuple[int, ...], expires_at: datetime | None) -> bytes:
        expiry = 0 if expires_at is None else int(expires_at.timestamp())
        body = _HEAD.pack(VERSION, purpose, expiry) + b"".join(map(_varint, ids))
        return body + self._mac(self._keys[0], purpose, body)

    def _check(self, raw: bytes, purpose: Purpose, now: datetime) -> Claims:
        body, mac = raw[:-MAC_BYTES], raw[-MAC_BYTES:]
        if len(body) < _HEAD.size:
            raise TokenForged("too short")
        version, number, expiry = _HEAD.unpack_from(body)
        matches = [hmac.compare_digest(self._mac(key, number, body), mac) for key in self._keys]
        if not any(matches) or version != VERSION:
            raise TokenForged("bad signature")
        found = _purpose(number)
        if found is not purpose:
            raise TokenForeign(found)
        claims = Claims(found, _numbers(body[_HEAD.size :]), _moment(expiry))
        if claims.expires_at is not None and now > claims.expires_at + CLOCK_SKEW:
            raise TokenExpired(claims.ids)
        return claims

    def _mac(self, key: bytes, purpose: int, body: bytes) -> bytes:
        begun = self._begun.get((key, purpose))
        if begun is None:
            derived = hmac.digest(key, b"token purpose %d" % purpose, hashlib.sha256)
            begun = self._begun[key, purpose] = _Begun(derived)
        return begun.mac(body)[:MAC_BYTES]


def as_text(raw: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(token: str, decode: Callable[[str], bytes], block: int) -> bytes:
    if len(token) > 500 or not token.isascii():
        raise TokenForged("not a token")
    try:
        return decode(token + "=" * (-len(token) % block))
    except (binascii.Error, ValueError) as error:
        raise TokenForged("not a token") from error


def _purpose(number: int) -> Purpose:
    """A number that is retired, or that only a later version knows, leads nowhere here."""
    try:
        return Purpose(number)
    except ValueError as error:
        raise TokenForged("of an unknown purpose") from error


def _moment(expiry: int) -> datetime | None:
    return datetime.fromtimestamp(expiry, UTC) if expiry else None


def _varint(number: int) -> bytes:
    if number < 0:
        raise ValueError("ids are not negative")
    out = b""
    while number > 0x7F:
        out += _MORE[number & 0x7F]
        number >>= 7
    return out + _LAST[number]


def _numbers(raw: bytes) -> tuple[int, ...]:
    numbers, value, shift = [], 0, 0
    for byte in raw:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value, shift = 0, 0
    return tuple(numbers)

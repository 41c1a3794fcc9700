"""One-time codes from a clock (RFC 6238 over RFC 4226): six digits every thirty seconds.

HMAC-SHA1 and these numbers are what every authenticator app reads; SHA1 is not weak in an HMAC. Pure: who
may try, how often, and that a step is good once, is for those who ask.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

SECRET_BYTES = 20  # RFC 4226 section 4 R6
PERIOD_SECONDS = 30
DIGITS = 6
DRIFT_STEPS = 1  # RFC 6238 section 5.2: a phone's clock may be half a minute out


def new_secret() -> bytes:
    """A secret nobody else has."""
    return secrets.token_bytes(SECRET_BYTES)


def step_at(moment: datetime) -> int:
    """The number of the half minute that ``moment`` lies in."""
    return int(moment.timestamp()) // PERIOD_SECONDS


def code(secret: bytes, step: int, *, digits: int = DIGITS) -> str:
    """The code of one step (RFC 4226 section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def matching_step(secret: bytes, typed: str, *, now: datetime) -> int | None:
    """The step whose code was typed, if it is this one or a neighbour; takes as long for a wrong code."""
    here = step_at(now)
    near = range(here - DRIFT_STEPS, here + DRIFT_STEPS + 1)
    matches = [step for step in near if hmac.compare_digest(code(secret, step).encode(), typed.encode())]
    return matches[-1] if matches else None


def as_letters(secret: bytes) -> str:
    """The secret as apps take it from a keyboard: base32 without padding (RFC 4648 section 6)."""
    return base64.b32encode(secret).decode().rstrip("=")


def uri(secret: bytes, *, issuer: str, account: str) -> str:
    """What the QR code says to the app."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    facts = {
        "secret": as_letters(secret),
        "issuer": issuer,
        "algorithm": "SHA1",
        "digits": DIGITS,
        "period": PERIOD_SECONDS,
    }
    return f"otpauth://totp/{label}?{urlencode(facts, quote_via=quote)}"

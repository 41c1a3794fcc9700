"""What a mail provider says of one of our mails, in one form whoever says it. Pure.

A report is what is left of a provider's event once its signature was found genuine. How it names the mail
differs: by our return path, by our Message-ID, or by nothing but the address. Which of them is believed,
and what follows, is decided elsewhere.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from newsletters.bounces.classify import classify
from newsletters.bounces.models import BounceKind

LONGEST_TEXT: Final = 500
LONGEST_NAME: Final = 998  # a header line, RFC 5322 section 2.1.1
LATEST_TIMESTAMP: Final = 253_402_300_799  # the last second of the year 9999


class NotGenuine(Exception):
    """The request was not signed by the provider, or not for us, or not now. The message says which."""


class Unreadable(Exception):
    """Genuine, but not in any form that this provider is known to write."""


class ReportKind(StrEnum):
    """What a report is about."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One event about one recipient. ``bounce`` is what the refusal means, None for a complaint."""

    event_id: str
    kind: ReportKind
    address: str
    bounce: BounceKind | None = None
    code: int = 0
    enhanced: str = ""
    text: str = ""
    message_id: str = ""
    return_path: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one request held: reports to act on, and how many events could not be read."""

    reports: Sequence[Report]
    unread: Sequence[str] = ()


def parse_json(raw: bytes) -> object:
    """A JSON document. Raises Unreadable."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error


def an_object(value: object) -> Mapping[str, Any]:
    """``value`` if it is a JSON object. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable("an object is missing")
    return value


def a_list(value: object) -> Sequence[Any]:
    """``value`` if it is a JSON array. Raises Unreadable."""
    if not isinstance(value, list):
        raise Unreadable("a list is missing")
    return value


def text_of(value: object, *, most: int = LONGEST_TEXT) -> str:
    """A string on one line, cut to length; anything else is no text. NUL and surrogates are taken out."""
    if not isinstance(value, str):
        return ""
    cut = value[: most * 4].encode("utf-8", "ignore").decode().replace("\0", "")
    return " ".join(cut.split())[:most]


def needed(value: object, what: str) -> str:
    """A text that must be there. Raises Unreadable."""
    found = text_of(value, most=LONGEST_NAME)
    if not found:
        raise Unreadable(f"{what} is missing")
    return found


def moment(value: object) -> datetime | None:
    """Seconds since 1970 or ISO 8601; None for what is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC) if 0 <= value <= LATEST_TIMESTAMP else None
    try:
        parsed = datetime.fromisoformat(_six_digits(text_of(value)))
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _six_digits(written: str) -> str:
    """Some providers write seven digits behind the second; Python reads up to six."""
    head, dot, tail = written.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}{dot}{tail[: min(digits, 6)]}{tail[digits:]}"


def verdict(
    *, code: int, enhanced: str, text: str, otherwise: BounceKind, is_address_fault: bool = False
) -> BounceKind:
    """What a refusal means: its enhanced code says it best (RFC 3463), then the provider's own judgement.

    ``is_address_fault`` is the provider's word that it was the mailbox and not the mail.
    """
    if enhanced:
        return classify(code or 550, enhanced, text)
    if is_address_fault:
        return BounceKind.HARD
    return otherwise

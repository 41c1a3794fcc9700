"""Mailgun: HMAC-SHA256 over a timestamp and a token. Pure.

The signature does not cover the event itself, so each token is good for one body and no other: whoever
overheard a signature could otherwise put any event under it. Keeping the tokens is the door's work.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from newsletters.bounces.models import BounceKind
from newsletters.bounces.providers.codes import basic_code, enhanced_code
from newsletters.bounces.providers.report import (
    NotGenuine,
    Reading,
    Report,
    ReportKind,
    an_object,
    moment,
    needed,
    parse_json,
    text_of,
    verdict,
)


@dataclass(frozen=True, slots=True)
class MailgunSignature:
    """A genuine signature: when it was made, and the token that may be used once."""

    token: str
    at: datetime


def verify_mailgun(raw: bytes, *, keys: Sequence[str]) -> MailgunSignature:
    """Check the signature in a body under every signing key of ours. Raises NotGenuine, Unreadable."""
    signed = an_object(an_object(parse_json(raw)).get("signature"))
    stamp, token, given = (signed.get(name) for name in ("timestamp", "token", "signature"))
    if not isinstance(stamp, str) or not isinstance(token, str) or not isinstance(given, str):
        raise NotGenuine("no signature")
    if not (stamp.isascii() and stamp.isdigit() and token.isascii() and given.isascii()) or len(stamp) > 12:
        raise NotGenuine("no signature")
    same = [
        hmac.compare_digest(
            hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest(), given
        )
        for key in keys
    ]
    at = moment(int(stamp))
    if not any(same) or at is None:
        raise NotGenuine("a wrong signature")
    return MailgunSignature(token, at)


def read_mailgun(raw: bytes) -> Reading:
    """The report of one webhook; none for events that call for nothing. Raises Unreadable."""
    event = an_object(an_object(parse_json(raw)).get("event-data"))
    name = event.get("event")
    if name == "complained":
        return Reading((_report(event, ReportKind.COMPLAINT),))
    if name == "failed" and event.get("severity") == "permanent":
        return Reading((_report(event, ReportKind.BOUNCE),))
    return Reading(())  # a temporary failure is still being tried by Mailgun


def _report(event: Mapping[str, Any], kind: ReportKind) -> Report:
    status = _object_or_empty(event.get("delivery-status"))
    headers = _object_or_empty(_object_or_empty(event.get("message")).get("headers"))
    text = (
        text_of(status.get("message")) or text_of(status.get("description")) or text_of(event.get("reason"))
    )
    code = status.get("code")
    code = (
        code
        if isinstance(code, int) and not isinstance(code, bool) and 0 <= code < 1000
        else basic_code(text)
    )
    enhanced = enhanced_code(text_of(status.get("enhanced-code")), text)
    message_id = text_of(headers.get("message-id"))
    return Report(
        event_id=needed(event.get("id"), "id"),
        kind=kind,
        address=needed(event.get("recipient"), "recipient"),
        bounce=_meaning(event, code=code, enhanced=enhanced, text=text)
        if kind is ReportKind.BOUNCE
        else None,
        code=code,
        enhanced=enhanced,
        text=text,
        message_id=f"<{message_id.strip('<>')}>" if message_id else "",
        return_path=text_of(_object_or_empty(event.get("envelope")).get("sender")),
        at=moment(event.get("timestamp")),
    )


def _meaning(event: Mapping[str, Any], *, code: int, enhanced: str, text: str) -> BounceKind:
    """``suppress-…`` means that Mailgun did not even try, because of what it knows of the address."""
    reason = text_of(event.get("reason"))
    if reason == "suppress-bounce":
        return BounceKind.HARD
    if reason.startswith("suppress-"):
        return BounceKind.POLICY
    otherwise = BounceKind.HARD if reason == "bounce" else BounceKind.SOFT
    return verdict(code=code, enhanced=enhanced, text=text, otherwise=otherwise)


def _object_or_empty(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}

"""SendGrid: an ECDSA signature over the timestamp and the raw body, and many events in one request. Pure.

A broken event does not hold up its neighbours: it is handed on as unread. SendGrid may repeat events,
which ``sg_event_id`` shows.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from newsletters.bounces.models import BounceKind
from newsletters.bounces.providers.codes import basic_code, enhanced_code
from newsletters.bounces.providers.report import (
    NotGenuine,
    Reading,
    Report,
    ReportKind,
    Unreadable,
    a_list,
    an_object,
    moment,
    needed,
    parse_json,
    text_of,
    verdict,
)

SIGNATURE_HEADER: Final = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP_HEADER: Final = "X-Twilio-Email-Event-Webhook-Timestamp"
_DEAD_CLASSIFICATIONS: Final = frozenset({"Invalid Address"})
_DROPPED: Final[Mapping[str, BounceKind]] = {
    "bounced address": BounceKind.HARD,
    "invalid": BounceKind.HARD,
    "spam content": BounceKind.POLICY,
}
_COMPLAINED_BEFORE: Final = "spam reporting address"


class UnusableVerificationKey(ValueError):
    """Not a public key as SendGrid shows it."""


def load_verification_key(written: str) -> ec.EllipticCurvePublicKey:
    """The key from SendGrid's settings page. Raises UnusableVerificationKey."""
    try:
        key = load_der_public_key(base64.b64decode(written, validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise UnusableVerificationKey("not base64 of a public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise UnusableVerificationKey("not a key for ECDSA")
    return key


def verify_sendgrid(raw: bytes, *, signature: str, timestamp: str, keys: Sequence[str]) -> datetime:
    """Check the signature under every key of ours and say when it was made. Raises NotGenuine."""
    if not (timestamp.isascii() and timestamp.isdigit()) or len(timestamp) > 12:
        raise NotGenuine("no timestamp")
    try:
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        raise NotGenuine("no signature") from None
    at = moment(int(timestamp))
    if at is None or not any(_is_signed(raw, given, timestamp, load_verification_key(key)) for key in keys):
        raise NotGenuine("a wrong signature")
    return at


def _is_signed(raw: bytes, signature: bytes, timestamp: str, key: ec.EllipticCurvePublicKey) -> bool:
    try:
        key.verify(signature, timestamp.encode() + raw, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def read_sendgrid(raw: bytes) -> Reading:
    """The reports of one request, and the events that could not be read. Raises Unreadable."""
    reports: list[Report] = []
    unread: list[str] = []
    for event in a_list(parse_json(raw)):
        try:
            reports += _reports(an_object(event))
        except Unreadable:
            unread.append(json.dumps(event))
    return Reading(reports, unread)


def _reports(event: Mapping[str, Any]) -> Iterator[Report]:
    name, reason = event.get("event"), text_of(event.get("reason"))
    if name == "spamreport":
        yield _report(event, ReportKind.COMPLAINT)
    elif name == "bounce":
        yield _report(event, ReportKind.BOUNCE, _bounced(event, reason))
    elif name == "dropped" and reason.lower() == _COMPLAINED_BEFORE:
        yield _report(event, ReportKind.COMPLAINT)
    elif name == "dropped" and reason.lower() in _DROPPED:
        yield _report(event, ReportKind.BOUNCE, _DROPPED[reason.lower()])


def _bounced(event: Mapping[str, Any], reason: str) -> BounceKind:
    """``blocked`` is SendGrid's word for a refusal that is about the mail or the moment."""
    is_blocked = event.get("type") == "blocked"
    return verdict(
        code=basic_code(reason),
        enhanced=enhanced_code(text_of(event.get("status")), reason),
        text=reason,
        otherwise=BounceKind.POLICY if is_blocked else BounceKind.HARD,
        is_address_fault=not is_blocked and event.get("bounce_classification") in _DEAD_CLASSIFICATIONS,
    )


def _report(event: Mapping[str, Any], kind: ReportKind, bounce: BounceKind | None = None) -> Report:
    reason = text_of(event.get("reason"))
    return Report(
        event_id=needed(event.get("sg_event_id"), "sg_event_id"),
        kind=kind,
        address=needed(event.get("email"), "email"),
        bounce=bounce,
        code=basic_code(reason) if bounce else 0,
        enhanced=enhanced_code(text_of(event.get("status")), reason) if bounce else "",
        text=reason,
        message_id=text_of(event.get("smtp-id")),
        at=moment(event.get("timestamp")),
    )

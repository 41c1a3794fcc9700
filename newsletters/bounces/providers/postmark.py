"""Postmark: webhooks for bounces and spam complaints, known by their basic authentication alone. Pure.

Postmark signs nothing, so the password in the webhook's address is all there is (RFC 7617). It names the
mail by an id of its own; ours comes back in the metadata where the mail carried ``X-PM-Metadata-mail``.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final

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

_KINDS: Final[Mapping[str, BounceKind]] = {
    "HardBounce": BounceKind.HARD,
    "BadEmailAddress": BounceKind.HARD,
    "SoftBounce": BounceKind.SOFT,
    "DnsError": BounceKind.SOFT,
    "Undeterminable": BounceKind.SOFT,
    "Unknown": BounceKind.SOFT,
    "ManuallyDeactivated": BounceKind.POLICY,
    "SpamNotification": BounceKind.POLICY,
    "VirusNotification": BounceKind.POLICY,
    "Blocked": BounceKind.POLICY,
    "DMARCPolicy": BounceKind.POLICY,
    "SMTPApiError": BounceKind.POLICY,
}


def verify_postmark(authorization: str, *, logins: Sequence[str]) -> None:
    """Check an Authorization header against every ``user:password`` of ours. Raises NotGenuine."""
    scheme, _, written = authorization.partition(" ")
    try:
        given = base64.b64decode(written.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise NotGenuine("no login") from None
    same = [hmac.compare_digest(given, login.encode()) for login in logins]
    if scheme.lower() != "basic" or not any(same):
        raise NotGenuine("a wrong login")


def read_postmark(raw: bytes) -> Reading:
    """The report of one webhook; none for events that call for nothing. Raises Unreadable."""
    found = an_object(parse_json(raw))
    record = found.get("RecordType")
    if record == "SpamComplaint" or found.get("Type") == "SpamComplaint":
        return Reading((_report(found, ReportKind.COMPLAINT),))
    if record != "Bounce":
        return Reading(())
    kind = _KINDS.get(text_of(found.get("Type")))
    if kind is None:  # automatic answers, address changes and delays are no bounces
        return Reading(())
    return Reading((_report(found, ReportKind.BOUNCE, kind),))


def _report(found: Mapping[str, Any], kind: ReportKind, bounce: BounceKind | None = None) -> Report:
    text = text_of(found.get("Details")) or text_of(found.get("Description"))
    code, enhanced = basic_code(text), enhanced_code(text)
    if bounce is BounceKind.HARD:
        bounce = verdict(code=code, enhanced=enhanced, text=text, otherwise=bounce)
    metadata = found.get("Metadata")
    return Report(
        event_id=_number(found.get("ID")),
        kind=kind,
        address=needed(found.get("Email"), "Email"),
        bounce=bounce,
        code=code if bounce else 0,
        enhanced=enhanced if bounce else "",
        text=text,
        message_id=text_of(metadata.get("mail")) if isinstance(metadata, dict) else "",
        at=moment(found.get("BouncedAt")),
    )


def _number(value: object) -> str:
    return needed(str(value) if isinstance(value, int) and not isinstance(value, bool) else value, "ID")

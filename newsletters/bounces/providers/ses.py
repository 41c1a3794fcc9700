"""Amazon SES: what the notification inside a verified SNS message says. Pure.

SES keeps the return path we gave (``mail.source``) and quotes the Message-ID it was handed, so the mail is
named by our own token. One notification may speak of several recipients.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from newsletters.bounces.models import BounceKind
from newsletters.bounces.providers.codes import basic_code, enhanced_code
from newsletters.bounces.providers.report import (
    Reading,
    Report,
    ReportKind,
    a_list,
    an_object,
    moment,
    needed,
    parse_json,
    text_of,
    verdict,
)

DEAD_SUBTYPES: Final = frozenset({"NoEmail", "Suppressed", "OnAccountSuppressionList"})
POLICY_SUBTYPES: Final = frozenset({"ContentRejected", "AttachmentRejected", "MessageTooLarge"})


def read_ses(message: str) -> Reading:
    """The reports of one notification; none for events that call for nothing. Raises Unreadable."""
    found = an_object(parse_json(message.encode()))
    kind = found.get("notificationType", found.get("eventType"))
    if kind == "Bounce":
        return Reading(tuple(_bounces(found)))
    if kind == "Complaint":
        return Reading(tuple(_complaints(found)))
    return Reading(())


def _bounces(found: Mapping[str, Any]) -> Iterator[Report]:
    bounce, mail = an_object(found.get("bounce")), an_object(found.get("mail"))
    for place, one in enumerate(map(an_object, a_list(bounce.get("bouncedRecipients")))):
        text = text_of(one.get("diagnosticCode"))
        enhanced = enhanced_code(text_of(one.get("status")), text)
        yield Report(
            event_id=f"{needed(bounce.get('feedbackId'), 'feedbackId')}/{place}",
            kind=ReportKind.BOUNCE,
            address=needed(one.get("emailAddress"), "emailAddress"),
            bounce=_meaning(bounce, text=text, enhanced=enhanced),
            code=basic_code(text),
            enhanced=enhanced,
            text=text or text_of(bounce.get("bounceSubType")),
            message_id=_message_id(mail),
            return_path=text_of(mail.get("source")),
            at=moment(bounce.get("timestamp")),
        )


def _meaning(bounce: Mapping[str, Any], *, text: str, enhanced: str) -> BounceKind:
    subtype = text_of(bounce.get("bounceSubType"))
    if bounce.get("bounceType") != "Permanent":
        return BounceKind.POLICY if subtype in POLICY_SUBTYPES else BounceKind.SOFT
    if subtype in DEAD_SUBTYPES:
        return BounceKind.HARD
    return verdict(code=basic_code(text), enhanced=enhanced, text=text, otherwise=BounceKind.HARD)


def _complaints(found: Mapping[str, Any]) -> Iterator[Report]:
    complaint, mail = an_object(found.get("complaint")), an_object(found.get("mail"))
    if complaint.get("complaintFeedbackType") == "not-spam":
        return
    for place, one in enumerate(map(an_object, a_list(complaint.get("complainedRecipients")))):
        yield Report(
            event_id=f"{needed(complaint.get('feedbackId'), 'feedbackId')}/{place}",
            kind=ReportKind.COMPLAINT,
            address=needed(one.get("emailAddress"), "emailAddress"),
            text=text_of(complaint.get("complaintFeedbackType")),
            message_id=_message_id(mail),
            return_path=text_of(mail.get("source")),
            at=moment(complaint.get("timestamp")),
        )


def _message_id(mail: Mapping[str, Any]) -> str:
    """Ours, which SES replaces on the wire and quotes here where original headers are included."""
    common = mail.get("commonHeaders")
    return text_of(common.get("messageId")) if isinstance(common, dict) else ""

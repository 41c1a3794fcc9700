"""Complaints in the Abuse Reporting Format (RFC 5965), and the one shape that is older than it. Pure.

A report says which of our mails it is about by carrying it, often with the reader's address blacked out.
So what is looked for is what we signed: the return path, in the report or in the mail, and the
unsubscribe address and link. The Message-ID names the mail too, but proves nothing. A report nobody
should act on (``not-spam``, and DMARC's ``auth-failure``, RFC 6591) is a notice.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import getaddresses
from typing import Final

from newsletters.bounces.event import EventKind
from newsletters.bounces.letter import Fields, Letter, Mime, blocks, children, clean, content, field, fields

REPORT_PART: Final = "message/feedback-report"
ORIGINAL_PARTS: Final = ("message/rfc822", "message/rfc822-headers", "text/rfc822-headers", "message/global")
NO_COMPLAINT: Final = ("not-spam", "auth-failure", "opt-out-list", "dmarc")
MOST_TRACES: Final = 40
_ENVELOPE = ("original-mail-from", "removal-recipient", "original-envelope-id")
_RECIPIENT = ("original-rcpt-to",)
_SIGNED_FIELDS = ("Return-Path", "X-Original-Return-Path", "Errors-To", "List-Unsubscribe", "X-Envelope-From")
_URL = re.compile(r"https?://[^\s<>\"]{1,400}")
_MAILTO = re.compile(r"mailto:([^\s<>?\"]{3,320})", re.IGNORECASE)
_OLD_OUTLOOK = re.compile(r"^complaint about message from ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a complaint says. All of it is a stranger's text until a MAC in it proves to be ours."""

    kind: EventKind
    type: str
    addresses: Sequence[str]
    urls: Sequence[str]
    message_ids: Sequence[str]
    recipients: frozenset[str]


def complaint(letter: Letter) -> Complaint | None:
    """The complaint a mail carries, None where it is none."""
    reports = letter.of_type(REPORT_PART)
    if not reports and not _OLD_OUTLOOK.match(letter.subject):
        return None
    report = _merged(block for part in reports for block in blocks(part))
    type_ = report.get("feedback-type", "abuse").lower()[:40]
    originals = list(_originals(letter))
    return Complaint(
        kind=EventKind.NOTICE if type_.startswith(NO_COMPLAINT) else EventKind.COMPLAINT,
        type=type_,
        addresses=_first(_addresses(report, originals)),
        urls=_first(_urls(originals)),
        message_ids=_first(_message_ids(report, originals)),
        recipients=frozenset(_plain(report.get(name, "") for name in _RECIPIENT)),
    )


def message_ids(letter: Letter) -> tuple[str, ...]:
    """The names of the mails that a mail carries, or whose headers it quotes."""
    try:
        return _first(_message_ids({}, list(_originals(letter))))
    except Exception:  # noqa: BLE001  (what the library has parsed without a word can raise)
        return ()


def _originals(letter: Letter) -> Iterator[Fields]:
    """The headers of the mail complained about, in every wrapping there is."""
    for part in letter.of_type(*ORIGINAL_PARTS):
        for child in children(part):
            yield {name.lower(): _value(child, name) for name in child}
        if not part.is_multipart():
            yield fields(content(part).replace("\r\n", "\n").split("\n\n", 1)[0])


def _value(part: Mime, name: str) -> str:
    return clean(str(part.get(name, "")))[:2000] if name.lower() != "subject" else field(part, name)


def _addresses(report: Fields, originals: Iterable[Fields]) -> Iterator[str]:
    yield from _plain(report.get(name, "") for name in _ENVELOPE)
    for original in originals:
        for name in _SIGNED_FIELDS:
            value = original.get(name.lower(), "")
            yield from _MAILTO.findall(value)
            yield from _plain([value])


def _urls(originals: Iterable[Fields]) -> Iterator[str]:
    for original in originals:
        yield from _URL.findall(original.get("list-unsubscribe", ""))


def _message_ids(report: Fields, originals: Iterable[Fields]) -> Iterator[str]:
    for original in originals:
        yield original.get("message-id", "")
    yield report.get("original-message-id", "")


def _plain(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        for _name, address in getaddresses([value]):
            if "@" in address:
                yield address.strip("<> ")


def _first(found: Iterable[str]) -> tuple[str, ...]:
    """The first few, each once, in their order."""
    return tuple(dict.fromkeys(one.strip() for one in found if one.strip()))[:MOST_TRACES]


def _merged(found: Iterable[Fields]) -> Fields:
    merged: dict[str, str] = {}
    for block in found:
        merged = {**block, **merged}
    return merged

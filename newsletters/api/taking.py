"""Takes what a provider reported: each report to the mail it is about, what fits none into quarantine.

Everything of one request is taken in one transaction, with the token that makes it unrepeatable. Nothing is
logged but numbers.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from newsletters import context
from newsletters.bounces.event import EventKind, MailEvent, Recorded
from newsletters.bounces.models import BounceKind
from newsletters.bounces.processing import record_event
from newsletters.bounces.providers.placing import Places, place
from newsletters.bounces.providers.replay import Heard, hear
from newsletters.bounces.providers.report import NotGenuine, Reading, Report, ReportKind
from newsletters.bounces.quarantine import NO_GUESS, Guess, keep
from newsletters.bounces.quarantined import QuarantineReason
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.mail.headers import wire_address
from newsletters.mail.verp import IssueBounce, MailBounce, ReturnPaths

LONGEST_EVENT_ID = 150
NOTHING_READ = Reading(())
KEPT_BEYOND_TOLERANCE = timedelta(days=1)
EVENTS_KEPT = timedelta(days=35)  # longer than any provider repeats an event
_KINDS = {
    BounceKind.HARD: EventKind.HARD,
    BounceKind.SOFT: EventKind.SOFT,
    BounceKind.POLICY: EventKind.POLICY,
}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A verified request: who sent it, what makes it unrepeatable, its body and what was read in it.

    ``unreadable`` says why nothing could be read, empty where something was.
    """

    source: str
    token: str
    raw: bytes
    reading: Reading = NOTHING_READ
    unreadable: str = ""


def take(taken: Taken) -> int:
    """Do what a verified request says, once; return how many reports were new. Raises NotGenuine."""
    with context.transaction() as session:
        if _was_heard(session, taken):
            return 0
        if taken.unreadable:
            _set_aside(session, taken, QuarantineReason.UNREADABLE, taken.raw)
        for event in taken.reading.unread:
            _set_aside(session, taken, QuarantineReason.UNREADABLE, event.encode())
        new = sum(_record(session, taken, report) for report in taken.reading.reports)
    if taken.reading.reports:
        context.runtime().engine.nudge("send_outbox")
    log.info("%s: %d of %d reports were new", taken.source, new, len(taken.reading.reports))
    return new


def _was_heard(session: Session, taken: Taken) -> bool:
    """Whether this very request came before. Raises NotGenuine for its token over another body."""
    tolerance = timedelta(seconds=context.runtime().config.webhook_tolerance_seconds)
    heard = hear(
        session,
        source=taken.source,
        token=taken.token,
        body=taken.raw,
        kept=2 * tolerance + KEPT_BEYOND_TOLERANCE,
        now=context.now(),
    )
    if heard is Heard.FORGED:
        raise NotGenuine("a token used before")
    return heard is Heard.AGAIN


def _record(session: Session, taken: Taken, report: Report) -> bool:
    if not _is_first(session, taken, report):
        return False
    about = place(session, report, _places(), now=context.now())
    recorded = Recorded.NOBODY
    if about is not None:
        recorded = record_event(session, _event(taken.source, report, about), now=context.now())
    if recorded is Recorded.NOBODY:
        _set_aside(
            session,
            taken,
            QuarantineReason.FOREIGN,
            taken.raw,
            recipient=report.address,
            guess=_guess(report),
        )
    return recorded is not Recorded.KNOWN


def _is_first(session: Session, taken: Taken, report: Report) -> bool:
    """Providers repeat events in other requests; which mail is the latest may have changed meanwhile."""
    heard = hear(
        session,
        source=f"{taken.source} event",
        token=f"{report.event_id}\0{report.address}",
        body=b"",
        kept=EVENTS_KEPT,
        now=context.now(),
    )
    return heard is Heard.NEW


def _event(source: str, report: Report, about: IssueBounce | MailBounce) -> MailEvent:
    now = context.now()
    return MailEvent(
        about=about,
        kind=_kind(report),
        source=source,
        event_id=_bounded(report.event_id),
        at=min(report.at or now, now),
        reply=_reply(report),
    )


def _kind(report: Report) -> EventKind:
    if report.kind is ReportKind.COMPLAINT or report.bounce is None:
        return EventKind.COMPLAINT
    return _KINDS[report.bounce]


def _reply(report: Report) -> str:
    """The answer as a mail server writes one, its codes in front."""
    if not report.code or report.text.startswith(str(report.code)):
        return report.text
    return " ".join(part for part in (str(report.code), report.enhanced, report.text) if part)


def _bounded(event_id: str) -> str:
    if len(event_id) <= LONGEST_EVENT_ID:
        return event_id
    return hashlib.sha256(event_id.encode()).hexdigest()


def _places() -> Places:
    runtime = context.runtime()
    domain = wire_address(runtime.config.mail_from).rpartition("@")[2]
    return Places(ReturnPaths(runtime.signer, domain), runtime.digester, domain)


def _set_aside(
    session: Session,
    taken: Taken,
    why: QuarantineReason,
    raw: bytes,
    *,
    recipient: str = "",
    guess: Guess = NO_GUESS,
) -> None:
    keep(session, door=taken.source, why=why, raw=raw, recipient=recipient, guess=guess, now=context.now())


def _guess(report: Report) -> Guess:
    """What an editor is told; the hash lets an erasure find it."""
    try:
        address_hash = context.runtime().digester.address(parse_address(report.address).key)
    except InvalidAddress:
        address_hash = ""
    return Guess(kind=_kind(report), reply=_reply(report), address_hash=address_hash)

"""Which mail of ours a provider's report is about.

Our return path proves it by its MAC. Our Message-ID is unsigned, and believed because the provider's own
signature stands over it. Where a provider tells nothing but the address, that signature still says that we
mailed it, so the latest mail to it is meant. An address we never wrote to is nobody's: such a report
belongs into quarantine.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.bounces.providers.report import Report
from newsletters.bounces.queries import latest_mail
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.kernel.digests import Digester
from newsletters.kernel.row_numbers import LARGEST
from newsletters.kernel.tokens import TokenRefused
from newsletters.mail.models import OutboxMail
from newsletters.mail.verp import IssueBounce, MailBounce, ReturnPaths
from newsletters.subscribers.models import Subscriber

_ISSUE: Final = re.compile(r"issue\.(\d{1,19})\.(\d{1,19})")
_OUTBOX: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Places:
    """What is needed to recognise a mail of ours. ``domain`` stands in our Message-IDs."""

    paths: ReturnPaths
    digester: Digester
    domain: str


def place(
    session: Session, report: Report, places: Places, *, now: datetime
) -> IssueBounce | MailBounce | None:
    """The mail that ``report`` speaks of, None if there is none."""
    return (
        _by_return_path(report.return_path, places.paths, now=now)
        or _by_message_id(session, report.message_id, places.domain)
        or _by_address(session, report.address, places.digester)
    )


def _by_return_path(written: str, paths: ReturnPaths, *, now: datetime) -> IssueBounce | MailBounce | None:
    try:
        found = paths.read(written, now=now)
    except TokenRefused:
        return None
    return found if isinstance(found, IssueBounce | MailBounce) else None


def _by_message_id(session: Session, written: str, domain: str) -> IssueBounce | MailBounce | None:
    local, at, rest = written.strip().removeprefix("<").removesuffix(">").rpartition("@")
    if not at or rest.lower() != domain.lower():
        return None
    if found := _ISSUE.fullmatch(local):
        return _known_delivery(session, int(found[1]), int(found[2]))
    if _OUTBOX.fullmatch(local):
        mail_id = session.scalar(select(OutboxMail.id).where(OutboxMail.message_id == local))
        return MailBounce(mail_id) if mail_id is not None else None
    return None


def _known_delivery(session: Session, issue_id: int, subscriber_id: int) -> IssueBounce | None:
    if issue_id > LARGEST or subscriber_id > LARGEST:
        return None
    known = session.get(Delivery, (issue_id, subscriber_id))
    return IssueBounce(issue_id, subscriber_id) if known is not None else None


def _by_address(session: Session, written: str, digester: Digester) -> IssueBounce | MailBounce | None:
    try:
        address_hash = digester.address(parse_address(written).key)
    except InvalidAddress:
        return None
    reader_id = session.scalar(select(Subscriber.id).where(Subscriber.address_hash == address_hash))
    if reader_id is None:
        return None
    return _latest_issue(session, reader_id) or latest_mail(session, reader_id)


def _latest_issue(session: Session, reader_id: int) -> IssueBounce | None:
    issue_id = session.scalar(
        select(Delivery.issue_id)
        .where(
            Delivery.subscriber_id == reader_id,
            Delivery.state.in_((DeliveryState.ACCEPTED, DeliveryState.UNKNOWN, DeliveryState.BOUNCED)),
        )
        .order_by(Delivery.issue_id.desc())
        .limit(1)
    )
    return IssueBounce(issue_id, reader_id) if issue_id is not None else None

"""What the owner of an address finds in their mailbox after a sign-up, and when it is nothing.

The page's answer never tells which. Held back is the mail that a machine asked for, mail to an address
that complained or was closed, a second try at an address that bounced, and whatever is over the limit.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from newsletters.subscribers import allowances, lookups, mails
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import Subscriber, Subscription
from newsletters.subscribers.suppression import FINAL, reason_for
from newsletters.subscribers.suppression_models import SuppressionReason


class Hold(StrEnum):
    """Why a mail was not queued; kept on the request, so that an editor can tell a reader why."""

    MACHINE = "held_machine"
    ROLE = "held_role"
    NO_SERVER = "held_no_server"
    SUPPRESSED = "held_suppressed"
    BOUNCED = "held_bounced"
    LIMIT = "held_limit"


def reason_to_hold(session: Session, address_hash: str, *, now: datetime) -> Hold | None:
    """Count one mail to an address nobody has vouched for, or say why it may not leave."""
    reason = reason_for(session, address_hash)
    if not allowances.mail_is_allowed(session, allowances.SIGNUP_MAIL, address_hash, now=now):
        return Hold.LIMIT
    if reason in FINAL:
        return Hold.SUPPRESSED
    if reason not in (SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCES):
        return None
    if allowances.mail_is_allowed(session, allowances.MAIL_AFTER_BOUNCE, address_hash, now=now):
        return None
    return Hold.BOUNCED


def answer_by_mail(
    session: Session,
    subscriber: Subscriber,
    rows: Iterable[Subscription],
    *,
    recipient: str,
    means: Means,
    now: datetime,
) -> None:
    """Ask to confirm all that is pending; with nothing pending, say what the reader already gets."""
    rows = list(rows)
    waiting = lookups.open_newsletters(session, lookups.pending(rows))
    if waiting:
        mails.queue_confirmation(session, subscriber, waiting, recipient=recipient, means=means, now=now)
        return
    had = lookups.newsletters(session, lookups.ongoing(rows))
    if had:
        mails.queue_already_subscribed(session, subscriber, had, means=means, now=now)

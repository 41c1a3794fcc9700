"""The mails this slice asks for, each put into the outbox of the caller's transaction.

What a stranger typed stands in none of them but the address they go to: no name, no page's address. What
a newsletter's editors wrote for their confirmation mail does, where exactly that newsletter is pending.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.kernel.addresses import mask
from newsletters.kernel.columns import Json
from newsletters.kernel.tokens import Purpose
from newsletters.mail.outbox import NEUTRAL_SUBJECT, QueuedMail, queue
from newsletters.publishing.models import Newsletter
from newsletters.publishing.neutral import neutral_sender, neutral_subject
from newsletters.publishing.palette import accent
from newsletters.subscribers.consent import current_wordings
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import AddressChange, Confirmation, Subscriber, Subscription

CONFIRMATION_LIFETIME: Final = timedelta(days=7)
PREFERENCES_LIFETIME: Final = timedelta(hours=24)
CODE_DIGITS: Final = 6
CONFIRMATION: Final = "confirm"
REMINDER: Final = "reminder"
ASKING: Final = (CONFIRMATION, REMINDER)  # the mails with a link that confirms


def queue_confirmation(
    session: Session,
    subscriber: Subscriber,
    newsletters: Sequence[Newsletter],
    *,
    recipient: str,
    means: Means,
    now: datetime,
) -> Confirmation:
    """Ask ``recipient`` to confirm ``newsletters``: one link, one code, one mail."""
    confirmation, params = _confirmation(session, subscriber, recipient=recipient, means=means, now=now)
    params |= _named(newsletters) | _own_words(session, newsletters)
    _queue(session, CONFIRMATION, subscriber, params, recipient=recipient, senders=newsletters, now=now)
    return confirmation


def queue_reminder(
    session: Session,
    subscriber: Subscriber,
    newsletters: Sequence[Newsletter],
    *,
    recipient: str,
    means: Means,
    now: datetime,
) -> Confirmation:
    """Ask once more, with a link and a code of their own; those of the first mail stay good."""
    confirmation, params = _confirmation(session, subscriber, recipient=recipient, means=means, now=now)
    confirmation.is_reminder, confirmation.reminder_decided_at = True, now
    params |= _named(newsletters)
    _queue(session, REMINDER, subscriber, params, recipient=recipient, senders=newsletters, now=now)
    return confirmation


def queue_already_subscribed(
    session: Session,
    subscriber: Subscriber,
    newsletters: Sequence[Newsletter],
    *,
    means: Means,
    now: datetime,
) -> None:
    """Tell a reader that they have what was asked for, with a way to their preferences."""
    params: Json = {
        "newsletters": [newsletter.name for newsletter in newsletters],
        "preferences_url": preferences_url(means, subscriber, now=now),
        "hours": _hours(PREFERENCES_LIFETIME),
    }
    params |= _look(newsletters)
    _queue(session, "already_subscribed", subscriber, params, senders=newsletters, now=now)


def queue_preferences(session: Session, subscriber: Subscriber, *, means: Means, now: datetime) -> None:
    """Mail a reader the way to their preferences."""
    params: Json = {
        "preferences_url": preferences_url(means, subscriber, now=now),
        "hours": _hours(PREFERENCES_LIFETIME),
    }
    _queue(session, "preferences", subscriber, params, now=now)


def queue_change_address(
    session: Session, subscriber: Subscriber, change: AddressChange, *, means: Means, now: datetime
) -> None:
    """Ask the owner of a new address whether it is theirs."""
    token = means.signer.sign(Purpose.CHANGE_ADDRESS, change.id, expires_at=change.expires_at)
    params: Json = {
        "change_url": means.urls.change_address(token),
        "hours": _hours(change.expires_at - change.created_at),
    }
    _queue(session, "change_address", subscriber, params, recipient=change.email, now=now)


def queue_address_changed(session: Session, subscriber: Subscriber, *, old_email: str, now: datetime) -> None:
    """Tell an old address that its reader has moved, without telling it where to in full."""
    params: Json = {"new_address": mask(subscriber.email)}
    _queue(session, "address_changed", subscriber, params, recipient=old_email, now=now)


def preferences_token(means: Means, subscriber: Subscriber, *, now: datetime) -> str:
    """The reader's own way in, for a day; void as soon as their address changes."""
    return means.signer.sign(
        Purpose.PREFERENCES, subscriber.id, subscriber.links_version, expires_at=now + PREFERENCES_LIFETIME
    )


def preferences_url(means: Means, subscriber: Subscriber, *, now: datetime) -> str:
    """The same as a link."""
    return means.urls.preferences(preferences_token(means, subscriber, now=now))


def code_hash(means: Means, confirmation_id: int, code: str) -> str:
    """A code as it is stored: keyed, so that a copy of the table does not give a million guesses."""
    return means.digester.digest("code", f"{confirmation_id}:{code}")


def _confirmation(
    session: Session, subscriber: Subscriber, *, recipient: str, means: Means, now: datetime
) -> tuple[Confirmation, Json]:
    """A fresh row and what its mail carries: the link, the code, and the link that only machines follow."""
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    confirmation = Confirmation(
        subscriber_id=subscriber.id,
        email=recipient,
        code_hash="",
        created_at=now,
        expires_at=now + CONFIRMATION_LIFETIME,
    )
    session.add(confirmation)
    session.flush()
    confirmation.code_hash = code_hash(means, confirmation.id, code)
    sign, ends = means.signer.sign, confirmation.expires_at
    params: Json = {
        "confirm_url": means.urls.confirm(sign(Purpose.CONFIRM, confirmation.id, expires_at=ends)),
        "canary_url": means.urls.canary(sign(Purpose.CANARY, confirmation.id, expires_at=ends)),
        "code": code,
        "days": CONFIRMATION_LIFETIME.days,
    }
    return confirmation, params


def _named(newsletters: Sequence[Newsletter]) -> Json:
    """Which newsletters a mail is about, and its looks."""
    return {"newsletters": [newsletter.name for newsletter in newsletters], **_look(newsletters)}


def _queue(
    session: Session,
    kind: str,
    subscriber: Subscriber,
    params: Json,
    *,
    recipient: str = "",
    senders: Sequence[Newsletter] = (),
    now: datetime,
) -> None:
    sender_name, language = senders[0].sender_name if len(senders) == 1 else "", subscriber.language
    low_trace = _low_trace(session, subscriber, senders)
    if low_trace is not None:
        sender_name = neutral_sender(low_trace, language)
        params = {**params, NEUTRAL_SUBJECT: neutral_subject(low_trace, language)}
    mail = QueuedMail(
        kind=kind,
        recipient=recipient or subscriber.email,
        language=language,
        params=params,
        subscriber_id=subscriber.id,
        sender_name=sender_name,
    )
    queue(session, mail, now=now)


def _low_trace(session: Session, subscriber: Subscriber, about: Sequence[Newsletter]) -> Newsletter | None:
    """The low-trace newsletter whose neutral words a mail wears.

    A mail that is about the reader and no newsletter wears those of one the reader ever asked for.
    """
    if about:
        return next((newsletter for newsletter in about if newsletter.is_low_trace), None)
    asked_for = (
        select(Newsletter)
        .join(Subscription, Subscription.newsletter_id == Newsletter.id)
        .where(Subscription.subscriber_id == subscriber.id, Newsletter.is_low_trace)
    )
    return session.scalars(asked_for.order_by(Newsletter.id).limit(1)).first()


def _own_words(session: Session, newsletters: Sequence[Newsletter]) -> Json:
    """The editors' subject and first words, where one newsletter is pending and they wrote any."""
    ids = [newsletter.id for newsletter in newsletters]
    wording = current_wordings(session, ids).get(ids[0]) if len(ids) == 1 else None
    if wording is None:
        return {"subject": "", "intro": ""}
    return {"subject": wording.mail_subject, "intro": wording.mail_intro}


def _look(newsletters: Sequence[Newsletter]) -> Json:
    """One newsletter's mail wears its colours and name; a mail about several wears the newsroom's."""
    if len(newsletters) != 1:
        return {}
    shade = accent(newsletters[0].accent)
    return {"accent": shade.light, "accent_dark": shade.dark, "brand": newsletters[0].name}


def _hours(lifetime: timedelta) -> int:
    return int(lifetime.total_seconds() // 3600)

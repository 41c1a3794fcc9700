"""The words and headers of a digest: subjects as headlines, first words, links; and the way out.

It is mail that a reader subscribed to, so it carries what an issue does: List-Unsubscribe with one click (RFC
8058) and an address (RFC 2369), a List-Id (RFC 2919), the newsletter's sender, and a visible link to leave.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from babel.dates import format_date
from sqlalchemy.orm import Session

from newsletters.kernel.columns import Json
from newsletters.kernel.tokens import Purpose
from newsletters.mail.headers import feedback_id, list_id
from newsletters.mail.outbox import NEUTRAL_SUBJECT, QueuedMail, queue
from newsletters.publishing.layout import sender_id
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.neutral import neutral_sender, neutral_subject
from newsletters.publishing.palette import accent
from newsletters.publishing.web import issue_preheader, issue_subject
from newsletters.subscribers.digest_models import Digest
from newsletters.subscribers.means import Means
from newsletters.subscribers.models import Subscriber, Subscription

MOST_ISSUES: Final = 30  # a year away from a daily letter: the archive has the rest


def queue_digest(
    session: Session,
    digest: Digest,
    subscription: Subscription,
    subscriber: Subscriber,
    newsletter: Newsletter,
    *,
    issues: Sequence[Issue],
    means: Means,
    now: datetime,
) -> None:
    """Put one digest of ``issues``, the newest first, into the outbox."""
    shade, urls = accent(newsletter.accent), means.urls
    leave = urls.unsubscribe(means.signer.sign(Purpose.UNSUBSCRIBE, subscription.id))
    params: Json = {
        "kind": digest.kind.value,
        "since": digest.since.isoformat(),
        "newsletter": newsletter.name,
        "issues": [
            _told(issue, newsletter, language=subscriber.language, means=means)
            for issue in issues[:MOST_ISSUES]
        ],
        "more": max(0, len(issues) - MOST_ISSUES),
        "archive_url": urls.archive(newsletter.slug),
        "email": subscriber.email,
        "unsubscribe_url": leave,
        "preferences_url": urls.preferences_request(),
        "postal_address": newsletter.postal_address,
        "accent": shade.light,
        "accent_dark": shade.dark,
        "brand": newsletter.name,
        "brand_url": urls.newsletter(newsletter.slug),
        "sender_email": newsletter.sender_email,
        "reply_to": newsletter.reply_to,
        "list_unsubscribe_url": leave,
        "list_unsubscribe_ids": [subscription.id],
        "headers": _headers(newsletter, host=urlsplit(urls.base).hostname or "localhost"),
    }
    sender_name = newsletter.sender_name
    if newsletter.hides_issues:
        sender_name = neutral_sender(newsletter, subscriber.language)
        params[NEUTRAL_SUBJECT] = neutral_subject(newsletter, subscriber.language)
    mail = QueuedMail(
        kind="digest",
        recipient=subscriber.email,
        language=subscriber.language,
        params=params,
        subscriber_id=subscriber.id,
        sender_name=sender_name,
    )
    queue(session, mail, now=now)


def _told(issue: Issue, newsletter: Newsletter, *, language: str, means: Means) -> Json:
    started_at = issue.started_at or issue.created_at
    return {
        "subject": issue_subject(issue, newsletter),
        "preheader": issue_preheader(issue, newsletter),
        "url": means.urls.issue(newsletter.slug, issue.slug),
        "day": format_date(started_at.astimezone(newsletter.zone).date(), "d MMMM", locale=language),
    }


def _headers(newsletter: Newsletter, *, host: str) -> list[list[str]]:
    about, named = f"newsletter-{newsletter.id}", "" if newsletter.hides_issues else newsletter.name
    return [
        ["List-Id", list_id(named, f"{about}.{host}")],
        ["Feedback-ID", feedback_id("digest", about, "digest", sender_id(host))],
        ["Precedence", "bulk"],
    ]

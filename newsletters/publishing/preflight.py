"""Everything that is known about a draft, brought together for the checks."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy.orm import Session

from newsletters.kernel.urls import Urls
from newsletters.publishing.checks import Draft, Field, Finding, Kind, findings, links
from newsletters.publishing.layout import Templates, issue_spec
from newsletters.publishing.linkchecks import known
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.pictures import media
from newsletters.publishing.wording import with_slots


def preflight(
    session: Session, issue: Issue, *, urls: Urls, templates: Templates, now: datetime
) -> list[Finding]:
    """What to look at in ``issue`` before it goes out; asks the database only."""
    newsletter = session.get_one(Newsletter, issue.newsletter_id)
    asked = known(session, links(issue.body), now=now)
    draft = Draft(
        subject=issue.subject,
        preheader=issue.preheader,
        body=issue.body,
        unknown=tuple(_unknown(issue, newsletter)),
        html_bytes=len(issue_spec(session, issue, urls=urls, templates=templates).html.encode()),
        base=urls.base,
        has_postal_address=bool(newsletter.postal_address.strip()),
        known_pictures=frozenset(media(session, [issue.body]).sizes),
        dead_links={url: problem for url, problem in asked.items() if problem},
    )
    return findings(draft)


def _unknown(issue: Issue, newsletter: Newsletter) -> Iterator[Finding]:
    for field, text in (
        (Field.SUBJECT, issue.subject),
        (Field.PREHEADER, issue.preheader),
        (Field.BODY, issue.body),
    ):
        for unknown in with_slots(text, newsletter).unknown:
            line = unknown.line if field is Field.BODY else None
            yield Finding(Kind.PLACEHOLDER_UNKNOWN, field, line, unknown.written)

"""Whether a mail that somebody has is an issue of ours: told by a link in it, or by its subject and day.

The answer rests on a signed statement and never on what the mail says of itself. An issue that readers may
not see is answered for like one that never was. Nobody's subscription is looked at, and nothing is written.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.mail.slots import Slot, cut
from newsletters.publishing.archive import PUBLIC_STATES, newsletter_by_slug, public_issue
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.neutral import neutral_subject
from newsletters.publishing.signatures import Notary, Vouched, vouched
from newsletters.publishing.web_links import Kinship, host_of, kinship, read_link
from newsletters.publishing.wording import default_words, with_slots

ALSO_SEARCHED: Final = timedelta(days=14)
SAME_DAY: Final = timedelta(days=1)  # the reader's day and the newsroom's may differ
LONGEST_SLOT: Final = 254  # an address
SHORTEST_LITERAL: Final = 4  # letters beside the reader's name; with fewer, a subject says nothing
SHORTEST_BEGINNING: Final = 15
_ISSUE = re.compile(r"/newsletters/([^/]+)/issues/([^/]+)/?")
_PREFIXES = re.compile(r"^(?:(?:re|fwd?|aw|wg|відп|пер)\s*:\s*)+")
_ALIKE = str.maketrans("’‘ʼ`´“”„«»‹›–—−‐‑", '\'\'\'\'\'"""""""-----')


class Verdict(StrEnum):
    """What we can say."""

    OURS = "ours"
    NOT_OURS = "not_ours"
    LOOKALIKE = "lookalike"
    CANNOT_TELL = "cannot_tell"


class Reason(StrEnum):
    """Why."""

    LINK = "link"
    SUBJECT = "subject"
    OTHER_DAY = "other_day"
    UNSIGNED = "unsigned"
    NO_SUCH_ISSUE = "no_such_issue"
    NO_ISSUE_LINK = "no_issue_link"
    RELATED_HOST = "related_host"
    LIKE_HOST = "like_host"
    FOREIGN_HOST = "foreign_host"
    NO_SUCH_SUBJECT = "no_such_subject"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a look. ``host`` is as a browser asks for it, ``shown_host`` as a person reads it."""

    verdict: Verdict
    reason: Reason
    issue: Issue | None = None
    newsletter: Newsletter | None = None
    vouched: Vouched | None = None
    host: str = ""
    shown_host: str = ""


def by_link(session: Session, pasted: str, *, notary: Notary) -> Finding:
    """Judge the link that somebody pasted. Raises NotALink."""
    link = read_link(pasted)
    kin = kinship(link.host, host_of(notary.urls.base))
    if kin is Kinship.OURS:
        return _on_our_site(session, link.path, notary)
    verdict, reason = {
        Kinship.RELATED: (Verdict.CANNOT_TELL, Reason.RELATED_HOST),
        Kinship.LOOKALIKE: (Verdict.LOOKALIKE, Reason.LIKE_HOST),
        Kinship.FOREIGN: (Verdict.NOT_OURS, Reason.FOREIGN_HOST),
    }[kin]
    return Finding(verdict, reason, host=link.host, shown_host=link.shown)


def by_subject(session: Session, subject: str, on: date, *, notary: Notary) -> Finding:
    """Judge a subject line and the day the mail came."""
    found = sorted(
        (abs(_day(issue, newsletter) - on), -issue.id, issue, newsletter)
        for issue, newsletter in _sent_about(session, on)
        if _is_subject(subject, issue, newsletter)
    )
    if not found:
        return Finding(Verdict.NOT_OURS, Reason.NO_SUCH_SUBJECT)
    apart, _, issue, newsletter = found[0]
    finding = _vouched_for(session, issue, newsletter, Reason.SUBJECT, notary)
    if apart <= SAME_DAY or finding.verdict is not Verdict.OURS:
        return finding
    return Finding(Verdict.CANNOT_TELL, Reason.OTHER_DAY, issue, newsletter, finding.vouched)


def _on_our_site(session: Session, path: str, notary: Notary) -> Finding:
    named = _ISSUE.fullmatch(path)
    if named is None:
        return Finding(Verdict.CANNOT_TELL, Reason.NO_ISSUE_LINK)
    newsletter_slug, issue_slug = (unquote(part).replace("\0", "") for part in named.groups())
    newsletter = newsletter_by_slug(session, newsletter_slug)
    issue = public_issue(session, newsletter.id, issue_slug) if newsletter is not None else None
    if newsletter is None or issue is None:
        return Finding(Verdict.CANNOT_TELL, Reason.NO_SUCH_ISSUE)
    return _vouched_for(session, issue, newsletter, Reason.LINK, notary)


def _vouched_for(
    session: Session, issue: Issue, newsletter: Newsletter, reason: Reason, notary: Notary
) -> Finding:
    statement = vouched(session, issue, keys=notary.issue_keys)
    if statement is None:
        return Finding(Verdict.CANNOT_TELL, Reason.UNSIGNED, issue, newsletter)
    return Finding(Verdict.OURS, reason, issue, newsletter, statement)


def _sent_about(session: Session, on: date) -> list[tuple[Issue, Newsletter]]:
    """The public issues of the weeks around a day; a day beyond the calendar has none."""
    try:
        noon = datetime.combine(on, time(12), UTC)
        since, until = noon - ALSO_SEARCHED, noon + ALSO_SEARCHED
    except OverflowError:
        return []
    query = (
        select(Issue, Newsletter)
        .join(Newsletter, Newsletter.id == Issue.newsletter_id)
        .where(Issue.state.in_(PUBLIC_STATES), Issue.started_at.between(since, until))
    )
    return [(issue, newsletter) for issue, newsletter in session.execute(query)]


def _day(issue: Issue, newsletter: Newsletter) -> date:
    assert issue.started_at is not None  # noqa: S101  (the query asked for it)
    return issue.started_at.astimezone(newsletter.zone).date()


def _is_subject(pasted: str, issue: Issue, newsletter: Newsletter) -> bool:
    """Whether ``pasted`` could be the subject that some reader of the issue saw, whole or cut short."""
    seen = _PREFIXES.sub("", _plain(pasted).strip())
    if newsletter.hides_issues and seen == _plain(neutral_subject(newsletter, newsletter.language)).strip():
        return True
    pattern, literal = _pattern(issue, newsletter)
    if len(literal) < SHORTEST_LITERAL:
        return False
    if re.fullmatch(pattern, seen):
        return True
    beginning = seen.removesuffix("...").rstrip()
    return beginning != seen and len(beginning) >= SHORTEST_BEGINNING and literal.startswith(beginning)


def _pattern(issue: Issue, newsletter: Newsletter) -> tuple[str, str]:
    """An expression for every reader's subject, and the part of it that is the same for all."""
    fixed = default_words(newsletter)["newsletter"]
    pattern = literal = ""
    for part in cut(with_slots(issue.subject, newsletter).text):
        if isinstance(part, Slot) and part.name != "newsletter":
            pattern += f".{{1,{LONGEST_SLOT}}}"
            continue
        words = _plain(fixed if isinstance(part, Slot) else part)
        pattern, literal = pattern + re.escape(words).replace("\\ ", " "), literal + words
    return pattern.strip(), literal.strip()


def _plain(text: str) -> str:
    """One spelling of what mail programs write in several."""
    folded = unicodedata.normalize("NFKC", text.translate(_ALIKE)).casefold()
    return re.sub(r"\s+", " ", folded)

"""A signed statement for every issue that is sent: what it is called, when it went out, the hash of its text.

It is made in the transaction that starts the sending, and made up for by housekeeping where an issue has
none by a key of ours: after an update, a change of secrets, or a send that went on with changed content.
Nothing is signed that readers may not see. docs/genuine.md tells how a third party checks one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from newsletters.kernel.signing import SigningKeys
from newsletters.kernel.urls import Urls
from newsletters.mail.slots import fill_text
from newsletters.publishing.archive import PUBLIC_STATES
from newsletters.publishing.content import content_hash
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.plaintext import to_text
from newsletters.publishing.signature_models import IssueSignature
from newsletters.publishing.wording import with_slots, without_reader

FIRST_LINE: Final = "newsletter-issue-1"
AT_ONCE: Final = 50


class Notary(Protocol):
    """What signing asks of the runtime."""

    @property
    def issue_keys(self) -> SigningKeys: ...

    @property
    def urls(self) -> Urls: ...


@dataclass(frozen=True, slots=True)
class Vouched:
    """A statement of ours that holds, and the parts of it that people compare."""

    statement: str
    signature: str
    key_id: str
    text: str
    fields: Mapping[str, str]

    @property
    def sent_at(self) -> datetime:
        return datetime.strptime(self.fields["sent"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def sign_issue(session: Session, issue: Issue, *, notary: Notary, now: datetime) -> None:
    """Write the statement about an issue that readers may see; of any other nothing is said."""
    if not issue.is_public or issue.started_at is None:
        return
    newsletter = session.get_one(Newsletter, issue.newsletter_id)
    text = public_text(issue, newsletter, urls=notary.urls)
    statement = _statement(issue, newsletter, text=text, urls=notary.urls, now=now)
    key = notary.issue_keys.current
    session.add(
        IssueSignature(
            issue_id=issue.id,
            content_hash=issue.content_hash,
            key_id=key.key_id,
            statement=statement,
            text=text,
            signature=key.sign(statement),
            signed_at=now,
        )
    )
    session.flush()


def sign_missing(session: Session, *, notary: Notary, now: datetime, most: int = AT_ONCE) -> int:
    """Sign some of the public issues that have no statement by a key of ours; say how many."""
    signed = exists().where(
        IssueSignature.issue_id == Issue.id,
        IssueSignature.content_hash == Issue.content_hash,
        IssueSignature.key_id.in_(notary.issue_keys.known_ids),
    )
    missing = select(Issue).where(Issue.state.in_(PUBLIC_STATES), Issue.started_at.is_not(None), ~signed)
    issues = session.scalars(missing.order_by(Issue.id.desc()).limit(most)).all()
    for issue in issues:
        sign_issue(session, issue, notary=notary, now=now)
    return len(issues)


def vouched(session: Session, issue: Issue, *, keys: SigningKeys) -> Vouched | None:
    """The newest statement about ``issue`` that a key of ours signed and that its text still bears out."""
    written = select(IssueSignature).where(IssueSignature.issue_id == issue.id)
    for row in session.scalars(written.order_by(IssueSignature.id.desc())):
        signed = keys.vouches(key_id=row.key_id, signature=row.signature, statement=row.statement)
        fields = read_statement(row.statement)
        if signed and _bears_out(issue, row.text, fields):
            return Vouched(row.statement, row.signature, row.key_id, row.text, fields)
    return None


def read_statement(statement: str) -> dict[str, str]:
    """The named lines of a statement; its signature must have been checked."""
    lines = statement.splitlines()[1:]
    return {name: value for name, _, value in (line.partition(": ") for line in lines)}


def public_text(issue: Issue, newsletter: Newsletter, *, urls: Urls) -> str:
    """The issue's words as anybody may read them, without a reader's name."""
    marked = with_slots(issue.body, newsletter).text
    return fill_text(to_text(marked, base=urls.base, language=newsletter.language), {})


def _statement(issue: Issue, newsletter: Newsletter, *, text: str, urls: Urls, now: datetime) -> str:
    """One line a field, in this order, each ending in LF."""
    assert issue.started_at is not None  # noqa: S101  (sign_issue looked)
    fields = {
        "site": urls.base,
        "newsletter": newsletter.name,
        "subject": without_reader(issue.subject, newsletter),
        "from": newsletter.sender_email,
        "sent": _moment(issue.started_at),
        "page": urls.issue(newsletter.slug, issue.slug),
        "text-sha256": _sha256(text),
        "source-sha256": content_hash(issue),
        "signed": _moment(now),
    }
    lines = [FIRST_LINE, *(f"{name}: {' '.join(value.split())}" for name, value in fields.items())]
    return "".join(f"{line}\n" for line in lines)


def _bears_out(issue: Issue, text: str, fields: Mapping[str, str]) -> bool:
    """Whether what was signed is what the archive shows now."""
    return (
        issue.started_at is not None
        and fields.get("text-sha256") == _sha256(text)
        and fields.get("source-sha256") == content_hash(issue)
        and fields.get("sent") == _moment(issue.started_at)
    )


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

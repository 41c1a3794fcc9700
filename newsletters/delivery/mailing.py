"""An issue ready to be mailed: compiled once in a process, one message for each reader out of it.

The compiled form is good for the content hash that was frozen, and for nothing else.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import NamedTuple

from sqlalchemy.orm import Session

from newsletters.delivery.outcomes import Recipient
from newsletters.kernel.errors import DomainError
from newsletters.kernel.tokens import Purpose, Signer
from newsletters.kernel.urls import Urls
from newsletters.mail.compile import CompiledMessage
from newsletters.mail.headers import message_id
from newsletters.mail.office import Office
from newsletters.mail.provider_fields import provider_fields
from newsletters.mail.seal import Seal, Unsealed
from newsletters.publishing.fingerprint import frozen_hash
from newsletters.publishing.layout import compile_issue
from newsletters.publishing.lifecycle import newsletter_of
from newsletters.publishing.models import Issue

KEPT = 8  # compiled issues in memory; a newsroom rarely sends more at one time


class ContentChanged(DomainError):
    """What would be mailed is not what was frozen when sending began."""


@dataclass(frozen=True, slots=True)
class Post:
    """What writes our mail: keys, return paths, links and layouts."""

    office: Office
    signer: Signer
    urls: Urls


class Draft(NamedTuple):
    """One message and its way, all but the signatures."""

    sender: str
    recipient: str
    unsealed: Unsealed


@dataclass(frozen=True, slots=True)
class Mailing:
    """One issue. Shared between threads."""

    issue_id: int
    newsletter_id: int
    started_at: datetime
    compiled: CompiledMessage
    seal: Seal
    post: Post

    def draft(self, recipient: Recipient, *, now: datetime) -> Draft:
        """The message for ``recipient``: the same Message-ID and Date at every attempt."""
        office, ids = self.post.office, (recipient.subscription_id, self.issue_id)
        in_link, in_address = self.post.signer.sign_both(Purpose.UNSUBSCRIBE, *ids)
        values = {
            "name": recipient.name,
            "email": recipient.email,
            "unsubscribe_url": self.post.urls.unsubscribe(in_link),
            "unsubscribe_mailto": office.paths.unsubscribe_with(in_address),
        }
        named = message_id("issue", (self.issue_id, recipient.subscriber_id), office.domain)
        fields = self.compiled.fields(
            values,
            recipient=recipient.email,
            recipient_name=recipient.name,
            message_id=named,
            date=self.started_at,
            headers=provider_fields(office.servers, named),
        )
        return Draft(
            office.paths.for_issue(self.issue_id, recipient.subscriber_id),
            recipient.email,
            self.seal.draft(fields, self.compiled.content(values), now=now),
        )


class Mailings:
    """The issues this process has compiled, the latest few."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._lock = Lock()
        self._kept: OrderedDict[tuple[int, str], Mailing] = OrderedDict()

    def of(self, session: Session, issue_id: int) -> Mailing:
        """The mailing of a frozen issue. Raises ContentChanged, and whatever compiling raises."""
        issue = session.get_one(Issue, issue_id)
        if frozen_hash(issue, newsletter_of(session, issue)) != issue.content_hash:
            raise ContentChanged("the issue or its newsletter was changed after sending began")
        key = (issue_id, issue.content_hash)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._compile(session, issue)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    def _compile(self, session: Session, issue: Issue) -> Mailing:
        if issue.started_at is None:
            raise ContentChanged("the issue was never started")
        compiled = compile_issue(session, issue, urls=self._post.urls, templates=self._post.office.templates)
        seal = Seal(compiled, self._post.office.dkim.keys)
        return Mailing(issue.id, issue.newsletter_id, issue.started_at, compiled, seal, self._post)

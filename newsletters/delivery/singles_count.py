"""Counts single mails among the letters that servers and providers took, and notes a server's first use.

What was counted is written once a second and at the end of a run, apart from the outcomes themselves: who
signs up never waits for a row that every worker writes to. A process that is killed takes a second's figures
with it, and nothing else.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from newsletters.delivery import servers_books
from newsletters.delivery.providers import provider_of
from newsletters.delivery.servers_books import Count
from newsletters.delivery.shaping import Rules
from newsletters.kernel.db import Database
from newsletters.mail.gatekeeper import End

EVERY: Final = timedelta(seconds=1)

log = logging.getLogger(__name__)


class SinglesCount:
    """Of one sender. For one thread at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._ended: Counter[tuple[str, str, End]] = Counter()
        self._written_at: datetime | None = None

    def add(self, recipient: str, end: End, *, server: str) -> None:
        """A mail has ended; of its reader no more than the domain is remembered."""
        self._ended[server, recipient.rpartition("@")[2].lower(), end] += 1

    def write_sometimes(self, rules: Rules, *, now: datetime) -> None:
        """Write where it was not done lately."""
        if self._written_at is None:
            self._written_at = now
        elif not timedelta() <= now - self._written_at < EVERY:
            self.write(rules, now=now)

    def write(self, rules: Rules, *, now: datetime) -> None:
        """Write what was counted. Where the database is away it is lost: nothing hangs on it."""
        self._written_at = now
        if not self._ended:
            return
        ended, self._ended = self._ended, Counter()
        try:
            with self._db.transaction(durable=False) as session:
                servers_books.note_use(session, {server for server, _, _ in ended}, now=now)
                servers_books.add_counts(session, _counts(session, ended, rules, now), now=now)
        except DBAPIError:
            log.exception("single mails are missing from the figures of the flow")


def _counts(
    session: Session, ended: Mapping[tuple[str, str, End], int], rules: Rules, now: datetime
) -> dict[tuple[str, str], Count]:
    """By server and provider; domains that belong to none are counted together, as they are for letters."""
    groups = {domain: provider_of(session, domain, rules, now=now) for _, domain, _ in ended}
    sums: dict[tuple[str, str], Counter[str]] = {}
    for (server, domain, end), mails in ended.items():
        group = groups[domain] if groups[domain] in rules.providers else ""
        sums.setdefault((server, group), Counter())[end.value] += mails
    return {key: Count(**found) for key, found in sums.items()}

"""Which provider serves a domain: by the table in the rules, by what its MX was found to be, else itself.

Answers at once and from memory. A domain that many letters go to and nobody knows is noted, so that its MX
can be looked up behind the scenes; until then, and whenever DNS is away, it stands for itself.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletters.delivery.shaping import Rules
from newsletters.delivery.shaping_models import DomainProvider
from newsletters.kernel.db import insert_into

WORTH_ASKING: Final = 3  # letters to a domain; below that a provider's rules make no difference
MOST_NOTED: Final = 10_000
MOST_KNOWN: Final = 50_000
MOST_READ: Final = 500
RESERVED: Final = (
    "example",
    "test",
    "invalid",
    "localhost",
    "local",
    "internal",
    "arpa",
    "onion",
)  # RFC 6761
LOOKED_UP_SOON: Final = timedelta(0)


class Providers:
    """What this process knows of domains. For one thread at a time."""

    def __init__(self, rules: Rules) -> None:
        self._named = rules.by_domain
        self._found: dict[str, str] = {}
        self._unknown: Counter[str] = Counter()

    def follow(self, rules: Rules) -> None:
        """Other rules are in force."""
        self._named = rules.by_domain

    def group_of(self, domain: str) -> str:
        """The provider's key, or the domain itself."""
        if (group := self._named.get(domain)) is not None:
            return group
        if (group := self._found.get(domain)) is not None:
            return group or domain
        if domain in self._unknown or len(self._unknown) < MOST_NOTED:
            self._unknown[domain] += 1
        return domain

    def learn(self, session: Session, *, now: datetime) -> bool:
        """Read what was found of the noted domains and ask for the rest; say whether anything was learnt.

        Writes where something is asked for: the session's transaction must be one.
        """
        wanted = [name for name, letters in self._unknown.most_common(MOST_READ) if is_worth(name, letters)]
        if not wanted:
            return False
        rows = session.execute(
            select(DomainProvider.domain, DomainProvider.provider, DomainProvider.expires_at).where(
                DomainProvider.domain.in_(wanted)
            )
        ).all()
        if len(self._found) > MOST_KNOWN:
            self._found.clear()
        for row in rows:
            if row.expires_at > now:
                self._found[row.domain] = row.provider
        ask_for(session, set(wanted) - {row.domain for row in rows}, now=now)
        for row in rows:
            del self._unknown[row.domain]
        return bool(rows)


def provider_of(session: Session, domain: str, rules: Rules, *, now: datetime) -> str:
    """The same for one domain and without a memory: nothing is noted."""
    if (group := rules.by_domain.get(domain)) is not None:
        return group
    found = session.get(DomainProvider, domain)
    return found.provider or domain if found is not None and found.expires_at > now else domain


def is_worth(domain: str, letters: int) -> bool:
    """Whether the MX of a domain is worth a question: enough letters, and a name that DNS can know."""
    return letters >= WORTH_ASKING and "." in domain and domain.rpartition(".")[2] not in RESERVED


def ask_for(session: Session, domains: Iterable[str], *, now: datetime) -> None:
    """Note that somebody wants to know these domains."""
    rows = [{"domain": name, "provider": "", "expires_at": now + LOOKED_UP_SOON} for name in sorted(domains)]
    if rows:
        session.execute(insert_into(session, DomainProvider).values(rows).on_conflict_do_nothing())


def asked_for(session: Session, *, most: int, now: datetime) -> list[str]:
    """Domains whose MX is to be looked up, or looked up again, the longest waiting first."""
    due = select(DomainProvider.domain).where(DomainProvider.expires_at <= now)
    return list(session.scalars(due.order_by(DomainProvider.expires_at).limit(most)))


def remember(session: Session, found: Mapping[str, tuple[str, datetime]]) -> None:
    """Keep whom domains were found to belong to, each until its time."""
    for domain, (provider, expires_at) in found.items():
        row = {"domain": domain, "provider": provider, "expires_at": expires_at}
        session.execute(
            insert_into(session, DomainProvider)
            .values(row)
            .on_conflict_do_update(index_elements=["domain"], set_=row)
        )


def forget_unused(session: Session, *, before: datetime) -> None:
    """Delete what ran out long ago: nobody has asked for it since."""
    session.execute(delete(DomainProvider).where(DomainProvider.expires_at < before))

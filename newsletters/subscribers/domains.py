"""Whether a domain takes mail at all, as far as DNS has been asked.

Asked behind the scenes, never in a request (tasks/forms.py); remembered for a while. What DNS did not answer
says nothing: the address is taken as it is. It is about domains alone, so saying it tells nothing of anybody.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select
from sqlalchemy.orm import Session

from newsletters.kernel.db import insert_into
from newsletters.mail.domains.dns import Dns, Outcome
from newsletters.subscribers.mailboxes import is_large_provider
from newsletters.subscribers.models import AddressDomain

KNOWN_FOR: Final = timedelta(days=7)
DEAD_FOR: Final = timedelta(hours=6)  # somebody may just be setting their domain up
UNANSWERED_FOR: Final = timedelta(minutes=10)
NO_QUESTION: Final = frozenset({"example", "test", "invalid", "localhost", "local"})  # RFC 2606, RFC 6761


def takes_mail(dns: Dns, domain: str) -> bool | None:
    """Whether mail to ``domain`` has anywhere to go; None where DNS gave no answer.

    MX, else an address (RFC 5321 section 5.1); a null MX takes none (RFC 7505).
    """
    mx = dns.mx(domain)
    if mx.outcome is Outcome.FAILED:
        return None
    if mx.outcome is Outcome.FOUND:
        return "." not in mx.records
    if mx.outcome is Outcome.NO_NAME:
        return False
    addresses = dns.addresses(domain)
    return None if addresses.outcome is Outcome.FAILED else addresses.outcome is Outcome.FOUND


def unknown(session: Session, domains: Collection[str], *, now: datetime) -> list[str]:
    """Those of ``domains`` that DNS is to be asked about."""
    asked = {name for name in domains if _is_worth_asking(name)}
    known = set(
        session.scalars(select(AddressDomain.domain).where(_is_fresh(now), AddressDomain.domain.in_(asked)))
    )
    return sorted(asked - known)


def remember(session: Session, found: Mapping[str, bool | None], *, now: datetime) -> None:
    """Keep what DNS said."""
    if not found:
        return
    rows = [{"domain": name, "takes_mail": takes, "checked_at": now} for name, takes in sorted(found.items())]
    statement = insert_into(session, AddressDomain).values(rows)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["domain"],
            set_={"takes_mail": statement.excluded.takes_mail, "checked_at": statement.excluded.checked_at},
        )
    )


def is_dead(session: Session, domain: str, *, now: datetime) -> bool:
    """Whether DNS has said lately that nobody takes mail for ``domain``."""
    asked = {"name": domain, "since": now - DEAD_FOR}
    return session.connection().execute(_TAKES_MAIL, asked).scalar() is False


def forget_old(session: Session, *, now: datetime) -> None:
    """Delete what is no longer believed."""
    session.execute(delete(AddressDomain).where(AddressDomain.checked_at < now - KNOWN_FOR))


def _is_fresh(now: datetime) -> ColumnElement[bool]:
    answered = AddressDomain.takes_mail
    return or_(
        and_(answered.is_(True), AddressDomain.checked_at > now - KNOWN_FOR),
        and_(answered.is_(False), AddressDomain.checked_at > now - DEAD_FOR),
        and_(answered.is_(None), AddressDomain.checked_at > now - UNANSWERED_FOR),
    )


# Made once: every sign-up asks.
_TAKES_MAIL: Final = select(AddressDomain.takes_mail).where(
    AddressDomain.domain == bindparam("name"), AddressDomain.checked_at > bindparam("since")
)


def _is_worth_asking(domain: str) -> bool:
    return domain.rpartition(".")[2] not in NO_QUESTION and not is_large_provider(domain)

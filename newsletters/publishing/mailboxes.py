"""The addresses that newsletters write from and ask their readers to answer to."""

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from newsletters.publishing.models import Newsletter


def newsletter_answered_at(session: Session, address: str) -> Newsletter | None:
    """The newsletter that readers answer at ``address``; one still published before one that is retired."""
    wanted = address.lower()
    found = select(Newsletter).where(
        or_(func.lower(Newsletter.sender_email) == wanted, func.lower(Newsletter.reply_to) == wanted)
    )
    return session.scalar(found.order_by(Newsletter.retired_at.is_not(None), Newsletter.id).limit(1))


def own_addresses(session: Session) -> frozenset[str]:
    """Every address that readers' answers come to, in lower case."""
    rows = session.execute(select(Newsletter.sender_email, Newsletter.reply_to))
    return frozenset(address.lower() for row in rows for address in row if address)

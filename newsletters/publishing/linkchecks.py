"""What is known of an issue's links from the last time somebody asked, kept for a day."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletters.publishing.models import LinkCheck

FRESH: Final = timedelta(days=1)


def known(session: Session, urls: Iterable[str], *, now: datetime) -> dict[str, str]:
    """The problem of each url that was asked within the last day, empty where it had none."""
    by_hash = {_hash(url): url for url in urls}
    query = select(LinkCheck.url_hash, LinkCheck.problem).where(
        LinkCheck.url_hash.in_(by_hash), LinkCheck.checked_at > now - FRESH
    )
    return {by_hash[digest]: problem for digest, problem in session.execute(query)}


def note(session: Session, problems: Mapping[str, str], *, now: datetime) -> None:
    """Keep what the links answered, and forget what is no longer fresh."""
    hashes = {_hash(url): problem for url, problem in problems.items()}
    stale = LinkCheck.checked_at <= now - FRESH
    session.execute(delete(LinkCheck).where(LinkCheck.url_hash.in_(hashes) | stale))
    session.add_all(
        LinkCheck(url_hash=digest, problem=problem, checked_at=now) for digest, problem in hashes.items()
    )


def _hash(url: str) -> str:
    return hashlib.sha256(url.encode(errors="replace")).hexdigest()

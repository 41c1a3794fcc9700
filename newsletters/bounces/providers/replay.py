"""Requests of providers are taken once: a token that comes again with another body is a forgery.

The row is written in the transaction that takes the events: where that fails, the provider may try again.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from newsletters.bounces.providers.models import WebhookToken
from newsletters.kernel.db import insert_into


class Heard(StrEnum):
    """Whether a request was heard before."""

    NEW = "new"
    AGAIN = "again"
    FORGED = "forged"


def hear(session: Session, *, source: str, token: str, body: bytes, kept: timedelta, now: datetime) -> Heard:
    """Remember ``token`` of ``source`` for as long as ``kept``, and say whether it is new with this body."""
    token_hash, body_hash = _hash(f"{source}\0{token}".encode()), _hash(body)
    written = session.execute(
        insert_into(session, WebhookToken)
        .values(token_hash=token_hash, body_hash=body_hash, expires_at=now + kept)
        .on_conflict_do_nothing(index_elements=["token_hash"])
        .returning(WebhookToken.token_hash)
    ).first()
    if written is not None:
        return Heard.NEW
    known = session.scalar(select(WebhookToken.body_hash).where(WebhookToken.token_hash == token_hash))
    return Heard.AGAIN if known == body_hash else Heard.FORGED


def forget_heard(session: Session, *, now: datetime) -> None:
    """Delete what is too old to be replayed."""
    session.execute(delete(WebhookToken).where(WebhookToken.expires_at < now))


def _hash(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()

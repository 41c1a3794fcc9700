"""Inviting somebody to the desk by mail.

The link is signed and names a row; the row is used once, may be withdrawn, and runs out after a week. A new
invitation for an address replaces the one before. Opening the link changes nothing: mail scanners do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletters.accounts import audit
from newsletters.accounts.editors import create_editor, editor_by_address
from newsletters.accounts.errors import EditorExists, LinkUnusable
from newsletters.accounts.models import Editor, Invitation, Role
from newsletters.accounts.passwords import check_strength
from newsletters.kernel.addresses import parse_address
from newsletters.kernel.errors import DomainError
from newsletters.kernel.tokens import Purpose, Signer
from newsletters.kernel.urls import Urls
from newsletters.mail.outbox import QueuedMail, queue

GOOD_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What a mail to an editor needs to know of where it comes from."""

    signer: Signer
    urls: Urls
    newsroom: str
    language: str


def invite(
    session: Session, *, email: str, role: Role, inviter: Editor, letterhead: Letterhead, now: datetime
) -> Invitation:
    """Mail somebody a way in. Raises InvalidAddress or EditorExists."""
    address = parse_address(email)
    if editor_by_address(session, address.email) is not None:
        raise EditorExists
    waiting = (
        Invitation.email_key == address.key,
        Invitation.used_at.is_(None),
        Invitation.revoked_at.is_(None),
    )
    session.execute(update(Invitation).where(*waiting).values(revoked_at=now))
    invitation = Invitation(
        email=address.email,
        email_key=address.key,
        role=role,
        invited_by_id=inviter.id,
        created_at=now,
        expires_at=now + GOOD_FOR,
    )
    session.add(invitation)
    session.flush()
    _mail(session, invitation, inviter=inviter, letterhead=letterhead, now=now)
    _log(session, inviter, "invitation.sent", invitation, now=now)
    return invitation


def revoke(session: Session, invitation: Invitation, *, actor: Editor, now: datetime) -> None:
    """Withdraw an invitation; a used one stays used."""
    if invitation.used_at is None and invitation.revoked_at is None:
        invitation.revoked_at = now
        _log(session, actor, "invitation.withdrawn", invitation, now=now)


def read_invitation(session: Session, token: str, *, signer: Signer, now: datetime) -> Invitation:
    """The invitation behind a link, if it can still be accepted. Raises LinkUnusable."""
    try:
        claims = signer.read(token, Purpose.INVITATION, now=now)
    except DomainError as error:
        raise LinkUnusable from error
    invitation = session.scalar(select(Invitation).where(Invitation.id == claims.ids[0]).with_for_update())
    if invitation is None or invitation.used_at or invitation.revoked_at or now >= invitation.expires_at:
        raise LinkUnusable
    return invitation


def accept(
    session: Session, invitation: Invitation, *, name: str, password: str, newsroom: str, now: datetime
) -> Editor:
    """Make the account that was offered. Raises WeakPassword or EditorExists."""
    check_strength(password, known=(invitation.email, name, newsroom))
    new = create_editor(
        session,
        email=invitation.email,
        name=name,
        role=invitation.role,
        now=now,
        password=password,
        actor=name,
    )
    invitation.used_at = now
    _log(session, new.editor, "invitation.accepted", invitation, now=now)
    return new.editor


def _mail(
    session: Session, invitation: Invitation, *, inviter: Editor, letterhead: Letterhead, now: datetime
) -> None:
    token = letterhead.signer.sign(Purpose.INVITATION, invitation.id, expires_at=invitation.expires_at)
    params = {
        "url": letterhead.urls.invitation(token),
        "inviter": inviter.name,
        "newsroom": letterhead.newsroom,
        "days": GOOD_FOR.days,
    }
    mail = QueuedMail("invitation", invitation.email, letterhead.language, params)
    queue(session, mail, now=now)


def _log(session: Session, actor: Editor, action: str, invitation: Invitation, *, now: datetime) -> None:
    audit.record(
        session,
        actor,
        action,
        now=now,
        subject="invitation",
        subject_id=invitation.id,
        detail=invitation.role.value,
    )

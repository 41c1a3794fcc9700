"""Choosing a new password through one's mailbox.

Asking says nothing about whether there is such an account. The link is signed, runs out after an hour, is
used once by its row, and using one voids the others; it does not sign anybody in.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from newsletters.accounts import audit
from newsletters.accounts.editors import editor_by_address, set_password
from newsletters.accounts.errors import LinkUnusable
from newsletters.accounts.invitations import Letterhead
from newsletters.accounts.models import Editor, PasswordReset
from newsletters.accounts.signin import client_network
from newsletters.kernel.digests import Digester
from newsletters.kernel.errors import DomainError
from newsletters.kernel.limits import Limit, hit
from newsletters.kernel.tokens import Purpose, Signer
from newsletters.mail.outbox import QueuedMail, queue

GOOD_FOR = timedelta(hours=1)
PER_ACCOUNT = Limit("reset account", 3, timedelta(hours=1))
PER_CLIENT = Limit("reset client", 20, timedelta(hours=1))


def ask_for_reset(
    session: Session, email: str, *, client: str, digester: Digester, letterhead: Letterhead, now: datetime
) -> None:
    """Mail a link if there is such an account; tell the caller nothing either way."""
    within = hit(session, PER_CLIENT, digester.digest("reset", client_network(client)), now=now)
    editor = editor_by_address(session, email)
    if editor is None or editor.disabled_at is not None or not within:
        return
    if not hit(session, PER_ACCOUNT, str(editor.id), now=now):
        return
    link = make_link(session, editor, asked_by="somebody", letterhead=letterhead, now=now)
    params = {"url": link, "newsroom": letterhead.newsroom}
    queue(session, QueuedMail("password_reset", editor.email, letterhead.language, params), now=now)


def make_link(
    session: Session, editor: Editor, *, asked_by: str, letterhead: Letterhead, now: datetime
) -> str:
    """Where the editor chooses a password, once and within the hour. Whoever has it is taken for them."""
    reset = PasswordReset(editor_id=editor.id, created_at=now, expires_at=now + GOOD_FOR)
    session.add(reset)
    session.flush()
    audit.record(session, asked_by, "editor.reset_asked", now=now, subject="editor", subject_id=editor.id)
    token = letterhead.signer.sign(Purpose.PASSWORD_RESET, reset.id, expires_at=reset.expires_at)
    return letterhead.urls.password_reset(token)


def read_reset(
    session: Session, token: str, *, signer: Signer, now: datetime
) -> tuple[PasswordReset, Editor]:
    """The row behind a link and whose it is, if it is still good. Raises LinkUnusable."""
    try:
        claims = signer.read(token, Purpose.PASSWORD_RESET, now=now)
    except DomainError as error:
        raise LinkUnusable from error
    reset = session.scalar(select(PasswordReset).where(PasswordReset.id == claims.ids[0]).with_for_update())
    if reset is None or reset.used_at is not None or now >= reset.expires_at:
        raise LinkUnusable
    editor = session.get_one(Editor, reset.editor_id)
    if editor.disabled_at is not None:
        raise LinkUnusable
    return reset, editor


def finish_reset(
    session: Session, reset: PasswordReset, editor: Editor, *, password: str, newsroom: str, now: datetime
) -> None:
    """Set the new password, end all sessions, void every link of this editor. Raises WeakPassword."""
    set_password(session, editor, password, now=now, actor=editor, newsroom=newsroom)
    unused = (PasswordReset.editor_id == editor.id, PasswordReset.used_at.is_(None))
    session.execute(update(PasswordReset).where(*unused).values(used_at=now))
    reset.used_at = now

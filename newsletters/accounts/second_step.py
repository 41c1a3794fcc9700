"""The second step of signing in: the password was right, the code is owed.

Between the two a browser holds 256 random bits that open nothing; they are good for five minutes and for one
account, and void once its password, its second factor or its standing changes. Codes are counted as passwords
are (see signin.py), so that whoever has stolen a password can neither guess for long nor lock its owner out
of a browser that is known; the owner of the account is told by mail when somebody tries too often.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from newsletters.accounts import audit, factor_mail, passwords
from newsletters.accounts.factor_models import SignInStep
from newsletters.accounts.invitations import Letterhead
from newsletters.accounts.models import Editor
from newsletters.accounts.signin import PER_CLIENT, WINDOW, Attempt, client_network, known_browser
from newsletters.kernel.digests import Digester
from newsletters.kernel.limits import Limit, count, hit

GOOD_FOR = timedelta(minutes=5)
PER_STEP = Limit("code step", 5, timedelta(hours=1))
PER_KNOWN_BROWSER = Limit("code browser", 20, WINDOW)
PER_CLIENT_AND_ACCOUNT = Limit("code pair", 8, WINDOW)
PER_ACCOUNT = Limit("code account", 40, timedelta(days=1))
PER_KNOWN_ACCOUNT = Limit("code known account", 40, timedelta(days=1))


def begin_step(session: Session, editor: Editor, *, password: str, now: datetime) -> str:
    """Note that the password was right and return the cookie for the second step."""
    if passwords.is_outdated(editor.password_hash):
        editor.password_hash = passwords.hash_password(password)
    session.execute(delete(SignInStep).where(SignInStep.expires_at <= now))
    cookie = secrets.token_urlsafe(32)
    session.add(SignInStep(token_hash=_hash(cookie), editor_id=editor.id, expires_at=now + GOOD_FOR))
    audit.record(session, editor, "editor.code_asked", now=now, subject="editor", subject_id=editor.id)
    return cookie


def find_step(session: Session, cookie: str, *, now: datetime) -> Editor | None:
    """Who owes the code behind ``cookie``, while it may still be given."""
    step = session.get(SignInStep, _hash(cookie)) if cookie else None
    if step is None or now >= step.expires_at:
        return None
    editor = session.get_one(Editor, step.editor_id)
    return editor if editor.disabled_at is None and editor.has_second_factor else None


def end_step(session: Session, cookie: str) -> bool:
    """Use the step up; of two who come at once one gets it."""
    ended = session.scalars(
        delete(SignInStep).where(SignInStep.token_hash == _hash(cookie)).returning(SignInStep.editor_id)
    )
    return ended.first() is not None


def may_try_code(
    session: Session,
    editor: Editor,
    attempt: Attempt,
    *,
    cookie: str,
    digester: Digester,
    letterhead: Letterhead,
    now: datetime,
) -> bool:
    """Count the attempt and say whether its code may be looked at. ``attempt.email`` is not read."""
    account = str(editor.id)
    if not hit(session, PER_STEP, _hash(cookie), now=now):
        return False
    nonce = known_browser(attempt.browser, editor, signer=letterhead.signer, now=now)
    if nonce is not None:
        own, together = (PER_KNOWN_BROWSER, f"{account}:{nonce}"), PER_KNOWN_ACCOUNT
    else:
        client = digester.digest("sign-in", client_network(attempt.client))
        if not hit(session, PER_CLIENT, client, now=now):
            return False
        own, together = (PER_CLIENT_AND_ACCOUNT, digester.digest("code", f"{client} {account}")), PER_ACCOUNT
    if not hit(session, own[0], own[1], now=now):
        return False
    tried = count(session, [(together, account)], now=now)[0]
    if nonce is None and tried == together.most + 1:
        factor_mail.tell(session, editor, "guessed", letterhead=letterhead, now=now)
    return tried <= together.most


def turn_code_away(session: Session, editor: Editor, *, now: datetime) -> None:
    """Write down a wrong code."""
    audit.record(session, "somebody", "editor.code_failed", now=now, subject="editor", subject_id=editor.id)


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()

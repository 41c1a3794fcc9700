"""Who may try a password, and what follows from right and wrong ones.

Guessing is slowed down without handing a stranger the power to lock somebody out (OWASP ASVS 5.0, 6.1.1;
OWASP "device cookies"): a browser that has signed in before has an allowance of its own, which guesses
from elsewhere cannot spend. All other browsers share three: each client, each client at each account, and
all of them together at one account. Whoever meets the last one gets in through a mailed link, which also
makes their browser known.

The door counts the attempt, then compares the password outside any transaction (it takes tens of
milliseconds on purpose), then writes down what came of it.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy.orm import Session

from newsletters.accounts import audit, passwords, sessions
from newsletters.accounts.editors import editor_by_address
from newsletters.accounts.models import Editor
from newsletters.kernel.addresses import InvalidAddress, parse_address
from newsletters.kernel.digests import Digester
from newsletters.kernel.errors import DomainError
from newsletters.kernel.limits import Limit, hit
from newsletters.kernel.tokens import Purpose, Signer

WINDOW = timedelta(minutes=15)
PER_KNOWN_BROWSER = Limit("sign-in browser", 20, WINDOW)
PER_CLIENT = Limit("sign-in client", 60, WINDOW)
PER_CLIENT_AND_ACCOUNT = Limit("sign-in pair", 8, WINDOW)
PER_ACCOUNT = Limit("sign-in account", 100, timedelta(hours=1))
BROWSER_IS_KNOWN_FOR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody asks to be let in: the address as typed, the client's IP, the browser's own cookie."""

    email: str
    client: str
    browser: str = ""


def may_try(session: Session, attempt: Attempt, *, digester: Digester, signer: Signer, now: datetime) -> bool:
    """Count the attempt and say whether its password may be looked at."""
    account = digester.digest("sign-in", _key(attempt.email))
    editor = editor_by_address(session, attempt.email)
    nonce = known_browser(attempt.browser, editor, signer=signer, now=now)
    if nonce is not None:
        return hit(session, PER_KNOWN_BROWSER, f"{account}:{nonce}", now=now)
    client = digester.digest("sign-in", client_network(attempt.client))
    counted = (  # the pair first: one client that is over its own limit spends nothing of the account's
        (PER_CLIENT, client),
        (PER_CLIENT_AND_ACCOUNT, digester.digest("sign-in", f"{client} {account}")),
        (PER_ACCOUNT, account),
    )
    return all(hit(session, limit, key, now=now) for limit, key in counted)


def let_in(
    session: Session, editor: Editor, *, user_agent: str, now: datetime, password: str | None = None
) -> str:
    """Begin a session for somebody who gave the right password, or the code after it; return its cookie."""
    if password is not None and passwords.is_outdated(editor.password_hash):
        editor.password_hash = passwords.hash_password(password)
    sessions.forget_dead_sessions(session, now=now)
    audit.record(session, editor, "editor.signed_in", now=now, subject="editor", subject_id=editor.id)
    return sessions.open_session(session, editor, user_agent=user_agent, now=now)


def turn_away(session: Session, editor: Editor | None, *, now: datetime) -> None:
    """Write down a wrong password; an account that does not exist costs the same."""
    audit.record(
        session,
        "somebody",
        "editor.sign_in_failed",
        now=now,
        subject="editor",
        subject_id=editor.id if editor else None,
    )


def browser_cookie(editor: Editor, *, signer: Signer, now: datetime) -> str:
    """What makes a browser known from now on. It lets nobody in by itself."""
    expires_at = now + BROWSER_IS_KNOWN_FOR
    return signer.sign(Purpose.DESK_BROWSER, editor.id, secrets.randbits(63), expires_at=expires_at)


def client_network(client: str) -> str:
    """The client as it is counted: an IPv6 household has a whole /64 to itself."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(getattr(address, "ipv4_mapped", None) or address)


def known_browser(token: str, editor: Editor | None, *, signer: Signer, now: datetime) -> int | None:
    """The number of a browser that has signed in to this account before, None for any other."""
    if not token or editor is None:
        return None
    try:
        claims = signer.read(token, Purpose.DESK_BROWSER, now=now)
    except DomainError:
        return None
    editor_id, nonce = claims.ids
    return nonce if editor_id == editor.id else None


def _key(email: str) -> str:
    try:
        return parse_address(email).key
    except InvalidAddress:
        return email[:320].casefold()

"""How much mail a stranger may set off to an address nobody has vouched for.

Whoever can type an address must not be able to flood it (list bombing). Keys are keyed hashes: neither an
address nor a client is kept. A confirmed mail was wanted, so it gives the address's allowance back.

What depends on the address changes no answer, for the answer would tell about the address; what depends on
who posts is decided before, and aloud (guard.py).
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from newsletters.kernel.limits import ExactLimit, Limit, admit, forget, forgive, hit
from newsletters.subscribers.errors import TooManyPosts
from newsletters.subscribers.guard import client_digest
from newsletters.subscribers.means import Means

DAY, HOUR = timedelta(days=1), timedelta(hours=1)

SIGNUP_MAIL: Final = ExactLimit("sign-up mail", ((1, DAY), (3, timedelta(days=30))))
MAIL_AFTER_BOUNCE: Final = ExactLimit("mail after bounce", ((1, timedelta(days=30)),))
REMINDER: Final = ExactLimit("reminder", ((1, timedelta(days=30)),))
RENEWED_LINK: Final = ExactLimit("renewed link", ((5, DAY),))
PREFERENCES_MAIL: Final = ExactLimit("preferences mail", ((3, DAY),))
CHANGE_ASKED: Final = ExactLimit("address change", ((5, DAY),))

POSTS_FOR_ADDRESS: Final = Limit("posts for address", 20, DAY)
OF_ADDRESS: Final = (
    SIGNUP_MAIL,
    MAIL_AFTER_BOUNCE,
    REMINDER,
    RENEWED_LINK,
    PREFERENCES_MAIL,
    CHANGE_ASKED,
    POSTS_FOR_ADDRESS,
)
CODES_FROM_CLIENT: Final = Limit("codes from client", 30, HOUR)


def post_for_address_is_noted(session: Session, address_hash: str, *, now: datetime) -> bool:
    """Count one sign-up for an address; beyond some a day only what it changes is written down."""
    return hit(session, POSTS_FOR_ADDRESS, address_hash, now=now)


def count_code_try(session: Session, client: str, *, means: Means, now: datetime) -> None:
    """Count one try of a code against its client, or raise TooManyPosts."""
    if not hit(session, CODES_FROM_CLIENT, client_digest(means, client), now=now):
        raise TooManyPosts(until=CODES_FROM_CLIENT.window(now)[1])


def mail_is_allowed(session: Session, limit: ExactLimit, address_hash: str, *, now: datetime) -> bool:
    """Count one mail to an address against ``limit``."""
    return admit(session, limit, address_hash, now=now)


def reminder_is_allowed(session: Session, address_hash: str, *, now: datetime) -> bool:
    """Count one reminder to an address, which is a sign-up mail like any other, or leave no trace."""
    if not admit(session, REMINDER, address_hash, now=now):
        return False
    if admit(session, SIGNUP_MAIL, address_hash, now=now):
        return True
    forgive(session, REMINDER, address_hash)
    return False


def mail_was_wanted(session: Session, address_hash: str) -> None:
    """Give an address its allowance back: its owner has confirmed."""
    forgive(session, SIGNUP_MAIL, address_hash)


def forget_address(session: Session, address_hash: str) -> None:
    """Erase every count that is kept about an address."""
    forget(session, OF_ADDRESS, address_hash)

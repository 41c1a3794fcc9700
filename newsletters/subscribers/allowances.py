"""How much a stranger may set off: posts by client, and mail to an address nobody has vouched for.

Whoever can type an address must not be able to flood it (list bombing). Keys are keyed hashes: neither an
address nor a client is kept. A confirmed mail was wanted, so it gives the address's allowance back.

What depends on the client is refused aloud, alike for every address; what depends on the address changes
no answer, for the answer would tell about the address.
"""

from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from sqlalchemy.orm import Session

from newsletters.kernel.limits import ExactLimit, Limit, admit, forget, forgive, hit, hit_all
from newsletters.subscribers.errors import TooManyPosts
from newsletters.subscribers.means import Means

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)

SIGNUP_MAIL: Final = ExactLimit("sign-up mail", ((1, DAY), (3, timedelta(days=30))))
MAIL_AFTER_BOUNCE: Final = ExactLimit("mail after bounce", ((1, timedelta(days=30)),))
RENEWED_LINK: Final = ExactLimit("renewed link", ((5, DAY),))
PREFERENCES_MAIL: Final = ExactLimit("preferences mail", ((3, DAY),))
CHANGE_ASKED: Final = ExactLimit("address change", ((5, DAY),))

POSTS_FOR_ADDRESS: Final = Limit("posts for address", 20, DAY)
POSTS_FROM_CLIENT: Final = Limit("posts from client", 30, HOUR)
POSTS_FROM_NETWORK: Final = Limit("posts from network", 120, HOUR)
CODES_FROM_CLIENT: Final = Limit("codes from client", 30, HOUR)
MOST_PER_MINUTE: Final = 600

IPV4_NETWORK_BITS: Final = 24
IPV6_NETWORK_BITS: Final = 64  # what one household or one rented machine is given


def count_post(
    session: Session, client: str, *, means: Means, most_per_minute: int = MOST_PER_MINUTE, now: datetime
) -> None:
    """Count one post of a public form against its client, its network and everybody, or raise TooManyPosts.

    A refused post costs nothing: its transaction is rolled back, and the window that was full stays full.
    """
    counts = (
        (POSTS_FROM_CLIENT, client_digest(means, client)),
        (POSTS_FROM_NETWORK, means.digester.digest("network", _network(client))),
        (Limit("posts from everybody", most_per_minute, MINUTE), "all"),
    )
    for limit in hit_all(session, counts, now=now):
        raise TooManyPosts(until=limit.window(now)[1])


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


def mail_was_wanted(session: Session, address_hash: str) -> None:
    """Give an address its allowance back: its owner has confirmed."""
    forgive(session, SIGNUP_MAIL, address_hash)


def forget_address(session: Session, address_hash: str) -> None:
    """Erase every count that is kept about an address."""
    kept = (SIGNUP_MAIL, MAIL_AFTER_BOUNCE, RENEWED_LINK, PREFERENCES_MAIL, CHANGE_ASKED, POSTS_FOR_ADDRESS)
    forget(session, kept, address_hash)


def client_digest(means: Means, client: str) -> str:
    """A client as it may be stored: a keyed hash, cut to fit beside a limit's name."""
    return means.digester.digest("client", str(_parsed(client)))


def _parsed(client: str) -> IPv4Address | IPv6Address | str:
    try:
        address = ip_address(client)
    except ValueError:
        return "unknown"
    return getattr(address, "ipv4_mapped", None) or address


def _network(client: str) -> str:
    address = _parsed(client)
    if isinstance(address, str):
        return address
    bits = IPV4_NETWORK_BITS if address.version == 4 else IPV6_NETWORK_BITS
    return str(ip_network((address, bits), strict=False))

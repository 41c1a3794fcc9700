"""One policy for every public form: who gets in at once, who has to take a moment first, and who has to wait.

A post is counted against its client, the client's network, the form, the domain written to and everybody
together; never against the address, for the answer would tell about the address (allowances.py counts those,
behind the answer). Beyond the first bound of a count only a proof gets in (proofs.py): work that a person's
browser does in a second and a flood cannot afford, or a short wait. Beyond the second nobody does.

The bound on everybody together is the breaker: while it is passed, everyone is asked for a proof. So many
posts a minute at most get in without one, and so many confirmation mails at most can be set off by a crowd.
Operators are told by breaker.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from sqlalchemy.orm import Session

from newsletters.kernel.limits import Limit, count
from newsletters.subscribers.errors import ProofWanted, TooManyPosts
from newsletters.subscribers.mailboxes import is_large_provider
from newsletters.subscribers.means import Means

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MOST_PER_MINUTE: Final = 600
EASY_SHARE: Final = 5  # the breaker trips at a fifth of what is taken at most
IPV4_NETWORK_BITS: Final = 24
IPV6_NETWORK_BITS: Final = 64  # what one household or one rented machine is given


@dataclass(frozen=True, slots=True)
class Bound:
    """How many posts of one key get in freely in a window, and how many at all."""

    name: str
    per: timedelta
    easy: int
    most: int

    @property
    def limit(self) -> Limit:
        return Limit(self.name, self.most, self.per)


CLIENT: Final = Bound("posts from client", HOUR, 10, 30)
NETWORK: Final = Bound("posts from network", HOUR, 40, 120)
FORM: Final = Bound("posts of form", MINUTE, 60, 300)
DOMAIN: Final = Bound("posts for domain", HOUR, 120, 6_000)
EVERYBODY: Final = "posts from everybody"


@dataclass(frozen=True, slots=True)
class Post:
    """What the policy looks at; ``domain`` is the part of the address behind the @."""

    client: str
    form: str = ""
    domain: str = ""
    is_proven: bool = False


def admit(
    session: Session, post: Post, *, means: Means, now: datetime, most_per_minute: int = MOST_PER_MINUTE
) -> None:
    """Count a post and let it in, or raise ProofWanted or TooManyPosts.

    A refused post costs nothing: its transaction is rolled back, and the window that was full stays full.
    """
    everybody = Bound(EVERYBODY, MINUTE, easy_per_minute(most_per_minute), most_per_minute)
    counted = [*_keys(post, means), (everybody, "all")]
    hits = count(session, [(bound.limit, key) for bound, key in counted], now=now)
    passed = list(zip((bound for bound, _ in counted), hits, strict=True))
    for bound, number in passed:
        if number > bound.most:
            raise TooManyPosts(until=bound.limit.window(now)[1])
    wanting = [bound for bound, number in passed if number > bound.easy]
    if wanting and not post.is_proven:
        raise ProofWanted(is_attack=everybody in wanting)


def easy_per_minute(most_per_minute: int) -> int:
    """How many posts of everybody get in freely in a minute: beyond it the breaker trips."""
    return max(1, most_per_minute // EASY_SHARE)


def client_digest(means: Means, client: str) -> str:
    """A client as it may be stored: a keyed hash, cut to fit beside a limit's name."""
    return means.digester.digest("client", str(_parsed(client)))


def network_digest(means: Means, client: str) -> str:
    """A client's network as it may be stored."""
    return means.digester.digest("network", _network(client))


def _keys(post: Post, means: Means) -> Iterator[tuple[Bound, str]]:
    yield CLIENT, client_digest(means, post.client)
    yield NETWORK, network_digest(means, post.client)
    if post.form:
        yield FORM, means.digester.digest("form", post.form)
    if post.domain and not is_large_provider(post.domain):
        yield DOMAIN, means.digester.digest("domain", post.domain)


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

"""What can be wrong with a link before anybody looks at the row it names."""

from dataclasses import dataclass
from datetime import datetime

from newsletters.kernel.tokens import Purpose, TokenExpired, TokenForeign, TokenForged
from newsletters.subscribers.means import Means


@dataclass(frozen=True, slots=True)
class LinkForeign:
    """A link of ours that belongs to another page."""

    purpose: Purpose


@dataclass(frozen=True, slots=True)
class LinkBroken:
    """Not a link of ours, or cut or changed on its way."""


@dataclass(frozen=True, slots=True)
class LinkNames:
    """An intact link and the rows it names; ``is_expired`` where its time has passed."""

    ids: tuple[int, ...]
    is_expired: bool = False


def read_link(
    token: str, purpose: Purpose, *, means: Means, now: datetime
) -> LinkNames | LinkForeign | LinkBroken:
    """Check a token and put what is wrong with it into words a door can match on."""
    try:
        return LinkNames(means.signer.read(token, purpose, now=now).ids)
    except TokenExpired as expired:
        return LinkNames(expired.ids, is_expired=True)
    except TokenForeign as foreign:
        return LinkForeign(foreign.purpose)
    except TokenForged:
        return LinkBroken()

"""Which sign-ups one browser made: a short-lived signed cookie that names requests and nobody.

It lets the confirm page post itself in the browser that asked, where that is the reader's own click. By
itself it confirms nothing: the link from the mail is always needed too.
"""

from datetime import datetime, timedelta
from typing import Final

from newsletters.kernel.tokens import Purpose, TokenRefused
from newsletters.subscribers.means import Means

BROWSER_LIFETIME: Final = timedelta(hours=24)
MOST_REQUESTS: Final = 8


def remember(means: Means, cookie: str | None, request_id: int, *, now: datetime) -> str:
    """The cookie's next value: what it named before, and ``request_id``."""
    requests = dict.fromkeys((*remembered(means, cookie, now=now), request_id))
    return means.signer.sign(
        Purpose.BROWSER, *list(requests)[-MOST_REQUESTS:], expires_at=now + BROWSER_LIFETIME
    )


def remembered(means: Means, cookie: str | None, *, now: datetime) -> tuple[int, ...]:
    """The requests ``cookie`` names; none where it is missing, old or not ours."""
    if not cookie:
        return ()
    try:
        return means.signer.read(cookie, Purpose.BROWSER, now=now).ids
    except TokenRefused:
        return ()

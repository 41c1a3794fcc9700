"""What the door asks of Amazon: the certificates SNS signs with, and the word that a subscription stands.

Certificates are kept for a day. A failure is kept for a minute and fetches are few, so that nobody can make
us fetch by posting nonsense.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock
from typing import Final

from newsletters.api.pinned import FetchFailed, PinnedFetch
from newsletters.bounces.providers.report import NotGenuine
from newsletters.bounces.providers.sns import SnsMessage, is_subscribe_url

KEPT_SECONDS: Final = 24 * 3600.0
FAILURE_KEPT_SECONDS: Final = 60.0
MOST_CERTIFICATES: Final = 16
MOST_FETCHES_A_MINUTE: Final = 10


class Amazon:
    """One for the process; safe to share between threads."""

    def __init__(
        self, fetch: Callable[[str], bytes] | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch or PinnedFetch()
        self._monotonic = monotonic
        self._lock = Lock()
        self._kept: OrderedDict[str, tuple[float, bytes | None]] = OrderedDict()
        self._fetched: deque[float] = deque(maxlen=MOST_FETCHES_A_MINUTE)

    def certificate(self, message: SnsMessage) -> bytes:
        """The certificate ``message`` names, whose place was checked before. Raises FetchFailed."""
        url, now = message.certificate_url, self._monotonic()
        with self._lock:
            good_until, kept = self._kept.get(url, (0.0, None))
            if now < good_until:
                if kept is None:
                    raise FetchFailed("failed a moment ago")
                return kept
            self._pace(now)
        try:
            found = self._fetch(url)
        except FetchFailed:
            self._keep(url, None, now + FAILURE_KEPT_SECONDS)
            raise
        self._keep(url, found, now + KEPT_SECONDS)
        return found

    def confirm(self, message: SnsMessage) -> None:
        """Say that we want what this verified message offers. Raises NotGenuine, FetchFailed."""
        url = message.fields["SubscribeURL"]
        if not is_subscribe_url(url, host=message.host):
            raise NotGenuine("a subscription elsewhere")
        self._fetch(url)

    def _pace(self, now: float) -> None:
        if len(self._fetched) == MOST_FETCHES_A_MINUTE and now - self._fetched[0] < 60:
            raise FetchFailed("too many fetches")
        self._fetched.append(now)

    def _keep(self, url: str, found: bytes | None, until: float) -> None:
        with self._lock:
            self._kept[url] = (until, found)
            self._kept.move_to_end(url)
            while len(self._kept) > MOST_CERTIFICATES:
                self._kept.popitem(last=False)

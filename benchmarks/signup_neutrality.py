"""Does the time of a sign-up tell how an address stands? It must not: the medians differ by under 5 ms.

Signs up addresses of five kinds (unknown, pending, active, unsubscribed, suppressed) in turn, each in its
own durable transaction on a database of its own, and compares the medians. Run it on a quiet machine:

    .venv/bin/python -m benchmarks.signup_neutrality [samples of each kind] [database URL]
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from sqlalchemy.orm import Session

from newsletters.kernel.addresses import parse_address
from newsletters.kernel.db import Database
from newsletters.kernel.digests import Digester
from newsletters.kernel.tokens import Signer
from newsletters.kernel.urls import Urls
from newsletters.migrations import upgrade
from newsletters.publishing.models import Newsletter
from newsletters.subscribers.intake import Signup, note_signup
from newsletters.subscribers.models import Subscriber, Subscription, SubscriptionState
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import SuppressionReason

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LARGEST_GAP_MS = 5.0
MEANS = SimpleNamespace(
    signer=Signer([b"k" * 40]), digester=Digester(b"h" * 40), urls=Urls("http://localhost")
)
Prepare = Callable[[Session, str, int], None]


def unknown(_session: Session, _email: str, _newsletter: int) -> None:
    """Nothing is known about the address."""


def standing(state: SubscriptionState) -> Prepare:
    """A reader who stands so since a month."""

    def prepare(session: Session, email: str, newsletter: int) -> None:
        key = parse_address(email).key
        subscriber = Subscriber(
            email=email, email_key=key, address_hash=MEANS.digester.address(key), created_at=NOW
        )
        session.add(subscriber)
        session.flush()
        confirmed_at = None if state is SubscriptionState.PENDING else NOW - timedelta(days=30)
        session.add(
            Subscription(
                subscriber_id=subscriber.id,
                newsletter_id=newsletter,
                state=state,
                requested_at=NOW - timedelta(days=30),
                confirmed_at=confirmed_at,
            )
        )

    return prepare


def suppressed(session: Session, email: str, newsletter: int) -> None:
    standing(SubscriptionState.COMPLAINED)(session, email, newsletter)
    digest = MEANS.digester.address(parse_address(email).key)
    suppress(session, address_hash=digest, reason=SuppressionReason.COMPLAINT, now=NOW)


KINDS: dict[str, Prepare] = {
    "unknown": unknown,
    "pending": standing(SubscriptionState.PENDING),
    "active": standing(SubscriptionState.ACTIVE),
    "unsubscribed": standing(SubscriptionState.UNSUBSCRIBED),
    "suppressed": suppressed,
}


def measure(db: Database, samples: int) -> dict[str, list[float]]:
    """Milliseconds of each sign-up by kind; the kinds take turns, so that all meet the same weather."""
    with db.transaction() as session:
        newsletter = Newsletter(
            slug="news", name="News", sender_name="News", sender_email="news@newsroom.example", created_at=NOW
        )
        session.add(newsletter)
        session.flush()
        for kind, prepare in KINDS.items():
            for number in range(samples):
                prepare(session, f"{kind}{number}@readers.example", newsletter.id)
    times: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for number in range(samples):
        for place, kind in enumerate(KINDS):
            client = f"10.{place}.{number // 250}.{number % 250}"
            post = Signup(f"{kind}{number}@readers.example", [newsletter.id], client)
            times[kind].append(timed(db, post, number * len(KINDS) + place))
    return times


def timed(db: Database, post: Signup, minutes: int) -> float:
    now = NOW + timedelta(minutes=minutes)  # a new minute each, so that no limit is met
    began = time.perf_counter()
    with db.transaction() as session:
        note_signup(session, post, means=MEANS, now=now)
    return (time.perf_counter() - began) * 1000


def main() -> int:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as folder:
        default = f"sqlite:///{Path(folder) / 'newsletters.sqlite3'}"
        db = Database(sys.argv[2] if len(sys.argv) > 2 else default)
        upgrade(db.engine)
        times = measure(db, samples)
        db.close()
    medians = {kind: statistics.median(found) for kind, found in times.items()}
    for kind, found in times.items():
        print(
            f"{kind:13} median {medians[kind]:7.2f} ms   p95 {statistics.quantiles(found, n=20)[-1]:7.2f} ms"
        )
    gap = max(medians.values()) - min(medians.values())
    print(f"largest gap between medians: {gap:.2f} ms (at most {LARGEST_GAP_MS:.0f} ms)")
    return 0 if gap < LARGEST_GAP_MS else 1


if __name__ == "__main__":
    sys.exit(main())

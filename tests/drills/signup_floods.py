"""The sign-up form under attack: thousands of posts for one address, and for as many addresses.

The victim of a list bombing gets one mail and may sign up for themselves. A flood of strangers sets off no
more mails than the breaker lets in, and whoever is real gets theirs while it lasts.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from newsletters.kernel.tokens import Purpose
from newsletters.mail.models import OutboxMail
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import guard
from newsletters.subscribers.models import (
    Confirmation,
    PostedForm,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from tests.drills.drill import Verdict, counted
from tests.drills.flooding import TAKEN, Flood, ReadersInBetween, client, sign_up
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import wait_until
from tests.drills.stage import Stage, now
from tests.drills.visitors import post
from tests.factories import make_newsletter

VICTIM: Final = "victim@ukr.net"
OWN: Final = "what-the-victim-wants"
MINUTE: Final = timedelta(minutes=1)
VICTIMS_OWN_CLIENT: Final = 7_000_000


@dataclass(frozen=True, kw_only=True)
class SignupFloods:
    """``per_minute`` is SIGNUPS_PER_MINUTE; a fifth of it gets in without a proof."""

    for_one: int = 10_000
    clients: int = 1_000
    for_many: int = 100_000
    per_minute: int = 600
    longest: timedelta = MINUTE

    def __call__(self, ground: Ground) -> Verdict:
        with ground.stage(Readers(1), SIGNUPS_PER_MINUTE=str(self.per_minute)) as stage:
            with stage.runtime.db.transaction() as session:
                make_newsletter(session, slug=OWN, name="What the victim wants")
            url = stage.serve()
            stage.workers(1)
            one = Flood(url, (VICTIM for _ in range(self.for_one)), self.clients).run()
            _wait_for_calm(stage)
            victims_mails = _mails(stage, VICTIM)
            is_in = _signs_up_themselves(stage, url)
            began = now()
            many = Flood(url, map(_stranger, range(self.for_many)), self.for_many // 5)
            with ReadersInBetween(url) as readers:
                many.run()
            _wait_for_calm(stage)
            mails, most = _mails(stage, "stranger"), self._most(began, many.seconds)
            waits = [_waited(stage, email, since) for email, since in readers.since.items()]
        slowest = max((wait or timedelta.max for wait in waits), default=timedelta.max)
        return Verdict(
            passed=(
                victims_mails == 1
                and is_in
                and not one.statuses[0]
                and not many.statuses[0]
                and mails <= most
                and not readers.refused
                and slowest <= self.longest
            ),
            figure=(
                f"{self.for_one:,} posts for one address: {counted(victims_mails, 'mail')}, and its owner "
                f"{'signed up' if is_in else 'was locked out'}; {self.for_many:,} posts for strangers in "
                f"{many.seconds:.0f} s: {counted(mails, 'mails')} of {most:,} at most; {len(waits)} readers "
                f"in between, the last mail after {slowest.total_seconds():.1f} s"
            ),
            limit=f"1 mail, no lock-out; {guard.easy_per_minute(self.per_minute)} mails in each minute; "
            f"{self.longest.total_seconds():.0f} s",
        )

    def _most(self, began: datetime, seconds: float) -> int:
        """What the breaker lets in freely in every minute of the clock that the flood touched."""
        first, last = (moment.timestamp() // 60 for moment in (began, began + timedelta(seconds=seconds)))
        return guard.easy_per_minute(self.per_minute) * int(last - first + 1)


def _stranger(number: int) -> str:
    return f"stranger.{number}@gmail.com"


def _wait_for_calm(stage: Stage) -> None:
    """Until every posted form is taken and every mail has left."""
    waiting = select(func.count()).select_from(PostedForm)
    unsent = select(func.count()).select_from(OutboxMail).where(OutboxMail.settled_at.is_(None))

    def is_calm() -> bool:
        with stage.runtime.db.reading() as session:
            return not session.scalar(waiting) and not session.scalar(unsent)

    wait_until(is_calm, seconds=300, what="all mail to have left")


def _mails(stage: Stage, beginning: str) -> int:
    """How many mails went to addresses that begin so."""
    sent = select(func.count()).where(OutboxMail.recipient.startswith(beginning, autoescape=True))
    with stage.runtime.db.reading() as session:
        return session.scalar(sent) or 0


def _waited(stage: Stage, email: str, since: datetime) -> timedelta | None:
    """How long after the first post a server had accepted the reader's mail; None where none did."""
    with stage.runtime.db.reading() as session:
        at = session.scalar(select(OutboxMail.settled_at).where(OutboxMail.recipient == email))
    return at - since if at else None


def _signs_up_themselves(stage: Stage, url: str) -> bool:
    """The victim asks for another newsletter, and the mail that is in their mailbox already confirms it."""
    if sign_up(url, VICTIM, newsletter=OWN, address=client(VICTIMS_OWN_CLIENT)) != TAKEN:
        return False
    _wait_for_calm(stage)
    runtime = stage.runtime
    with runtime.db.reading() as session:
        mailed = session.scalars(
            select(Confirmation)
            .join(Subscriber, Subscriber.id == Confirmation.subscriber_id)
            .where(Subscriber.email == VICTIM)
        ).one()
    token = runtime.signer.sign(Purpose.CONFIRM, mailed.id, expires_at=mailed.expires_at)
    post(url, f"/confirm/{token}", {})
    wanted = (
        select(Subscription.state)
        .join(Newsletter, Newsletter.id == Subscription.newsletter_id)
        .where(Newsletter.slug == OWN, Subscription.subscriber_id == mailed.subscriber_id)
    )
    with runtime.db.reading() as session:
        return session.scalar(wanted) is SubscriptionState.ACTIVE

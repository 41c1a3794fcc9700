"""How many left a newsletter, and what those who said why have said. Nobody can be found by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.reports.plots import Part
from newsletters.subscribers.count_models import LeavingReason, Reason
from newsletters.subscribers.models import Subscription, SubscriptionState

MOST_WORDS: Final = 100
TONES: Final = {
    Reason.TOO_MANY: "warn",
    Reason.NOT_FOR_ME: "info",
    Reason.ELSEWHERE: "good",
    Reason.HARD_TO_READ: "neutral",
    Reason.NEVER_ASKED: "bad",
    Reason.OTHER: "faint",
}


@dataclass(frozen=True, slots=True)
class Leaving:
    """How many left, how often each reason was given, and what was written, the newest first."""

    left: int
    reasons: dict[Reason, int]
    words: Sequence[LeavingReason]

    @property
    def answers(self) -> int:
        return sum(self.reasons.values())

    def parts(self, names: dict[Reason, str]) -> list[Part]:
        """The reasons as parts of a whole."""
        return [Part(names[reason], self.reasons[reason], TONES[reason]) for reason in Reason]


def leaving(session: Session, *, since: date, newsletter_id: int | None = None) -> Leaving:
    """All of it since a day (UTC)."""
    counted = select(LeavingReason.reason, func.count()).group_by(LeavingReason.reason)
    written = select(LeavingReason).where(LeavingReason.words != "").order_by(LeavingReason.id.desc())
    left = select(func.count()).where(
        Subscription.state == SubscriptionState.UNSUBSCRIBED,
        Subscription.ended_at >= datetime.combine(since, time(), UTC),
    )
    if newsletter_id is not None:
        counted = counted.where(LeavingReason.newsletter_id == newsletter_id)
        written = written.where(LeavingReason.newsletter_id == newsletter_id)
        left = left.where(Subscription.newsletter_id == newsletter_id)
    told = dict(session.execute(counted.where(LeavingReason.on >= since)).all())
    words = session.scalars(written.where(LeavingReason.on >= since).limit(MOST_WORDS)).all()
    return Leaving(session.scalar(left) or 0, {reason: told.get(reason, 0) for reason in Reason}, words)

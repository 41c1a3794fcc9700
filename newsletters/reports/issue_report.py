"""What became of an issue: outcomes that add up, what it brought and cost, and how that compares.

Everything is counted from the rows themselves; nothing is estimated. Opens are not measured.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletters.bounces.models import Complaint
from newsletters.delivery import counts
from newsletters.delivery.models import DeliveryState
from newsletters.publishing.issue_queries import last_sent
from newsletters.publishing.models import Issue
from newsletters.reports.plots import Part, Series
from newsletters.subscribers.count_models import FunnelCount
from newsletters.subscribers.funnel import without_query
from newsletters.subscribers.models import Subscription

BUCKETS: Final = 60
LEAVING_DAYS: Final = 14
COMPARED: Final = 10
TONES: Final = {
    DeliveryState.ACCEPTED: "good",
    DeliveryState.BOUNCED: "bad",
    DeliveryState.FAILED: "warn",
    DeliveryState.UNKNOWN: "info",
    DeliveryState.WAITING: "neutral",
    DeliveryState.CANCELLED: "faint",
}


@dataclass(frozen=True, slots=True)
class Effects:
    """What an issue set in motion beside its arrival."""

    unsubscribed: int
    complaints: int
    signed_up: int


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the newsletter's issues, as shares of those it was prepared for and of those who got it."""

    issue: Issue
    prepared: int
    accepted: int
    bounced: int
    unsubscribed: int
    complaints: int

    @property
    def accepted_share(self) -> float:
        return self.accepted / self.prepared if self.prepared else 0.0

    @property
    def bounced_share(self) -> float:
        return self.bounced / self.prepared if self.prepared else 0.0

    @property
    def unsubscribed_share(self) -> float:
        return self.unsubscribed / self.accepted if self.accepted else 0.0

    @property
    def complaint_share(self) -> float:
        return self.complaints / self.accepted if self.accepted else 0.0


def effects(session: Session, issue: Issue, *, page: str) -> Effects:
    """Who left because of ``issue``, who complained, and who confirmed a sign-up made on its ``page``."""
    left = _by_issue(session, Subscription.unsubscribed_by_issue_id, [issue.id])
    complained = _by_issue(session, Complaint.issue_id, [issue.id])
    return Effects(left.get(issue.id, 0), complained.get(issue.id, 0), _signed_up(session, issue, page))


def accepted_over_time(session: Session, issue: Issue, *, name: str) -> Series:
    """How many had been accepted by when, in at most ``BUCKETS`` steps of whole seconds."""
    accepted = counts.accepted_in(session, issue.id)
    if not accepted:
        return Series(name, [])
    first, last = min(accepted), max(accepted)
    start = min(int(issue.started_at.timestamp()) if issue.started_at else first, first)
    width = max(1, round((last - start) / BUCKETS))
    steps: Counter[int] = Counter()
    for second, readers in accepted.items():
        steps[(second - start) // width] += readers
    points, total = [(datetime.fromtimestamp(start, UTC), 0.0)], 0
    for number, readers in sorted(steps.items()):
        total += readers
        at = min(start + width * (number + 1), last + 1)
        points.append((datetime.fromtimestamp(at, UTC), float(total)))
    return Series(name, points, "good")


def leaving_over_time(session: Session, issue: Issue, *, name: str) -> Series:
    """Unsubscribes by this issue, day by day from its sending on."""
    began = issue.started_at or issue.edited_at
    ended = session.scalars(
        select(Subscription.ended_at).where(
            Subscription.unsubscribed_by_issue_id == issue.id,
            Subscription.ended_at >= began,
            Subscription.ended_at < began + timedelta(days=LEAVING_DAYS),
        )
    )
    days = [0] * LEAVING_DAYS
    last = 0
    for at in ended:
        if at is not None:
            days[(at - began).days] += 1
            last = max(last, (at - began).days)
    shown = days[: last + 1] if any(days) else []
    return Series(
        name, [(began + timedelta(days=day), float(count)) for day, count in enumerate(shown)], "warn"
    )


def outcome_parts(counts: Iterable[tuple[DeliveryState, str, int]]) -> list[Part]:
    """The outcomes as parts of a bar, named as given."""
    return [Part(name, readers, TONES[state]) for state, name, readers in counts]


def compared(session: Session, issue: Issue, *, most: int = COMPARED) -> Sequence[Compared]:
    """The newsletter's last issues, the newest first, this one among them if it was sent."""
    issues = [listed.issue for listed in last_sent(session, newsletter_id=issue.newsletter_id, most=most)]
    ids = [one.id for one in issues]
    states = counts.by_issue(session, ids)
    left = _by_issue(session, Subscription.unsubscribed_by_issue_id, ids)
    complaints = _by_issue(session, Complaint.issue_id, ids)
    return [
        Compared(
            issue=one,
            prepared=sum(states[one.id].values()),
            accepted=states[one.id][DeliveryState.ACCEPTED],
            bounced=states[one.id][DeliveryState.BOUNCED],
            unsubscribed=left.get(one.id, 0),
            complaints=complaints.get(one.id, 0),
        )
        for one in issues
    ]


def _by_issue(
    session: Session, column: InstrumentedAttribute[int | None], issue_ids: list[int]
) -> dict[int, int]:
    counted = select(column, func.count()).where(column.in_(issue_ids)).group_by(column)
    return {issue_id: number for issue_id, number in session.execute(counted) if issue_id is not None}


def _signed_up(session: Session, issue: Issue, page: str) -> int:
    """Sign-ups for the newsletter that were made on the issue's own page and confirmed."""
    counted = select(func.coalesce(func.sum(FunnelCount.confirmed), 0)).where(
        FunnelCount.newsletter_id == issue.newsletter_id, FunnelCount.page == without_query(page)
    )
    return session.execute(counted).scalar_one()

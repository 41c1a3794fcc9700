"""What came back about an issue, hour by hour: dead addresses, full mailboxes, refusals of us, complaints."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, cast, extract, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from newsletters.bounces.models import Bounce, BounceKind, Complaint
from newsletters.publishing.models import Issue
from newsletters.reports.plots import Series

COMPLAINTS: Final = "complaints"
SHOWN: Final = {
    BounceKind.HARD.value: "bad",
    BounceKind.SOFT.value: "warn",
    BounceKind.POLICY.value: "info",
    COMPLAINTS: "accent",
}
HOUR_SECONDS: Final = 3600
LONGEST: Final = timedelta(days=14)
WORTH_A_PLOT: Final = 3  # a table says two or three better


def returned_over_time(session: Session, issue: Issue, *, names: Mapping[str, str]) -> Sequence[Series]:
    """One rising line for each kind of which anything came back; none where it is too little to draw."""
    began = issue.started_at or issue.edited_at
    by_kind = {kind: _by_hour(session, issue.id, began, kind) for kind in SHOWN}
    if sum(sum(hours.values()) for hours in by_kind.values()) < WORTH_A_PLOT:
        return []
    last = max(hour for hours in by_kind.values() for hour in hours)
    return [
        Series(names[kind], _rising(hours, began, last), SHOWN[kind])
        for kind, hours in by_kind.items()
        if hours
    ]


def _by_hour(session: Session, issue_id: int, began: datetime, kind: str) -> dict[int, int]:
    """How many readers' mail came back so, by whole hours since the epoch."""
    if kind == COMPLAINTS:
        hour = _hour(Complaint.at)
        counted = select(hour, func.count()).where(Complaint.issue_id == issue_id)
        counted = counted.where(Complaint.at < began + LONGEST)
    else:
        hour = _hour(Bounce.at)
        counted = select(hour, func.count()).where(
            Bounce.issue_id == issue_id, Bounce.kind == BounceKind(kind)
        )
        counted = counted.where(Bounce.at < began + LONGEST)
    return {int(at): readers for at, readers in session.execute(counted.group_by(hour))}


def _hour(at: InstrumentedAttribute[datetime]) -> ColumnElement[int]:
    return cast(extract("epoch", at), BigInteger) // HOUR_SECONDS


def _rising(hours: Mapping[int, int], began: datetime, last: int) -> list[tuple[datetime, float]]:
    points, total = [(began, 0.0)], 0
    for hour, readers in sorted(hours.items()):
        total += readers
        points.append((datetime.fromtimestamp((hour + 1) * HOUR_SECONDS, UTC), float(total)))
    end = datetime.fromtimestamp((last + 1) * HOUR_SECONDS, UTC)
    return points if points[-1][0] >= end else [*points, (end, float(total))]

"""Shares that providers judge a newsroom by: complaints and dead addresses among an issue's messages.

The large providers ask for fewer complaints than one in a thousand and stop taking mail above three in a
thousand. The first is told to the editors, the second also pauses the issue. A handful of events is no
share: limits begin with a least number. Over the whole issue complaints are looked at with each one that
comes; at single providers, which takes counting, every minute.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from babel.numbers import format_decimal
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from newsletters.accounts.queries import active_editors
from newsletters.bounces.models import Bounce, BounceKind, Complaint, Level, Measure, RateAlert
from newsletters.bounces.policy import LIMITS, passed
from newsletters.delivery import counts
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.publishing.lifecycle import newsletter_of, pause
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.subscribers.models import Subscriber

OUT_OF: Final = {
    Measure.COMPLAINTS: (DeliveryState.ACCEPTED,),
    Measure.HARD_BOUNCES: (DeliveryState.ACCEPTED, DeliveryState.BOUNCED),
}
WATCHED_FOR: Final = timedelta(days=7)  # complaints trickle in for days
MAIL_KIND: Final = "rate_alert"


@dataclass(frozen=True, slots=True)
class Share:
    """How many events there were among how many messages handed over; ``provider`` empty means everywhere."""

    issue_id: int
    measure: Measure
    provider: str
    events: int
    accepted: int


def watch_complaints(session: Session, issue_id: int, *, now: datetime) -> None:
    """Alert and pause where an issue's complaints pass a limit."""
    measure = Measure.COMPLAINTS
    readers = select(func.count(func.distinct(Complaint.subscriber_id)))
    complaints = session.scalar(readers.where(Complaint.issue_id == issue_id)) or 0
    if complaints >= LIMITS[measure, Level.ALERT][0]:
        handed_over = _handed_over(session, issue_id, measure)
        note(session, Share(issue_id, measure, "", complaints, handed_over), now=now)


def shares(session: Session, *, providers: Mapping[str, str], now: datetime) -> list[Share]:
    """Every share worth looking at of what was mailed lately. Only reads, and may read much.

    ``providers`` says which domains belong together; any other stands for itself.
    """
    found = []
    for measure, table in ((Measure.COMPLAINTS, Complaint), (Measure.HARD_BOUNCES, Bounce)):
        least = LIMITS[measure, Level.ALERT][0]
        events = _events(session, table, since=now - WATCHED_FOR)
        total, apart = Counter[int](), Counter[tuple[int, str]]()
        for issue_id, domain, readers in events:
            total[issue_id] += readers
            apart[issue_id, providers.get(domain, domain)] += readers
        found += [
            Share(i, measure, "", n, _handed_over(session, i, measure))
            for i, n in total.items()
            if n >= least
        ]
        for (issue_id, provider), readers in apart.items():
            if provider and readers >= least:
                domains = {provider, *(name for name, key in providers.items() if key == provider)}
                base = _handed_over_at(session, issue_id, measure, domains)
                found.append(Share(issue_id, measure, provider, readers, base))
    return found


def note(session: Session, share: Share, *, now: datetime) -> Level | None:
    """Keep a share that passes a limit, tell the editors once, and pause an issue that is going out."""
    level = passed(share.measure, share.events, share.accepted)
    if level is None:
        return None
    known = _known(session, share, level)
    is_worse = known is not None and share.events >= 2 * known.events
    if known is None or is_worse:
        if level is Level.PAUSE:
            _pause(session, share, now=now)
        _tell(session, share, level, now=now)
    if known is None:
        session.add(_row(share, level, now))
    elif is_worse:
        known.events, known.accepted, known.at = share.events, share.accepted, now
    session.flush()
    return level


def alerts_of(session: Session, issue_id: int) -> Sequence[RateAlert]:
    """What was found of one issue, the gravest first."""
    found = select(RateAlert).where(RateAlert.issue_id == issue_id)
    return session.scalars(found.order_by(RateAlert.level.desc(), RateAlert.provider)).all()


def recent_alerts(session: Session, *, now: datetime) -> Sequence[RateAlert]:
    """What was found lately, the newest first."""
    found = select(RateAlert).where(RateAlert.at > now - WATCHED_FOR)
    return session.scalars(found.order_by(RateAlert.at.desc(), RateAlert.id.desc()).limit(20)).all()


def _known(session: Session, share: Share, level: Level) -> RateAlert | None:
    return session.scalar(
        select(RateAlert)
        .where(
            RateAlert.issue_id == share.issue_id,
            RateAlert.measure == share.measure,
            RateAlert.provider == share.provider,
            RateAlert.level == level,
        )
        .with_for_update()
    )


def _row(share: Share, level: Level, now: datetime) -> RateAlert:
    return RateAlert(
        issue_id=share.issue_id,
        measure=share.measure,
        provider=share.provider,
        level=level,
        events=share.events,
        accepted=share.accepted,
        at=now,
    )


def _pause(session: Session, share: Share, *, now: datetime) -> None:
    issue = session.get(Issue, share.issue_id, with_for_update=True, populate_existing=True)
    if issue is None or issue.state is not IssueState.SENDING:
        return
    pause(session, issue, reason=PauseReason.COMPLAINTS, detail=in_figures(share), now=now)


def in_figures(share: Share) -> str:
    """The share without words, for a column that every language shows."""
    at = f" @ {share.provider}" if share.provider else ""
    return f"{share.events} / {share.accepted}{at}"


def _tell(session: Session, share: Share, level: Level, *, now: datetime) -> None:
    issue = session.get(Issue, share.issue_id)
    if issue is None:
        return
    newsletter = newsletter_of(session, issue)
    params = {
        "issue_id": issue.id,
        "subject": issue.subject,
        "newsletter": newsletter.name,
        "measure": share.measure.value,
        "provider": share.provider,
        "events": share.events,
        "accepted": share.accepted,
        "percent": format_decimal(
            100 * share.events / max(share.accepted, 1), "0.00", locale=newsletter.language
        ),
        "is_paused": level is Level.PAUSE and issue.state is IssueState.PAUSED,
    }
    for editor in active_editors(session):
        queue(session, QueuedMail(MAIL_KIND, editor.email, newsletter.language, params), now=now)


def _events(
    session: Session, table: type[Complaint] | type[Bounce], *, since: datetime
) -> list[tuple[int, str, int]]:
    """Issues with domains, and how many readers there came back lately."""
    recent = select(table.issue_id).where(table.at > since, table.issue_id.is_not(None)).distinct()
    mine: list[ColumnElement[bool]] = [table.issue_id.in_(recent)]
    if table is Bounce:
        mine.append(Bounce.kind == BounceKind.HARD)
    readers = func.count(func.distinct(table.subscriber_id))
    counted = select(table.issue_id, table.domain, readers).where(*mine)
    rows = session.execute(counted.group_by(table.issue_id, table.domain))
    return [(issue_id, domain, number) for issue_id, domain, number in rows if issue_id]


def _handed_over(session: Session, issue_id: int, measure: Measure) -> int:
    by_state = counts.by_state(session, issue_id)
    return sum(by_state.get(state, 0) for state in OUT_OF[measure])


def _handed_over_at(session: Session, issue_id: int, measure: Measure, domains: Iterable[str]) -> int:
    counted = (
        select(func.count())
        .select_from(Delivery)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(
            Delivery.issue_id == issue_id,
            Delivery.state.in_(OUT_OF[measure]),
            or_(*(Subscriber.email_key.endswith(f"@{domain}", autoescape=True) for domain in domains)),
        )
    )
    return session.scalar(counted) or 0

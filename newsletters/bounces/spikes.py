"""Hours in which suspiciously many addresses of one domain came back dead: their suppressions are held.

From the eleventh dead address in an hour on, nobody there is stopped before it is known how many messages
went there (counted outside of the transactions that bring bounces, within a minute). Few: each address is
dead. Many: the provider is out of order, and even the first ten, and those of the hours beside it, are
taken back. An editor or time ends the hold.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from newsletters.bounces.models import Bounce, BounceKind, BounceSpike, SpikeVerdict
from newsletters.bounces.policy import HOLD_FOR, SPIKE_LEAST, SPIKE_WINDOW, is_spike
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.kernel.db import insert_into
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.subscribers.models import Subscriber

HeldHours = Collection[tuple[str, datetime]]
WATCHED_FOR: Final = timedelta(hours=6)  # how long the share of an open spike is counted again
COUNTED_AGAIN: Final = timedelta(minutes=5)
SETTLED: Final = (
    DeliveryState.ACCEPTED,
    DeliveryState.BOUNCED,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
)


def hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def suspect(session: Session, bounce: Bounce, *, now: datetime) -> None:
    """Hold what the hour of a hard bounce at its domain brought if there is much of it."""
    hour = hour_of(bounce.at)
    spike = _spike(session, bounce.domain, hour)
    if spike is not None and spike.verdict is not SpikeVerdict.ORDINARY:
        return
    hard = _hard(session, bounce.domain, hour)
    if spike is not None:
        if is_spike(hard, spike.sent):
            spike.verdict = spike.judged_at = spike.closed_at = None
        return
    if hard <= SPIKE_LEAST:
        return
    session.execute(
        insert_into(session, BounceSpike)
        .values(domain=bounce.domain, hour=hour, hard=hard, sent=0, opened_at=now)
        .on_conflict_do_nothing(index_elements=["domain", "hour"])
    )


def held_hours(session: Session, hours: Collection[tuple[str, datetime]]) -> HeldHours:
    """Those of ``hours`` (with their domains) in or beside a spike whose suppressions are held."""
    domains = {domain for domain, _hour in hours if domain}
    if not domains:
        return frozenset()
    rows = session.execute(
        select(BounceSpike.domain, BounceSpike.hour, BounceSpike.verdict).where(
            BounceSpike.domain.in_(domains),
            BounceSpike.hour >= min(hour for _domain, hour in hours) - SPIKE_WINDOW,
            BounceSpike.hour <= max(hour for _domain, hour in hours) + SPIKE_WINDOW,
        )
    )
    verdicts = {(domain, hour): verdict for domain, hour, verdict in rows}
    return frozenset(one for one in hours if _is_held(one, verdicts))


def _is_held(one: tuple[str, datetime], verdicts: dict[tuple[str, datetime], SpikeVerdict | None]) -> bool:
    domain, hour = one
    if verdicts.get(one) is SpikeVerdict.CONDEMNED:
        return False
    beside = [(domain, hour + step * SPIKE_WINDOW) for step in (-1, 0, 1)]
    return any(verdicts[there] in (None, SpikeVerdict.FORGIVEN) for there in beside if there in verdicts)


def unjudged(session: Session, *, now: datetime) -> Sequence[int]:
    """The held spikes whose share is to be counted, for the first time or again while mail still goes out."""
    due = or_(
        BounceSpike.judged_at.is_(None),
        (BounceSpike.judged_at <= now - COUNTED_AGAIN) & (BounceSpike.opened_at > now - WATCHED_FOR),
    )
    found = select(BounceSpike.id).where(BounceSpike.verdict.is_(None), due)
    return session.scalars(found.order_by(BounceSpike.id)).all()


def held(session: Session) -> Sequence[BounceSpike]:
    """The spikes known to be such whose suppressions are held, the newest first."""
    found = select(BounceSpike).where(BounceSpike.verdict.is_(None), BounceSpike.judged_at.is_not(None))
    return session.scalars(found.order_by(BounceSpike.hour.desc(), BounceSpike.domain).limit(50)).all()


def count(session: Session, spike_id: int) -> tuple[int, int]:
    """Dead addresses of a spike, and messages to its domain of the issues that brought them. Reads much."""
    spike = session.get_one(BounceSpike, spike_id)
    of_spike = _within(spike.domain, spike.hour)
    issues = session.scalars(select(Bounce.issue_id).where(*of_spike).distinct()).all()
    at_domain = f"@{spike.domain}"
    of_issues = (
        select(func.count())
        .select_from(Delivery)
        .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
        .where(
            Delivery.issue_id.in_([number for number in issues if number is not None]),
            Delivery.state.in_(SETTLED),
            Subscriber.email_key.endswith(at_domain, autoescape=True),
        )
    )
    single = select(func.count()).where(
        OutboxMail.state != OutboxState.WAITING,
        OutboxMail.settled_at >= spike.hour - SPIKE_WINDOW,
        OutboxMail.settled_at < spike.hour + SPIKE_WINDOW,
        func.lower(OutboxMail.recipient).endswith(at_domain, autoescape=True),
    )
    sent = (session.scalar(of_issues) or 0) + (session.scalar(single) or 0)
    return _hard(session, spike.domain, spike.hour), sent


def judge(session: Session, spike_id: int, *, hard: int, sent: int, now: datetime) -> None:
    """Say what the counted share means; whoever bounced then is weighed afresh."""
    spike = session.get_one(BounceSpike, spike_id, with_for_update=True)
    if spike.verdict is not None:
        return
    was_judged = spike.judged_at is not None
    spike.hard, spike.sent, spike.judged_at = hard, sent, now
    if not is_spike(hard, sent):
        close(session, spike, SpikeVerdict.ORDINARY, editor_id=None, now=now)
    elif not was_judged:
        _weigh_again(session, spike)


def close(
    session: Session, spike: BounceSpike, verdict: SpikeVerdict, *, editor_id: int | None, now: datetime
) -> None:
    """End a hold; whoever bounced then is weighed afresh. Twice changes nothing."""
    if spike.verdict is not None:
        return
    spike.verdict, spike.closed_at, spike.closed_by_id = verdict, now, editor_id
    session.flush()
    _weigh_again(session, spike)


def end_old_holds(session: Session, *, now: datetime) -> None:
    """Forgive what nobody has decided about; addresses that are dead still will say so again."""
    old = select(BounceSpike).where(
        BounceSpike.verdict.is_(None),
        BounceSpike.judged_at.is_not(None),
        BounceSpike.opened_at <= now - HOLD_FOR,
    )
    for spike in session.scalars(old.with_for_update()):
        close(session, spike, SpikeVerdict.FORGIVEN, editor_id=None, now=now)


def _weigh_again(session: Session, spike: BounceSpike) -> None:
    session.execute(
        update(Bounce)
        .where(
            Bounce.domain == spike.domain,
            Bounce.kind == BounceKind.HARD,
            Bounce.at >= spike.hour - SPIKE_WINDOW,
            Bounce.at < spike.hour + 2 * SPIKE_WINDOW,
        )
        .values(is_weighed=False)
        .execution_options(synchronize_session=False)
    )


def _spike(session: Session, domain: str, hour: datetime) -> BounceSpike | None:
    return session.scalar(select(BounceSpike).where(BounceSpike.domain == domain, BounceSpike.hour == hour))


def _hard(session: Session, domain: str, hour: datetime) -> int:
    counted = select(func.count(func.distinct(Bounce.subscriber_id))).where(*_within(domain, hour))
    return session.scalar(counted) or 0


def _within(domain: str, hour: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        Bounce.domain == domain,
        Bounce.kind == BounceKind.HARD,
        Bounce.at >= hour,
        Bounce.at < hour + SPIKE_WINDOW,
    )

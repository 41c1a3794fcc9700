"""How the newsroom fares, in numbers for a monitoring system: of all machines together, from the database.

Everything is counted from rows that others keep few, so that it may be asked every few seconds. No address
and no name of a reader is in it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from newsletters.bounces.quarantined import QuarantinedMail
from newsletters.delivery.models import Batch, DeliveryState
from newsletters.delivery.servers import Standing
from newsletters.delivery.servers_books import rests, server_states
from newsletters.delivery.shaping_models import FlowMinute
from newsletters.delivery.tallies import TALLIES
from newsletters.kernel import restorations, roster
from newsletters.kernel.roster import Kind
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.publishing.models import ON_ITS_WAY, Issue, IssueState
from newsletters.subscribers.models import PostedForm

MINUTE: Final = timedelta(minutes=1)
SHOWN: Final = (IssueState.SCHEDULED, *ON_ITS_WAY)
ENDS: Final = ("accepted", "put_off", "refused", "lost")

Sample = tuple[dict[str, str], float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number, or one for each set of labels."""

    name: str
    help: str
    samples: Sequence[Sample]


def gauges(session: Session, *, now: datetime) -> Iterator[Gauge]:
    """Everything worth an alarm or a curve."""
    yield Gauge("programs", "Programs that are there, and those gone silent.", _programs(session, now))
    disk, held = roster.lacks_room(session, now=now), restorations.in_force(session) is not None
    yield Gauge("disk_full", "Whether a program finds no room for what is to be written.", [({}, disk)])
    yield Gauge("sending_held", "Whether a copy was put back and nobody has released it.", [({}, held)])
    yield Gauge("issues", "Issues that are scheduled, on their way, or paused.", _issues(session))
    yield Gauge("deliveries_left", "Readers whom issues on their way have yet to reach.", _left(session))
    yield from _waiting(session, now)
    yield Gauge(
        "messages_last_minute",
        "Letters of issues that ended in the last whole minute, by how.",
        _last_minute(session, now),
    )
    yield from _resting(session, now)
    undecided = select(func.count()).select_from(QuarantinedMail).where(QuarantinedMail.decision.is_(None))
    yield Gauge(
        "quarantined", "Returned mail that waits for an editor.", [({}, session.scalar(undecided) or 0)]
    )


def _programs(session: Session, now: datetime) -> list[Sample]:
    heard = [(one.kind, one.is_silent(now)) for one in roster.present(session, now=now)]
    return [
        ({"kind": kind.value, "state": "silent" if is_silent else "there"}, heard.count((kind, is_silent)))
        for kind in Kind
        for is_silent in (False, True)
    ]


def _issues(session: Session) -> list[Sample]:
    counted = select(Issue.state, func.count()).where(Issue.state.in_(SHOWN)).group_by(Issue.state)
    found = dict(session.execute(counted).all())
    return [({"state": state.value}, found.get(state, 0)) for state in SHOWN]


def _left(session: Session) -> list[Sample]:
    left = func.sum(TALLIES[DeliveryState.WAITING] + TALLIES[DeliveryState.UNKNOWN])
    counted = select(left).select_from(Batch).join(Issue, Issue.id == Batch.issue_id)
    return [({}, float(session.scalar(counted.where(Issue.state.in_(ON_ITS_WAY))) or 0))]


def _waiting(session: Session, now: datetime) -> Iterator[Gauge]:
    counted = select(OutboxMail.kind, func.count()).where(OutboxMail.state == OutboxState.WAITING)
    kinds = session.execute(counted.group_by(OutboxMail.kind).order_by(OutboxMail.kind))
    oldest_mail = select(func.min(OutboxMail.due_at)).where(OutboxMail.state == OutboxState.WAITING)
    yield Gauge("mails_waiting", "Single mails that wait, by kind.", [({"kind": k}, n) for k, n in kinds])
    mail_age = _age(session.scalar(oldest_mail), now)
    yield Gauge("mail_overdue_seconds", "For how long the oldest single mail has been due.", [({}, mail_age)])
    posted = session.scalar(select(func.count()).select_from(PostedForm)) or 0
    yield Gauge("forms_waiting", "Posted forms that no worker has taken yet.", [({}, posted)])
    form_age = _age(session.scalar(select(func.min(PostedForm.due_at))), now)
    yield Gauge("form_overdue_seconds", "For how long the oldest of them has been due.", [({}, form_age)])


def _last_minute(session: Session, now: datetime) -> list[Sample]:
    sums = [func.sum(getattr(FlowMinute, end)) for end in ENDS]
    minute = now.replace(second=0, microsecond=0) - MINUTE
    counted = select(FlowMinute.server, *sums).where(FlowMinute.minute == minute)
    rows = session.execute(counted.group_by(FlowMinute.server).order_by(FlowMinute.server))
    return [
        ({"server": server, "end": end}, int(letters))
        for server, *ends in rows
        for end, letters in zip(ENDS, ends, strict=True)
    ]


def _resting(session: Session, now: datetime) -> Iterator[Gauge]:
    servers = [
        ({"server": name}, state.breaker.standing(now) is Standing.RESTING)
        for name, state in sorted(server_states(session).items())
    ]
    yield Gauge("server_rests", "Whether a mail server is left alone for a while.", servers)
    resting = sum(breaker.standing(now) is Standing.RESTING for breaker in rests(session).values())
    yield Gauge("provider_rests", "How many providers take no mail from one of our servers.", [({}, resting)])


def _age(due_at: datetime | None, now: datetime) -> float:
    return 0.0 if due_at is None else max(0.0, (now - due_at).total_seconds())

"""What everything that came back from one reader adds up to: mail to them goes on, or it stops.

It is worked out from all their bounces each time, never from the last one alone, so that the order in
which reports arrive, and how often, makes no difference. What was proved since (the reader confirmed by a
mail of ours, moved to another address, or an editor lifted the suppression) makes older bounces void.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from newsletters.bounces.models import Bounce, BounceKind
from newsletters.bounces.policy import HOLD_FOR, is_worn_out
from newsletters.bounces.spikes import HeldHours, held_hours, hour_of
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.models import AddressChange, ConsentEvent, ConsentRecord, Subscriber
from newsletters.subscribers.stopping import absolve_bounced, mark_bounced
from newsletters.subscribers.suppression import EVERYTHING, lift, suppress
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason

ABSOLVED: Final = "its provider was out of order"
SYSTEM: Final = "system"
PROOFS: Final = (Mechanism.LINK.value, Mechanism.CODE.value, Mechanism.SAME_BROWSER.value)
OURS: Final = frozenset({SuppressionReason.HARD_BOUNCE, SuppressionReason.SOFT_BOUNCES})


def lock_reader(session: Session, subscriber_id: int) -> Subscriber | None:
    """The reader, held until the transaction ends, so that two reports about them come one after the
    other.
    """
    return session.scalar(
        select(Subscriber).where(Subscriber.id == subscriber_id).with_for_update(key_share=True)
    )


def weigh(session: Session, reader: Subscriber, *, now: datetime) -> None:
    """Stop mail to a reader whose bounces say so; take back what they no longer say. Idempotent."""
    entry = _entry(session, reader.address_hash)
    ground = _ground(session, reader, entry)
    if ground is not None:
        reason, detail = ground
        if not _stands(entry, reason):
            suppress(session, address_hash=reader.address_hash, reason=reason, detail=detail, now=now)
        mark_bounced(session, subscriber_id=reader.id, now=now)
    elif entry is not None and entry.lifted_at is None and entry.actor == SYSTEM and entry.reason in OURS:
        lift(session, address_hash=reader.address_hash, reason=ABSOLVED, actor=SYSTEM, now=now)
        absolve_bounced(session, subscriber_id=reader.id, now=now)
    session.execute(
        update(Bounce)
        .where(Bounce.subscriber_id == reader.id, Bounce.is_weighed.is_(False))
        .values(is_weighed=True)
        .execution_options(synchronize_session=False)
    )


def weigh_rest(session: Session, *, now: datetime, most: int = 200) -> int:
    """Weigh readers whose bounces wait for it; say how many there were."""
    waiting = select(Bounce.subscriber_id).where(Bounce.is_weighed.is_(False)).distinct()
    ids = session.scalars(waiting.order_by(Bounce.subscriber_id).limit(most)).all()
    for subscriber_id in ids:
        reader = lock_reader(session, subscriber_id)
        if reader is not None:
            weigh(session, reader, now=now)
            continue
        gone = update(Bounce).where(Bounce.subscriber_id == subscriber_id).values(is_weighed=True)
        session.execute(gone.execution_options(synchronize_session=False))
    return len(ids)


def _ground(
    session: Session, reader: Subscriber, entry: Suppression | None
) -> tuple[SuppressionReason, str] | None:
    bounces = _counting(session, reader.id, since=_proved_at(session, reader.id, entry))
    hard = [row for row in bounces if row.kind is BounceKind.HARD]
    held = held_hours(session, {(row.domain, hour_of(row.at)) for row in hard})
    dead = [row for row in hard if _condemns(row, hard, held)]
    if dead:
        return SuppressionReason.HARD_BOUNCE, codes(dead[-1].reply)
    if is_worn_out([row.at.date() for row in bounces if row.kind is BounceKind.SOFT]):
        return SuppressionReason.SOFT_BOUNCES, ""
    return None


def _condemns(row: Bounce, hard: Iterable[Bounce], held: HeldHours) -> bool:
    """Held in a spike, a bounce counts only if an earlier one lies so far back that no outage explains
    both.
    """
    if (row.domain, hour_of(row.at)) not in held:
        return True
    return any(row.at - other.at >= HOLD_FOR for other in hard)


def _counting(session: Session, subscriber_id: int, *, since: datetime | None) -> Sequence[Bounce]:
    found = select(Bounce).where(
        Bounce.subscriber_id == subscriber_id, Bounce.kind.in_((BounceKind.HARD, BounceKind.SOFT))
    )
    if since is not None:
        found = found.where(Bounce.at > since)
    return session.scalars(found.order_by(Bounce.at, Bounce.id)).all()


def _proved_at(session: Session, subscriber_id: int, entry: Suppression | None) -> datetime | None:
    """Since when nothing speaks against the address but what came after."""
    confirmed = select(func.max(ConsentRecord.at)).where(
        ConsentRecord.subscriber_id == subscriber_id,
        ConsentRecord.event == ConsentEvent.CONFIRMED,
        ConsentRecord.mechanism.in_(PROOFS),
    )
    moved = select(func.max(AddressChange.used_at)).where(AddressChange.subscriber_id == subscriber_id)
    lifted = entry.lifted_at if entry is not None and not _is_absolved(entry) else None
    return max((at for at in (session.scalar(confirmed), session.scalar(moved), lifted) if at), default=None)


def _is_absolved(entry: Suppression) -> bool:
    return entry.lifted_reason == f"{ABSOLVED} ({SYSTEM})"


def _stands(entry: Suppression | None, reason: SuppressionReason) -> bool:
    return entry is not None and entry.lifted_at is None and entry.reason is reason


def _entry(session: Session, address_hash: str) -> Suppression | None:
    return session.scalar(
        select(Suppression).where(Suppression.address_hash == address_hash, Suppression.scope == EVERYTHING)
    )


def codes(reply: str) -> str:
    """A reply without its words, which may quote the address: a suppression outlives erasure."""
    numbers = [word for word in reply.split(" ", 2)[:2] if word and set(word) <= set("0123456789.")]
    return " ".join(numbers)[:20]

"""The list of addresses the system does not write to, as keyed hashes that outlive erasure and import.

To suppress is the system's act, not the reader's. A stronger reason is never replaced by a weaker one:
erasing oneself does not lift a complaint. Reasons that only say "this mailbox did not take mail" or "this
person wished to be forgotten" are lifted when the address's owner opts in afresh and confirms; a complaint
and an editor's decision are lifted by an editor alone.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, exists, or_, select
from sqlalchemy.orm import Session

from newsletters.kernel.db import insert_into
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason

EVERYTHING: Final = "all"
STRENGTH: Final = (
    SuppressionReason.ERASED,
    SuppressionReason.SOFT_BOUNCES,
    SuppressionReason.HARD_BOUNCE,
    SuppressionReason.EDITOR,
    SuppressionReason.COMPLAINT,
)
FINAL: Final = frozenset({SuppressionReason.COMPLAINT, SuppressionReason.EDITOR})


def suppress(
    session: Session,
    *,
    address_hash: str,
    reason: SuppressionReason,
    now: datetime,
    scope: str = EVERYTHING,
    detail: str = "",
    actor: str = "system",
) -> None:
    """Write no more to an address. Idempotent; what was lifted is in force again; a stronger reason stays."""
    row = _entry(session, address_hash, scope=scope, reason=reason, now=now)
    if row.lifted_at is None and STRENGTH.index(row.reason) > STRENGTH.index(reason):
        return
    row.reason, row.detail, row.actor = reason, detail, actor
    if row.lifted_at is not None:
        row.created_at, row.lifted_at, row.lifted_reason = now, None, ""


def lift(
    session: Session,
    *,
    address_hash: str,
    reason: str,
    actor: str,
    now: datetime,
    scope: str = EVERYTHING,
) -> bool:
    """Write to the address again, because of ``reason``; say whether there was anything to lift."""
    row = session.scalar(_in_force(address_hash, scope).with_for_update())
    if row is None:
        return False
    row.lifted_at = now
    row.lifted_reason = f"{reason} ({actor})"[:500]
    return True


def put_back(session: Session, entry_id: int) -> bool:
    """Undo a lifting: the entry stands again as it did; say whether there was anything to put back."""
    row = session.scalar(
        select(Suppression)
        .where(Suppression.id == entry_id, Suppression.lifted_at.is_not(None))
        .with_for_update()
    )
    if row is None:
        return False
    row.lifted_at, row.lifted_reason = None, ""
    return True


def lift_for_opt_in(session: Session, address_hash: str, *, now: datetime) -> None:
    """Lift what a fresh, confirmed opt-in by the owner of the address outweighs."""
    reason = reason_for(session, address_hash)
    if reason is not None and reason not in FINAL:
        lift(session, address_hash=address_hash, reason="opted in afresh", actor="reader", now=now)


def reason_for(session: Session, address_hash: str) -> SuppressionReason | None:
    """Why nothing at all is written to the address, or None."""
    row = session.scalar(_in_force(address_hash, EVERYTHING))
    return row.reason if row is not None else None


def is_suppressed(newsletter_id: int | None = None) -> ColumnElement[bool]:
    """A condition on ``Subscriber`` for WHERE clauses: suppressed everywhere, or for this newsletter."""
    return exists().where(
        Suppression.address_hash == Subscriber.address_hash,
        Suppression.lifted_at.is_(None),
        _scoped(newsletter_id),
    )


def newsletter_scope(newsletter_id: int) -> str:
    return f"newsletter:{newsletter_id}"


def _scoped(newsletter_id: int | None) -> ColumnElement[bool]:
    everywhere = Suppression.scope == EVERYTHING
    if newsletter_id is None:
        return everywhere
    return or_(everywhere, Suppression.scope == newsletter_scope(newsletter_id))


def _in_force(address_hash: str, scope: str) -> Select[Suppression]:
    return select(Suppression).where(
        Suppression.address_hash == address_hash, Suppression.scope == scope, Suppression.lifted_at.is_(None)
    )


def _entry(
    session: Session, address_hash: str, *, scope: str, reason: SuppressionReason, now: datetime
) -> Suppression:
    """The locked row of an address, made first where there is none: two writers meet on one row."""
    session.execute(
        insert_into(session, Suppression)
        .values(address_hash=address_hash, scope=scope, reason=reason, created_at=now)
        .on_conflict_do_nothing(index_elements=["address_hash", "scope"])
    )
    return session.scalars(
        select(Suppression)
        .where(Suppression.address_hash == address_hash, Suppression.scope == scope)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()

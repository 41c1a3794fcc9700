"""The life of a subscription: a pure state machine, and its one way onto a row.

Being active always takes the reader's own word: a confirmed link or code, a join from their preferences,
or an import with evidence. Whoever unsubscribed, bounced or complained comes back by a fresh opt-in alone;
an import revives nobody. A pending request that nobody confirms falls back to what stood before it.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from newsletters.subscribers.models import Rhythm, Subscription, SubscriptionState

PENDING, ACTIVE, PAUSED = SubscriptionState.PENDING, SubscriptionState.ACTIVE, SubscriptionState.PAUSED
UNSUBSCRIBED = SubscriptionState.UNSUBSCRIBED
BOUNCED, COMPLAINED = SubscriptionState.BOUNCED, SubscriptionState.COMPLAINED
ENDED: Final = frozenset({UNSUBSCRIBED, BOUNCED, COMPLAINED})
ONGOING: Final = frozenset({ACTIVE, PAUSED})


class Event(StrEnum):
    """What can happen to a subscription."""

    SIGN_UP = "sign_up"
    CONFIRM = "confirm"
    JOIN = "join"
    IMPORT = "import"
    UNSUBSCRIBE = "unsubscribe"
    UNDO = "undo"
    PAUSE = "pause"
    RESUME = "resume"
    BOUNCE = "bounce"
    ABSOLVE = "absolve"
    COMPLAIN = "complain"


OPT_INS: Final = frozenset({Event.CONFIRM, Event.JOIN, Event.IMPORT})

_MOVES: Final[Mapping[tuple[SubscriptionState | None, Event], SubscriptionState]] = {
    (None, Event.SIGN_UP): PENDING,
    (UNSUBSCRIBED, Event.SIGN_UP): PENDING,
    (BOUNCED, Event.SIGN_UP): PENDING,
    (COMPLAINED, Event.SIGN_UP): PENDING,
    (PENDING, Event.CONFIRM): ACTIVE,
    (None, Event.JOIN): ACTIVE,
    (PENDING, Event.JOIN): ACTIVE,
    (UNSUBSCRIBED, Event.JOIN): ACTIVE,
    (BOUNCED, Event.JOIN): ACTIVE,
    (None, Event.IMPORT): ACTIVE,
    (ACTIVE, Event.UNSUBSCRIBE): UNSUBSCRIBED,
    (PAUSED, Event.UNSUBSCRIBE): UNSUBSCRIBED,
    (BOUNCED, Event.UNSUBSCRIBE): UNSUBSCRIBED,
    (ACTIVE, Event.PAUSE): PAUSED,
    (PAUSED, Event.RESUME): ACTIVE,
    (ACTIVE, Event.BOUNCE): BOUNCED,
    (PAUSED, Event.BOUNCE): BOUNCED,
    (PENDING, Event.BOUNCE): BOUNCED,
    (PENDING, Event.COMPLAIN): COMPLAINED,
    (ACTIVE, Event.COMPLAIN): COMPLAINED,
    (PAUSED, Event.COMPLAIN): COMPLAINED,
    (UNSUBSCRIBED, Event.COMPLAIN): COMPLAINED,
    (BOUNCED, Event.COMPLAIN): COMPLAINED,
}


def next_state(
    state: SubscriptionState | None, event: Event, *, former: SubscriptionState | None = None
) -> SubscriptionState | None:
    """Where ``event`` leads from ``state``; the state itself where it changes nothing.

    ``former`` is where a pending request, or an unsubscription that is undone, came from; or a bounce that
    turns out to have been the provider's fault.
    """
    if state is PENDING and event is Event.UNSUBSCRIBE:
        return former or UNSUBSCRIBED
    if state is UNSUBSCRIBED and event is Event.UNDO and former in ONGOING:
        return former
    if state is BOUNCED and event is Event.ABSOLVE and former is not None:
        return former
    return _MOVES.get((state, event), state)


def begin(event: Event, *, subscriber_id: int, newsletter_id: int, now: datetime) -> Subscription:
    """The first row of a subscription, by a sign-up, a join or an import."""
    state = next_state(None, event)
    if state is None:
        raise ValueError(f"{event} begins no subscription")
    return Subscription(
        subscriber_id=subscriber_id,
        newsletter_id=newsletter_id,
        state=state,
        requested_at=now,
        confirmed_at=now if state is ACTIVE else None,
        rhythm=Rhythm.EACH,
    )


def advance(
    subscription: Subscription, event: Event, *, now: datetime, until: datetime | None = None
) -> bool:
    """Apply ``event`` to the row and say whether its state changed. PAUSE needs ``until``."""
    before = subscription.state
    after = next_state(before, event, former=subscription.former_state)
    if event is Event.SIGN_UP and after is PENDING:
        subscription.requested_at = now
    if event is Event.PAUSE and after is PAUSED:
        if until is None:
            raise ValueError("a pause has an end")
        subscription.paused_until = until
        if before is not PAUSED:
            subscription.paused_from = now
    if after is None or after is before:
        return False
    subscription.state = after
    _keep_times(subscription, before=before, event=event, now=now)
    return True


def _keep_times(
    subscription: Subscription, *, before: SubscriptionState, event: Event, now: datetime
) -> None:
    after = subscription.state
    if event in OPT_INS:
        subscription.confirmed_at = now
        subscription.rhythm, subscription.covered_until = Rhythm.EACH, None
    if after is ACTIVE:
        subscription.paused_from = subscription.paused_until = None
    if after in ONGOING:
        subscription.ended_at = None
        subscription.unsubscribed_by_issue_id = None
        subscription.told_why = False
    if after in ENDED and not (before is PENDING and event is Event.UNSUBSCRIBE and subscription.ended_at):
        subscription.ended_at = now
    subscription.former_state = before if after is PENDING or _can_be_undone(before, after) else None


def _can_be_undone(before: SubscriptionState, after: SubscriptionState) -> bool:
    return (after is UNSUBSCRIBED and before in ONGOING) or after is BOUNCED

"""Every transition of a subscription, and what must hold however the transitions are strung together."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.subscribers.lifecycle import ENDED, ONGOING, OPT_INS, Event, advance, begin, next_state
from newsletters.subscribers.models import Subscription, SubscriptionState
from tests.conftest import NOW

PENDING, ACTIVE, PAUSED = SubscriptionState.PENDING, SubscriptionState.ACTIVE, SubscriptionState.PAUSED
UNSUBSCRIBED = SubscriptionState.UNSUBSCRIBED
BOUNCED, COMPLAINED = SubscriptionState.BOUNCED, SubscriptionState.COMPLAINED

# One row for each state, one column for each event; "." is "changes nothing".
COLUMNS = "sign_up confirm join import unsubscribe undo pause resume absolve bounce complain"
TABLE = f"""
state        {COLUMNS}
none         pending .      active active .            . .      .      .       .       .
pending      .       active active .      unsubscribed . .      .      .       bounced complained
active       .       .      .      .      unsubscribed . paused .      .       bounced complained
paused       .       .      .      .      unsubscribed . .      active .       bounced complained
unsubscribed pending .      active .      .            . .      .      .       .       complained
bounced      pending .      active .      unsubscribed . .      .      .       .       complained
complained   pending .      .      .      .            . .      .      .       .       .
"""


def transitions() -> list[tuple[SubscriptionState | None, Event, SubscriptionState | None]]:
    rows = [line.split() for line in TABLE.strip().splitlines()]
    events = [Event(name) for name in rows[0][1:]]
    found = []
    for name, *cells in rows[1:]:
        state = None if name == "none" else SubscriptionState(name)
        found += [
            (state, event, state if cell == "." else SubscriptionState(cell))
            for event, cell in zip(events, cells, strict=True)
        ]
    return found


@pytest.mark.parametrize(("state", "event", "expected"), transitions())
def test_each_event_leads_from_each_state_where_the_table_says(
    state: SubscriptionState | None, event: Event, expected: SubscriptionState | None
) -> None:
    found = next_state(state, event)

    assert found is expected


def test_the_table_knows_every_state_and_every_event() -> None:
    assert len(transitions()) == (len(SubscriptionState) + 1) * len(Event)


@pytest.mark.parametrize("former", sorted(ENDED))
def test_leaving_while_pending_falls_back_to_what_was_before(former: SubscriptionState) -> None:
    assert next_state(PENDING, Event.UNSUBSCRIBE, former=former) is former


@pytest.mark.parametrize("former", sorted(ONGOING))
def test_undoing_gives_back_what_was_left(former: SubscriptionState) -> None:
    assert next_state(UNSUBSCRIBED, Event.UNDO, former=former) is former


@pytest.mark.parametrize("former", [PENDING, *sorted(ONGOING)])
def test_a_bounce_that_was_the_providers_fault_ends_nothing(former: SubscriptionState) -> None:
    assert next_state(BOUNCED, Event.ABSOLVE, former=former) is former


def test_what_a_bounce_ended_goes_on_as_it_was_when_it_is_absolved() -> None:
    subscription = begin(Event.JOIN, subscriber_id=1, newsletter_id=1, now=NOW)
    later = NOW + timedelta(days=1)

    advance(subscription, Event.BOUNCE, now=NOW)
    advance(subscription, Event.ABSOLVE, now=later)

    assert subscription.state is ACTIVE
    assert (subscription.ended_at, subscription.confirmed_at) == (None, NOW)


@pytest.mark.parametrize("former", [None, PENDING, *sorted(ENDED)])
def test_undoing_gives_nothing_that_was_not_there(former: SubscriptionState | None) -> None:
    assert next_state(UNSUBSCRIBED, Event.UNDO, former=former) is UNSUBSCRIBED


@pytest.mark.parametrize("event", sorted(set(Event) - {Event.SIGN_UP, *OPT_INS} | {Event.CONFIRM}))
def test_nothing_but_a_sign_up_a_join_or_an_import_begins_a_subscription(event: Event) -> None:
    with pytest.raises(ValueError, match="begins no subscription"):
        begin(event, subscriber_id=1, newsletter_id=1, now=NOW)


def test_a_pause_without_an_end_is_refused() -> None:
    row = begin(Event.JOIN, subscriber_id=1, newsletter_id=1, now=NOW)

    with pytest.raises(ValueError, match="a pause has an end"):
        advance(row, Event.PAUSE, now=NOW)


def test_pausing_again_moves_the_end() -> None:
    row = begin(Event.JOIN, subscriber_id=1, newsletter_id=1, now=NOW)
    advance(row, Event.PAUSE, now=NOW, until=NOW + timedelta(days=7))

    advance(row, Event.PAUSE, now=NOW, until=NOW + timedelta(days=14))

    assert (row.state, row.paused_until) == (PAUSED, NOW + timedelta(days=14))


def test_undoing_out_of_a_pause_returns_to_the_pause() -> None:
    row = begin(Event.JOIN, subscriber_id=1, newsletter_id=1, now=NOW)
    advance(row, Event.PAUSE, now=NOW, until=NOW + timedelta(days=7))
    advance(row, Event.UNSUBSCRIBE, now=NOW)

    advance(row, Event.UNDO, now=NOW)

    assert (row.state, row.paused_until, row.ended_at) == (PAUSED, NOW + timedelta(days=7), None)


events = st.lists(st.sampled_from(Event), max_size=30)


def lived(history: list[Event]) -> tuple[Subscription, list[tuple[Event, SubscriptionState, bool]]]:
    """A subscription after ``history``, and each step as (event, state, changed)."""
    row = begin(Event.SIGN_UP, subscriber_id=1, newsletter_id=1, now=NOW)
    steps = []
    for number, event in enumerate(history, start=1):
        now = NOW + timedelta(hours=number)
        changed = advance(row, event, now=now, until=now + timedelta(days=7))
        steps.append((event, row.state, changed))
    return row, steps


@given(events)
def test_nobody_is_ever_active_without_having_said_so(history: list[Event]) -> None:
    row, _ = lived(history)

    assert row.state not in ONGOING or row.confirmed_at is not None


@given(events)
def test_a_pause_always_has_an_end(history: list[Event]) -> None:
    row, _ = lived(history)

    assert row.state is not PAUSED or row.paused_until is not None


@given(events)
def test_an_end_has_its_time_and_a_beginning_has_none(history: list[Event]) -> None:
    row, _ = lived(history)

    assert (row.state in ENDED) <= (row.ended_at is not None)
    assert (row.state in ONGOING) <= (row.ended_at is None)


@given(events)
def test_what_changed_nothing_says_so(history: list[Event]) -> None:
    _, steps = lived(history)

    before = [PENDING, *(state for _, state, _ in steps)]
    assert [changed for _, _, changed in steps] == [old is not new for old, new in pairwise(before)]


@given(events)
def test_an_import_never_revives(history: list[Event]) -> None:
    row, _ = lived(history)

    assert advance(row, Event.IMPORT, now=NOW) is False


@given(events)
def test_whoever_complained_comes_back_by_a_fresh_opt_in_alone(history: list[Event]) -> None:
    row, _ = lived([*history, Event.COMPLAIN])

    ways_back = {event for event in Event if next_state(row.state, event) in {ACTIVE, PAUSED, PENDING}}
    assert ways_back == {Event.SIGN_UP}


@given(events)
def test_the_same_event_twice_is_the_same_as_once(history: list[Event]) -> None:
    row, steps = lived(history)
    last = steps[-1][0] if steps else Event.SIGN_UP

    changed = advance(row, last, now=NOW, until=NOW + timedelta(days=7))

    assert changed is False

"""The table of what follows from what comes back, and its numbers."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.bounces.event import EventKind
from newsletters.bounces.models import Level, Measure
from newsletters.bounces.policy import CONSEQUENCES, Consequence, is_spike, is_worn_out, passed

MONDAY = date(2026, 3, 2)


def days(*numbers: int) -> list[date]:
    return [MONDAY + timedelta(days=number) for number in numbers]


def test_every_kind_of_event_has_a_consequence() -> None:
    assert set(CONSEQUENCES) == set(EventKind)


def test_only_dead_addresses_and_complaints_stop_mail_at_once() -> None:
    at_once = {
        kind for kind, what in CONSEQUENCES.items() if what in (Consequence.SUPPRESS, Consequence.COMPLAIN)
    }

    assert at_once == {EventKind.HARD, EventKind.COMPLAINT}
    assert CONSEQUENCES[EventKind.POLICY] is Consequence.NOTHING
    assert CONSEQUENCES[EventKind.TEMPORARY] is Consequence.NOTHING


@pytest.mark.parametrize(
    ("bounced_on", "expected"),
    [
        (days(), False),
        (days(0, 1, 2, 3), False),
        (days(0, 1, 2, 3, 4), True),
        (days(0, 0, 0, 0, 0), False),
        (days(0, 7, 14, 21, 28), True),
        (days(0, 7, 14, 21, 29), False),
        (days(0, 1, 2, 3, 11), False),
        (days(0, 1, 2, 10, 11, 12, 13, 14), True),
    ],
)
def test_five_days_without_a_gap_of_more_than_a_week_wear_an_address_out(
    bounced_on: list[date], expected: bool
) -> None:
    assert is_worn_out(bounced_on) is expected


@given(st.lists(st.integers(0, 60), max_size=20), st.randoms())
def test_order_and_repetition_of_soft_bounces_make_no_difference(numbers: list[int], chance: object) -> None:
    bounced_on = days(*numbers)
    shuffled = bounced_on * 2
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert is_worn_out(shuffled) is is_worn_out(bounced_on)


@given(st.lists(st.integers(0, 60), max_size=20), st.integers(0, 60))
def test_one_more_soft_bounce_never_heals_an_address(numbers: list[int], more: int) -> None:
    assert is_worn_out(days(*numbers, more)) >= is_worn_out(days(*numbers))


@pytest.mark.parametrize(
    ("hard", "sent", "expected"),
    [(10, 10, False), (11, 11, True), (11, 220, False), (11, 219, True), (51, 1000, True), (50, 1000, False)],
)
def test_a_spike_is_more_than_a_few_and_more_than_one_in_twenty(hard: int, sent: int, expected: bool) -> None:
    assert is_spike(hard, sent) is expected


@pytest.mark.parametrize(
    ("events", "accepted", "expected"),
    [
        (1, 10, None),
        (2, 100, None),
        (3, 10_000, None),
        (3, 3_000, Level.ALERT),
        (10, 10_000, Level.ALERT),
        (4, 100, Level.ALERT),
        (5, 100, Level.PAUSE),
        (29, 10_000, Level.ALERT),
        (30, 10_000, Level.PAUSE),
    ],
)
def test_complaints_alert_at_one_in_a_thousand_and_pause_at_three(
    events: int, accepted: int, expected: Level | None
) -> None:
    assert passed(Measure.COMPLAINTS, events, accepted) is expected


@pytest.mark.parametrize(("events", "expected"), [(19, None), (20, Level.ALERT), (300, Level.ALERT)])
def test_dead_addresses_alert_and_never_pause(events: int, expected: Level | None) -> None:
    assert passed(Measure.HARD_BOUNCES, events, 400) is expected

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from newsletters.delivery.retry import RetryPolicy, probe_delay
from tests.conftest import NOW

POLICY = RetryPolicy()
MINUTE = timedelta(minutes=1)


@given(seed=st.integers())
def test_the_first_retry_suits_greylisting(seed: int) -> None:
    again_at = POLICY.next_attempt_at(1, now=NOW, chance=Random(seed))

    assert again_at is not None
    assert NOW + 5 * MINUTE <= again_at <= NOW + 15 * MINUTE


@given(attempts=st.integers(2, 10_000), seed=st.integers())
def test_later_retries_wait_at_least_half_an_hour_and_are_bounded(attempts: int, seed: int) -> None:
    again_at = POLICY.next_attempt_at(attempts, now=NOW, chance=Random(seed))

    assert again_at is None or NOW + 30 * MINUTE <= again_at <= NOW + timedelta(hours=6)


def test_waits_grow_until_the_longest() -> None:
    waits = [POLICY.next_attempt_at(n, now=NOW, chance=_Steady()) for n in range(2, 7)]

    assert waits == [NOW + m * MINUTE for m in (30, 60, 120, 240, 240)]


def test_retries_end_between_four_and_six_days() -> None:
    spent, attempts = timedelta(), 1
    while (again_at := POLICY.next_attempt_at(attempts, now=NOW, chance=_Steady())) is not None:
        spent += again_at - NOW
        attempts += 1

    assert timedelta(days=4) <= spent <= timedelta(days=6)


def test_jitter_parts_what_was_put_off_together() -> None:
    chance = Random(1)

    moments = {POLICY.next_attempt_at(2, now=NOW, chance=chance) for _ in range(50)}

    assert len(moments) == 50


def test_a_drop_is_retried_soon_and_later_the_older_the_issue_is() -> None:
    fresh = POLICY.after_drop(NOW, now=NOW, chance=_Steady())
    old = POLICY.after_drop(NOW - timedelta(hours=10), now=NOW, chance=_Steady())

    assert fresh == NOW + timedelta(seconds=5)
    assert old == NOW + timedelta(hours=1)


def test_a_message_that_makes_the_server_hang_up_for_days_is_given_up() -> None:
    again_at = POLICY.after_drop(NOW - timedelta(days=5), now=NOW, chance=_Steady())

    assert again_at is None


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=30)))
def test_an_absent_server_is_asked_between_every_five_seconds_and_five_minutes(waited: timedelta) -> None:
    assert timedelta(seconds=5) <= probe_delay(waited) <= timedelta(minutes=5)


class _Steady(Random):
    """Chance that never adds anything."""

    def random(self) -> float:
        return 0.0

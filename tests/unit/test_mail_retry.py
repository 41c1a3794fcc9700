"""When a single mail is tried again."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsletters.mail.retry import is_given_up, next_attempt_at

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CHANCE = st.floats(0, 1, exclude_max=True)


def test_the_first_retry_comes_after_a_minute() -> None:
    assert next_attempt_at(1, now=NOW, chance=0.5) == NOW + timedelta(seconds=60)


@given(chance=CHANCE)
def test_the_second_retry_passes_the_usual_greylisting(chance: float) -> None:
    first = next_attempt_at(1, now=NOW, chance=chance)

    second = next_attempt_at(2, now=first, chance=chance)

    assert timedelta(minutes=5) <= second - NOW <= timedelta(minutes=15)


@given(attempts=st.integers(1, 1000), chance=CHANCE)
def test_waits_grow_and_are_bounded(attempts: int, chance: float) -> None:
    wait = next_attempt_at(attempts, now=NOW, chance=chance) - NOW
    later = next_attempt_at(attempts + 1, now=NOW, chance=chance) - NOW

    assert timedelta(seconds=48) <= wait <= later <= timedelta(hours=4.8)


@given(chances=st.lists(CHANCE, min_size=60, max_size=60))
def test_a_mail_that_is_never_taken_is_given_up_within_three_days(chances: list[float]) -> None:
    at, tries = NOW, 0
    for number, chance in enumerate(chances, start=1):
        at = next_attempt_at(number, now=at, chance=chance)
        tries += not is_given_up(NOW, next_at=at)

    assert is_given_up(NOW, next_at=at)
    assert 15 <= tries <= 35

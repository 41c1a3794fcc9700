"""Rates as slots: never more than rate x time + burst, whoever asks and whenever."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.delivery.throttle import (
    SECOND,
    BadRate,
    Rate,
    Slots,
    join_queue,
    moment,
    nanoseconds,
    reserve,
)

START = 1_900_000_000 * SECOND
SLICE = SECOND // 4

rates = st.builds(
    lambda count, period, burst: Rate.of(count, period * SECOND, burst=burst),
    st.integers(1, 5000),
    st.sampled_from([1, 60, 3600, 86_400]),
    st.none() | st.integers(1, 50),
)
# What workers do: each step some time passes and somebody asks for some slots.
requests = st.lists(st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 40)), min_size=1, max_size=60)


def _times(rate: Rate, asked: list[tuple[int, int]]) -> list[int]:
    """The moments of all slots that were handed out to somebody who asked like that."""
    full_at, now, times = 0, START, []
    for passed, wanted in asked:
        now += passed
        got = reserve(full_at, rate, wanted=wanted, now=now, ahead=SLICE)
        times += [got.slots.at(number) for number in range(got.slots.count)]
        full_at = got.full_at
    return times


@given(rate=rates, asked=requests)
def test_no_stretch_of_time_holds_more_than_rate_times_time_and_burst(
    rate: Rate, asked: list[tuple[int, int]]
) -> None:
    times = sorted(_times(rate, asked))

    for first in range(len(times)):
        for last in range(first, len(times)):
            passed = times[last] - times[first]
            assert (last - first + 1 - rate.burst) * rate.period <= passed * rate.count


@given(rate=rates, asked=requests)
def test_a_slot_is_handed_out_once_and_in_order(rate: Rate, asked: list[tuple[int, int]]) -> None:
    times = _times(rate, asked)

    assert times == sorted(times)


@given(rate=rates, asked=requests)
def test_slots_lie_no_further_ahead_than_was_asked(rate: Rate, asked: list[tuple[int, int]]) -> None:
    full_at, now = 0, START

    for passed, wanted in asked:
        now += passed
        got = reserve(full_at, rate, wanted=wanted, now=now, ahead=SLICE)
        full_at = got.full_at
        assert all(now <= got.slots.at(number) <= now + SLICE for number in range(got.slots.count))


@given(rate=rates)
def test_who_always_asks_gets_the_whole_rate(rate: Rate) -> None:
    full_at, got_in_all, now = 0, 0, START
    seconds = max(10, 20 * rate.interval // SECOND)
    for now in range(START, START + seconds * SECOND, seconds * SECOND // 400):
        got = reserve(full_at, rate, wanted=100_000, now=now, ahead=SLICE)
        got_in_all += got.slots.count
        full_at = got.full_at

    fair = (now - START) // rate.interval

    assert fair <= got_in_all <= fair + rate.burst + SLICE // rate.interval + 2


@given(rate=rates, wanted=st.integers(1, 500))
def test_an_empty_handed_caller_is_told_when_to_come(rate: Rate, wanted: int) -> None:
    first = reserve(0, rate, wanted=10_000_000, now=START, ahead=0)

    refused = reserve(first.full_at, rate, wanted=wanted, now=START, ahead=0)

    assert refused.slots.count == 0
    assert refused.full_at == first.full_at
    assert reserve(first.full_at, rate, wanted=1, now=refused.next_at, ahead=0).slots.count == 1


def test_a_bucket_filled_under_a_clock_that_jumped_is_not_waited_for() -> None:
    rate = Rate.parse("10/second")
    tomorrow = reserve(0, rate, wanted=5, now=START + 86_400 * SECOND, ahead=SLICE)

    got = reserve(tomorrow.full_at, rate, wanted=1, now=START, ahead=SLICE)

    assert got.slots.count == 1


@given(rate=rates, seed=st.integers(0, 1000))
def test_slots_that_nobody_used_in_time_are_gone(rate: Rate, seed: int) -> None:
    chance = Random(seed)
    got = reserve(0, rate, wanted=20, now=START, ahead=SLICE)
    late = got.slots.at(got.slots.count - 1) + SLICE + 1 + chance.randrange(SECOND)

    assert not got.slots.use(now=late, kept=SLICE)
    assert got.slots.count == 0


def test_a_slot_is_not_used_before_its_time() -> None:
    slots = Slots(first=START + 100, interval=50, count=2, opened=START)

    used = [slots.use(now=START + passed, kept=SLICE) for passed in (99, 100, 149, 150, 200)]

    assert used == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("words", "speed", "burst"),
    [
        ("14/s", 14, 14),
        ("14/second", 14, 14),
        (" 600 / minutes ", 10, 10),
        ("90/min", 1.5, 1),
        ("20000/h", 20000 / 3600, 5),
        ("500/day", 500 / 86_400, 1),
    ],
)
def test_rates_are_read_as_people_write_them(words: str, speed: float, burst: int) -> None:
    rate = Rate.parse(words)

    assert rate.speed == pytest.approx(speed)
    assert rate.burst == burst


@pytest.mark.parametrize(
    "words", ["", "14", "14/", "/s", "0/s", "-3/s", "1.5/s", "14/fortnight", "14 s", "१/s"]
)
def test_what_is_no_rate_is_refused_with_an_example(words: str) -> None:
    with pytest.raises(BadRate, match="write 14/second"):
        Rate.parse(words)


def test_a_rate_is_shown_as_it_was_meant() -> None:
    assert [str(Rate.parse(words)) for words in ("14/s", "600/min", "5/d")] == [
        "14/second",
        "600/minute",
        "5/day",
    ]
    assert str(Rate.per_second(0.5)) == "0.5/second"


def test_letters_in_line_come_back_in_stretches_just_when_their_turn_is() -> None:
    line = join_queue(0, 2 * SECOND, letters=12, now=START, soonest=5 * SECOND)

    due = [(line.at(number, together=10 * SECOND) - START) // SECOND for number in range(12)]

    assert due == [5] * 5 + [15] * 5 + [25] * 2
    assert line.end == START + (5 + 24) * SECOND


def test_who_comes_later_stands_behind() -> None:
    first = join_queue(0, SECOND, letters=10, now=START, soonest=5 * SECOND)

    second = join_queue(first.end, SECOND, letters=1, now=START, soonest=5 * SECOND)

    assert second.start == first.end


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_moments_become_nanoseconds_and_back_without_loss(at: datetime) -> None:
    assert moment(nanoseconds(at)) == at
    assert moment(nanoseconds(at) + 1) == at + timedelta(microseconds=1)

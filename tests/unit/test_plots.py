"""The geometry of the plots, and the SVG that the macros make of it."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.reports.plots import (
    MOST_TIME_TICKS,
    THINNEST_PART,
    Part,
    Series,
    line_plot,
    small_multiples,
    stacked_bar,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)

values = st.floats(min_value=0, max_value=1e9, allow_nan=False)
times = st.timedeltas(timedelta(0), 36_500 * DAY).map(lambda after: MONDAY + after)
many_series = st.lists(
    st.dictionaries(times, values, max_size=20).map(lambda points: Series("a", tuple(points.items()))),
    max_size=4,
)


def daily(*numbers: float, name: str = "Sign-ups") -> Series:
    return Series(name, [(MONDAY + DAY * day, number) for day, number in enumerate(numbers)])


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.e-]+) ([\d.e-]+)", path)]


def test_a_line_runs_from_edge_to_edge_and_zero_lies_at_the_foot() -> None:
    plot = line_plot([daily(0, 5, 10)])

    assert plot.lines[0].path == "M0 100L50 50L100 0"
    assert plot.lines[0].area == "M0 100L50 50L100 0L100 100L0 100Z"


def test_points_that_come_in_disorder_are_drawn_in_order() -> None:
    ordered = daily(1, 2, 3)

    plot = line_plot([Series("a", list(reversed(ordered.points)))])

    assert plot.lines[0].path == line_plot([ordered]).lines[0].path


def test_series_share_one_time_and_one_scale() -> None:
    plot = line_plot([daily(10, 10, 10), Series("late", [(MONDAY + DAY, 5.0), (MONDAY + 2 * DAY, 0.0)])])

    assert plot.lines[1].path == "M50 50L100 100"


@pytest.mark.parametrize(
    ("largest", "top"), [(1, 1), (3, 4), (5, 6), (97, 100), (1204, 2000), (0.03, 0.04), (0, 1)]
)
def test_the_scale_ends_at_a_round_number(largest: float, top: float) -> None:
    plot = line_plot([daily(largest, 0)])

    assert plot.value_ticks[0].value == pytest.approx(top)
    assert plot.value_ticks[0].y == 0


def test_there_is_no_half_of_a_reader_on_the_scale() -> None:
    for largest in range(1, 200):
        ticks = line_plot([daily(largest, 0)]).value_ticks

        assert all(tick.value == int(tick.value) for tick in ticks), largest


def test_times_are_marked_at_round_times() -> None:
    plot = line_plot(
        [Series("a", [(MONDAY + timedelta(hours=10, minutes=7), 1.0), (MONDAY + timedelta(hours=13), 2.0)])]
    )

    assert [tick.at.strftime("%H:%M") for tick in plot.time_ticks] == [
        "10:30",
        "11:00",
        "11:30",
        "12:00",
        "12:30",
        "13:00",
    ]
    assert plot.unit == "hour"


SPANS = [
    *(timedelta(seconds=n) for n in range(5, 600, 13)),
    *(timedelta(minutes=n) for n in range(5, 2880, 97)),
    *(timedelta(days=n) for n in range(1, 800, 7)),
]


@pytest.mark.parametrize("span", SPANS, ids=str)
def test_no_two_marks_say_the_same(span: timedelta) -> None:
    plot = line_plot([Series("a", [(MONDAY, 1.0), (MONDAY + span, 1.0)])])

    labels = [
        tick.at.strftime(
            {"second": "%H:%M:%S", "hour": "%d %H:%M", "day": "%d %b", "month": "%b %Y"}[plot.unit]
        )
        for tick in plot.time_ticks
    ]
    assert len(set(labels)) == len(labels)


def test_a_send_of_seconds_is_marked_in_seconds() -> None:
    plot = line_plot([Series("a", [(MONDAY, 0.0), (MONDAY + timedelta(seconds=11), 1204.0)])])

    assert plot.unit == "second"
    assert [tick.at.second for tick in plot.time_ticks] == [0, 2, 4, 6, 8, 10]


def test_a_series_can_be_told_by_the_clocks_of_another_place() -> None:
    told = Series("a", [(MONDAY, 1.0)], "good").told_in(timezone(2 * timedelta(hours=1)))

    assert told == Series("a", [(MONDAY, 1.0)], "good")
    assert told.points[0][0].hour == 2


def test_a_label_at_the_edge_leans_inwards() -> None:
    ticks = line_plot([daily(1, 2, 3, 4)]).time_ticks

    assert [tick.anchor for tick in ticks] == ["start", "middle", "middle", "end"]


def test_a_single_value_is_drawn_as_a_level() -> None:
    plot = line_plot([daily(4)])

    assert plot.lines[0].path == "M0 0L100 0"
    assert len(plot.time_ticks) == 1


def test_nothing_gives_an_empty_plot() -> None:
    assert line_plot([]).is_empty
    assert line_plot([Series("a", [])]).is_empty
    assert line_plot([Series("a", [])]).rows() == ()


def test_the_table_holds_every_time_once_and_says_where_a_series_has_no_value() -> None:
    plot = line_plot([daily(1, 2), Series("b", [(MONDAY + DAY, 7.0)])])

    assert plot.rows() == ((MONDAY, (1, None)), (MONDAY + DAY, (2, 7.0)))


def test_small_multiples_can_be_compared() -> None:
    large, small = small_multiples([daily(0, 100), daily(0, 50)])

    assert large.lines[0].path == "M0 100L100 0"
    assert small.lines[0].path == "M0 100L100 50"


def test_small_multiples_may_each_fill_their_own_scale() -> None:
    _, small = small_multiples([daily(0, 100), daily(0, 1)], shared_scale=False)

    assert small.lines[0].path == "M0 100L100 0"


def test_parts_lie_side_by_side_in_proportion() -> None:
    bar = stacked_bar([Part("Accepted", 75), Part("Bounced", 25)])

    assert [(s.x, s.width, s.share) for s in bar.segments] == [(0, 75, 0.75), (75, 25, 0.25)]
    assert bar.total == 100


def test_one_failure_among_many_thousands_is_still_seen() -> None:
    bar = stacked_bar([Part("Accepted", 99_999), Part("Failed", 1), Part("Unknown", 0)])

    assert [segment.width for segment in bar.segments] == [100 - THINNEST_PART, THINNEST_PART, 0]
    assert bar.segments[1].share == 0.00001


def test_a_bar_of_nothing_has_no_width() -> None:
    bar = stacked_bar([Part("Accepted", 0)])

    assert bar.segments[0].width == 0
    assert bar.total == 0


@given(many_series)
def test_nothing_is_ever_drawn_outside_the_plot(series: list[Series]) -> None:
    plot = line_plot(series)

    for line in plot.lines:
        assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in places(line.area))
    assert all(0 <= tick.x <= 100 for tick in plot.time_ticks)
    assert len(plot.time_ticks) <= MOST_TIME_TICKS + 1


@given(st.lists(values, max_size=8))
def test_the_parts_of_something_always_fill_the_bar(numbers: list[float]) -> None:
    bar = stacked_bar([Part(str(number), number) for number in numbers])

    filled = sum(segment.width for segment in bar.segments)
    assert filled == (pytest.approx(100, abs=0.01) if bar.total else 0)
    assert all(segment.width >= 0 for segment in bar.segments)

"""The geometry of the plots in reports: numbers in, places in per cent out.

Draws nothing and knows no words: templates/macros/plots.html turns a plot into SVG, formats numbers and
times for the reader's language and sets the table behind it. Lengths are per cent of the plot's width (x)
and height (y, from the top), so that a plot fills any width while its text keeps its size. Times are told
in the zone that they come in.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

LARGEST: Final = 100.0
# Thinner than this a part cannot be seen; one failure among many thousands must be.
THINNEST_PART: Final = 1.0
MOST_TIME_TICKS: Final = 6

SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
STEPS: Final = (
    *(SECOND * n for n in (1, 2, 5, 10, 15, 30)),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
    *(DAY * n for n in (1, 2, 7, 14, 28, 91, 182, 364, 728, 1820, 3640, 7280, 14560)),
)

LEAST_STEPS: Final = {"second": SECOND, "hour": MINUTE, "day": DAY, "month": 28 * DAY}


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity over time; tone is the name of a ``tone-`` class."""

    name: str
    points: Sequence[tuple[datetime, float]]
    tone: str = "accent"

    def told_in(self, zone: tzinfo) -> "Series":
        """The same by the clocks of ``zone``."""
        return replace(self, points=[(at.astimezone(zone), value) for at, value in self.points])


@dataclass(frozen=True, slots=True)
class Part:
    """One share of a whole."""

    name: str
    value: float
    tone: str = "accent"


@dataclass(frozen=True, slots=True)
class ValueTick:
    """A height on the plot that is a round number."""

    y: float
    value: float


@dataclass(frozen=True, slots=True)
class TimeTick:
    """A place on the plot that is a round time; a narrow screen leaves the minor ones out."""

    x: float
    at: datetime
    anchor: str
    is_minor: bool


@dataclass(frozen=True, slots=True)
class Line:
    """The path of one series, and the same closed down to zero, in a 100 by 100 box."""

    series: Series
    path: str
    area: str


@dataclass(frozen=True, slots=True)
class LinePlot:
    """Series over one shared time and one shared scale from zero; unit is what a time's label names."""

    lines: tuple[Line, ...]
    value_ticks: tuple[ValueTick, ...]
    time_ticks: tuple[TimeTick, ...]
    unit: str

    @property
    def is_empty(self) -> bool:
        return not any(line.path for line in self.lines)

    def rows(self) -> tuple[tuple[datetime, tuple[float | None, ...]], ...]:
        """The table behind the plot: every time once, with each series' value there or None."""
        known = [dict(line.series.points) for line in self.lines]
        times = sorted({at for values in known for at in values})
        return tuple((at, tuple(values.get(at) for values in known)) for at in times)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part's place on the bar, and its true share in 0 to 1."""

    part: Part
    x: float
    width: float
    share: float


@dataclass(frozen=True, slots=True)
class StackedBar:
    """The parts of a whole, side by side. A part that is not nothing is wide enough to be seen."""

    segments: tuple[Segment, ...]
    total: float


def line_plot(series: Sequence[Series]) -> LinePlot:
    """Place ``series`` on one time axis and one value axis that begins at zero."""
    times = [at for one in series for at, _ in one.points]
    if not times:
        return LinePlot(tuple(Line(one, "", "") for one in series), (), (), "day")
    first, last = min(times), max(times)
    top = _round_top(max(value for one in series for _, value in one.points))
    return LinePlot(
        lines=tuple(_line(one, first=first, last=last, top=top) for one in series),
        value_ticks=_value_ticks(top),
        time_ticks=_time_ticks(first, last),
        unit=_unit(last - first),
    )


def small_multiples(series: Sequence[Series], *, shared_scale: bool = True) -> tuple[LinePlot, ...]:
    """One plot for each series; with a shared scale their heights can be compared."""
    if not shared_scale:
        return tuple(line_plot([one]) for one in series)
    whole = line_plot(series)
    return tuple(LinePlot((line,), whole.value_ticks, whole.time_ticks, whole.unit) for line in whole.lines)


def stacked_bar(parts: Sequence[Part]) -> StackedBar:
    """Lay ``parts`` side by side over the whole width, in the order given; empty ones take none."""
    total = sum(part.value for part in parts)
    widths = _widths([part.value / total if total else 0.0 for part in parts])
    segments, x = [], 0.0
    for part, width in zip(parts, widths, strict=True):
        segments.append(Segment(part, _rounded(x), _rounded(width), part.value / total if total else 0.0))
        x += width
    return StackedBar(tuple(segments), total)


def _widths(shares: Sequence[float]) -> list[float]:
    """Per cent of the width for each share; what the thin ones gain the wide ones give, in proportion."""
    thin = [0.0 < share * LARGEST < THINNEST_PART for share in shares]
    room = LARGEST - THINNEST_PART * sum(thin)
    wide = sum(share for share, is_thin in zip(shares, thin, strict=True) if not is_thin)
    return [
        THINNEST_PART if is_thin else share * room / wide if wide else 0.0
        for share, is_thin in zip(shares, thin, strict=True)
    ]


def _line(series: Series, *, first: datetime, last: datetime, top: float) -> Line:
    if not series.points:
        return Line(series, "", "")
    places = [
        (_x(at, first, last), _rounded(LARGEST - value / top * LARGEST))
        for at, value in sorted(series.points)
    ]
    if len(places) == 1:  # a single value is a level, not a dot that nobody sees
        places = [(0.0, places[0][1]), (LARGEST, places[0][1])]
    path = "M" + "L".join(f"{x:g} {y:g}" for x, y in places)
    return Line(series, path, f"{path}L{places[-1][0]:g} 100L{places[0][0]:g} 100Z")


def _unit(span: timedelta) -> str:
    if span <= 5 * MINUTE:
        return "second"
    if span <= 2 * DAY:
        return "hour"
    return "day" if span < 300 * DAY else "month"


def _x(at: datetime, first: datetime, last: datetime) -> float:
    return _rounded((at - first) / (last - first) * LARGEST) if last > first else LARGEST / 2


def _rounded(place: float) -> float:
    return round(place, 3)


def _round_top(largest: float) -> float:
    """The least 1, 2, 4, 6, 8 or 10 times a power of ten not below ``largest``: its half is round too."""
    if largest < 1e-9:
        return 1.0
    power = 10.0 ** math.floor(math.log10(largest))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= largest * (1 - 1e-12))


def _value_ticks(top: float) -> tuple[ValueTick, ...]:
    """The top and the middle, but no half of a reader; zero is the base line and needs no number."""
    values = (top,) if top == 1 else (top, top / 2)
    return tuple(ValueTick(_rounded(LARGEST - value / top * LARGEST), value) for value in values)


def _time_ticks(first: datetime, last: datetime) -> tuple[TimeTick, ...]:
    """Round times between ``first`` and ``last``, in the zone of ``first``, about six."""
    if first == last:
        return (TimeTick(LARGEST / 2, first, "middle", is_minor=False),)
    step = _step(last - first)
    origin = first.replace(hour=0, minute=0, second=0, microsecond=0)
    skipped = math.ceil((first - origin) / step)
    times: list[datetime] = []
    while (at := origin + step * (skipped + len(times))) <= last:
        times.append(at)
    return tuple(_time_tick(at, number, first=first, last=last) for number, at in enumerate(times or [first]))


def _step(span: timedelta) -> timedelta:
    """As long as what the labels name, so that no two say the same."""
    steps = [step for step in STEPS if step >= LEAST_STEPS[_unit(span)]]
    return next((step for step in steps if span / step <= MOST_TIME_TICKS), STEPS[-1])


def _time_tick(at: datetime, number: int, *, first: datetime, last: datetime) -> TimeTick:
    """A label near an edge leans inwards, so that it is never cut off."""
    x = _x(at, first, last)
    anchor = "start" if x < 6 else "end" if x > 94 else "middle"
    return TimeTick(x, at, anchor, is_minor=number % 2 == 1)

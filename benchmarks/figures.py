"""Reading a run's rounds: the middle, the extremes, and ratios to the yardstick of the same round."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.plots import Bar

SIGNERS = "signing, in processes of its own"
Section = Mapping[str, Any]
Rounds = Sequence[Mapping[str, Any]]


def values(rounds: Rounds, *path: str) -> list[float]:
    """What stands under ``path`` in every round."""
    return [_at(seen, path) for seen in rounds]


def median(rounds: Rounds, *path: str) -> float:
    return statistics.median(values(rounds, *path))


def ratios(rounds: Rounds, *path: str) -> list[float]:
    """The same over smtp-source's rate in that round."""
    return [_at(seen, path) / float(seen["smtp-source"]) for seen in rounds]


def bar(label: str, found: Sequence[float], *, goal: float | None = None, is_ours: bool = True) -> Bar:
    """The middle of ``found`` as a bar, with its extremes."""
    middle = statistics.median(found)
    return Bar(label=label, value=middle, low=min(found), high=max(found), goal=goal, is_ours=is_ours)


def costs(profile: Section, whole: float) -> dict[str, float]:
    """What each part of a profile costs where all of it costs ``whole``."""
    return {part: share * whole for part, share in profile["parts"].items()}


def in_worker(rounds: Rounds, variant: str) -> float:
    """What a message costs the sender's first process, whose threads a profile sees."""
    whole, children = values(rounds, variant, "cpu_us"), values(rounds, variant, "children_cpu_us")
    return statistics.median(all_ - part for all_, part in zip(whole, children, strict=True))


def costs_of_sender(speed: Section, variant: str) -> dict[str, float]:
    """What each part of the sender costs a message, its signing processes among them."""
    rounds = speed["rounds"]
    profiled = costs(speed["profiles"][variant], in_worker(rounds, variant))
    return {SIGNERS: median(rounds, variant, "children_cpu_us")} | profiled


def slowest(pages: Section, most: int) -> list[str]:
    """The pages that take longest in the large newsroom."""
    return sorted(pages, key=lambda name: -statistics.median(pages[name]["large"]))[:most]


def steepest(pages: Section, most: int) -> list[str]:
    """The pages that grow most from the small newsroom to the large one."""
    return sorted(pages, key=lambda name: -growth(pages[name]))[:most]


def growth(page: Section) -> float:
    return float(statistics.median(page["large"]) / statistics.median(page["small"]))


def _at(seen: Any, path: Sequence[str]) -> float:
    for key in path:
        seen = seen[key]
    return float(seen)

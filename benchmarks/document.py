"""docs/benchmarks.md: the goals, what each part showed, how it was measured and what limits it.

Every number in it comes from the figures of a run; nothing is written by hand but the words between them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks import words
from benchmarks.chapters import CHAPTERS, table
from benchmarks.drawings import PLOTS
from benchmarks.goals import Measured
from benchmarks.plots import number

PICTURES: Final = "images/benchmarks"
Results = Mapping[str, Any]


def text(results: Results, found: Sequence[Measured]) -> str:
    """The whole document."""
    chapters = [write(results[name]) for name, write in CHAPTERS.items() if name in results]
    return "\n".join((words.HEAD + _machine(results), _goals(found), *chapters, words.METHOD))


def pictures(results: Results) -> dict[str, str]:
    """Every plot as SVG, by name."""
    drawn: dict[str, str] = {}
    for name, draw in PLOTS.items():
        if name in results:
            drawn |= draw(results[name])
    return drawn


def _machine(results: Results) -> str:
    if not results:
        return ""
    of: Mapping[str, Any] = max(
        (section["of"] for section in results.values()), key=lambda seen: str(seen["at"])
    )
    libraries = ", ".join(f"{name} {number}" for name, number in of["versions"].items())
    warning = "**Quick figures: small sizes and few rounds.** " if of["is_quick"] else ""
    return (
        f"{warning}Measured on {of['at'][:10]} at commit {of['commit']}: {of['cores']} cores ({of['cpu']}), "
        f"{of['system']}, Python {of['python']}, {libraries}.\n"
    )


def _goals(found: Sequence[Measured]) -> str:
    rows = [
        [
            one.goal.name,
            f"{'≤' if one.goal.lower_is_better else '≥'} {one.goal.goal:g} {one.goal.unit}",
            f"**{number(one.measured)}**",
            f"{number(min(one.rounds))} – {number(max(one.rounds))}",
            "reached" if one.is_reached else "**missed**",
            f"`--only {one.goal.section}`",
        ]
        for one in found
    ]
    return "## Goals\n\n" + table(("", "goal", "median", "least – most", "", "command"), rows)

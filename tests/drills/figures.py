"""Keeps the figures of the drills: in benchmarks/drills.json, and in the table of docs/promise.md."""

import json
from pathlib import Path
from typing import Any, Final

from tests.drills.drill import Drill, Verdict

PROJECT: Final = Path(__file__).resolve().parents[2]
FIGURES: Final = PROJECT / "benchmarks/drills.json"
PROMISE: Final = PROJECT / "docs/promise.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
NAMES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def record(drill: Drill, verdict: Verdict, *, database: str, seconds: float) -> None:
    """Put one figure beside the others."""
    kept = load()
    kept[f"{drill.name}, {NAMES[database]}"] = {
        "figure": verdict.figure,
        "limit": verdict.limit,
        "database": database,
        "seconds": round(seconds, 1),
        "passed": verdict.passed,
    }
    FIGURES.write_text(json.dumps(dict(sorted(kept.items())), indent=1, ensure_ascii=False) + "\n")
    PROMISE.write_text(with_table(PROMISE.read_text(), kept))


def load() -> dict[str, dict[str, Any]]:
    """The figures of all drills that were run."""
    return dict(json.loads(FIGURES.read_text())) if FIGURES.exists() else {}


def with_table(text: str, figures: dict[str, dict[str, Any]]) -> str:
    """The text with the table of figures between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(figures)}{END}{after}"


def table(figures: dict[str, dict[str, Any]]) -> str:
    """One row for each drill and database."""
    lines = ["| drill | figure | limit | | time |", "|---|---|---|---|---|"]
    for name, figure in sorted(figures.items()):
        verdict = "holds" if figure["passed"] else "**broken**"
        lines.append(
            f"| {name} | {figure['figure']} | {figure['limit']} | {verdict} | {_time(figure['seconds'])} |"
        )
    return "\n".join(lines) + "\n"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"

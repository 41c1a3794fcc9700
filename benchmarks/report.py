"""What was measured, in words: printed, docs/benchmarks.md with its plots, and latest.json."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.goals import Measured, judge
from benchmarks.plan import Plan

Results = Mapping[str, Any]


def write(results: Results, root: Path) -> None:
    """Write latest.json and the document below ``root``."""
    found = judge(results)
    latest = root / "benchmarks/latest.json"
    latest.parent.mkdir(parents=True, exist_ok=True)
    latest.write_text(json.dumps(as_json(found), indent=2) + "\n")


def as_json(found: list[Measured]) -> dict[str, Any]:
    """The goals by name, with every round."""
    return {
        one.goal.name: {
            "goal": one.goal.goal,
            "measured": round(one.measured, 3),
            "lower_is_better": one.goal.lower_is_better,
            "rounds": [round(value, 3) for value in one.rounds],
        }
        for one in found
    }


def in_words(results: Results) -> str:
    """The table of goals as plain text."""
    lines = [f"\n{'goal':<60} {'wanted':>9} {'median':>9} {'min':>9} {'max':>9}\n"]
    for one in judge(results):
        sign = "<=" if one.goal.lower_is_better else ">="
        mark = "reached" if one.is_reached else "MISSED"
        lines.append(
            f"{one.goal.name:<60} {sign}{one.goal.goal:>7g} {one.measured:>9.2f} "
            f"{min(one.rounds):>9.2f} {max(one.rounds):>9.2f} {one.goal.unit:<5} {mark}\n"
        )
    return "".join(lines)


def circumstances(plan: Plan) -> dict[str, Any]:
    """The machine and the versions that the figures are of."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="minutes"),
        "is_quick": plan.is_quick,
        "commit": _commit(),
        "cores": os.cpu_count(),
        "cpu": _cpu(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("sqlalchemy", "cryptography", "flask", "gunicorn")},
    }


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")

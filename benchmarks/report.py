"""What was measured, for people and for programs: a table on the terminal, the document, and latest.json."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import document
from benchmarks.goals import Measured, judge
from benchmarks.plan import Plan

LIBRARIES = ("cryptography", "sqlalchemy", "psycopg", "flask", "gunicorn", "dkimpy")


def write(results: Mapping[str, Any], root: Path) -> None:
    """Write latest.json, the document and its pictures below ``root``."""
    found = judge(results)
    put(root / "benchmarks/latest.json", json.dumps(as_json(found), indent=2) + "\n")
    for name, drawing in document.pictures(results).items():
        put(root / "docs" / document.PICTURES / f"{name}.svg", drawing)
    put(root / "docs/benchmarks.md", document.text(results, found))


def put(path: Path, content: str) -> None:
    """Write a file, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


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


def in_words(results: Mapping[str, Any]) -> str:
    """The goals as a table of plain text."""
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
        "system": _system(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
        "load": os.getloadavg()[2],
    }


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()

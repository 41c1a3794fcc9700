"""Parsers fed by a fuzzer that watches which code they run: nothing breaks, nothing hangs."""

import math
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.drills.drill import Verdict
from tests.drills.ground import Ground
from tests.drills.programs import PROJECT

TARGETS = ("returned", "webhooks", "replies", "tokens", "addresses")
SHARES = {"returned": 0.05}  # of the cases, for what costs more a case
_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_SLOWEST = re.compile(r"stat::slowest_unit_time_sec:\s*(\d+)")


@dataclass(frozen=True, kw_only=True)
class FuzzedParsers:
    """``cases`` cases for all targets together, two targets at a time."""

    cases: int = 10_000_000

    def __call__(self, ground: Ground) -> Verdict:
        folder = ground.folder / "fuzz"
        folder.mkdir(parents=True, exist_ok=True)
        dear = sum(SHARES.get(target, 0) for target in TARGETS)
        plain = (1 - dear) / sum(target not in SHARES for target in TARGETS)
        findings, cases, slowest = [], 0, 0
        for first in range(0, len(TARGETS), 2):
            pair = TARGETS[first : first + 2]
            running = {
                target: self._start(target, math.ceil(self.cases * SHARES.get(target, plain)), folder)
                for target in pair
            }
            for target, process in running.items():
                words = process.communicate()[0].decode(errors="replace")
                cases += _number(_RUNS, words)
                slowest = max(slowest, _number(_SLOWEST, words))
                ground.say(f"{target}: {_number(_RUNS, words):,} cases, status {process.returncode}")
                if process.returncode:
                    findings.append(target)
                    ground.say(words[-3000:])
        return Verdict(
            passed=not findings and cases >= self.cases and slowest <= 1,
            figure=(
                f"{cases:,} cases of {', '.join(TARGETS)}: {len(findings)} broke or hung, "
                f"the slowest took {'under a second' if slowest < 1 else '1 s'}"
            ),
            limit="0 broken, none over a second",
        )

    def _start(self, target: str, cases: int, folder: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.drills.fuzzer", target, str(cases), str(folder)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


def _number(pattern: re.Pattern[str], words: str) -> int:
    found = pattern.search(words)
    return int(found[1]) if found else 0

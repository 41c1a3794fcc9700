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

TARGETS = ("returned", "door", "webhooks", "signatures", "replies", "tokens", "addresses")
SHARES = {"returned": 0.05, "signatures": 0.02, "door": 0.001}  # of the cases, for what costs more a case
AT_THE_DOOR = {"signatures", "door"}
FEWEST = 200
PATIENCE_SECONDS = {"door": 5}
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
        findings, cases, slowest = [], 0, -1
        for first in range(0, len(TARGETS), 2):
            pair = TARGETS[first : first + 2]
            running = {
                target: self._start(
                    target, max(FEWEST, math.ceil(self.cases * SHARES.get(target, plain))), folder
                )
                for target in pair
            }
            for target, process in running.items():
                words = process.communicate()[0].decode(errors="replace")
                cases += _number(_RUNS, words)
                slowest = max(slowest, _number(_SLOWEST, words) - PATIENCE_SECONDS.get(target, 1))
                ground.say(f"{target}: {_number(_RUNS, words):,} cases, status {process.returncode}")
                if process.returncode:
                    findings.append(target)
                    ground.say(words[-3000:])
        return Verdict(
            passed=not findings and cases >= self.cases and slowest <= 0,
            figure=(
                f"{cases:,} cases of {', '.join(TARGETS)}: {len(findings)} broke or hung, "
                f"{'none' if slowest <= 0 else 'one'} took too long"
            ),
            limit="0 broken, no parser over a second, no request over 5 s",
        )

    def _start(self, target: str, cases: int, folder: Path) -> subprocess.Popen[bytes]:
        module = "tests.drills.fuzzer_doors" if target in AT_THE_DOOR else "tests.drills.fuzzer"
        return subprocess.Popen(
            [sys.executable, "-m", module, target, str(cases), str(folder)],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


def _number(pattern: re.Pattern[str], words: str) -> int:
    found = pattern.search(words)
    return int(found[1]) if found else 0

"""Clocks that go wrong: the suite's own trial of them, taken again and again."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

from tests.drills.drill import Verdict
from tests.drills.ground import Ground
from tests.drills.programs import PROJECT

TRIAL = "tests/integration/test_clocks.py"
_PASSED = re.compile(r"^(\d+) passed", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class WrongClocks:
    """Machines five minutes apart and leaps of a day, ``times`` times."""

    times: int = 10

    def __call__(self, ground: Ground) -> Verdict:
        passed, words = 0, ""
        for number in range(self.times):
            tried = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TRIAL],
                cwd=PROJECT,
                env={**os.environ, "TEST_DATABASE": "sqlite"},
                capture_output=True,
                text=True,
                check=False,
            )
            found = _PASSED.search(tried.stdout)
            words = tried.stdout
            passed += tried.returncode == 0 and found is not None
            ground.say(f"trial {number + 1}: {words.strip().splitlines()[-1]}")
        if passed < self.times:
            ground.say(words[-3000:])
        return Verdict(
            passed=passed == self.times,
            figure=(
                f"machines five minutes apart and leaps of a day, {self.times} times over: "
                f"in {passed} of them no fresh link was refused, nothing left early and nothing stood still"
            ),
            limit="all of them",
        )

"""Made-up histories of readers, very many of them, and what must hold after every step."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass

from tests.drills.drill import Verdict
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import PROJECT

STEPS_A_HISTORY = 50


@dataclass(frozen=True, kw_only=True)
class Histories:
    """``steps`` steps in all, in ``processes`` processes at once, each with a database of its own."""

    steps: int = 100_000
    processes: int = 2

    def __call__(self, ground: Ground) -> Verdict:
        running = [self._start(ground) for _ in range(self.processes)]
        ended = [
            (process.communicate()[0].decode(errors="replace"), process.returncode) for process in running
        ]
        steps = sum(
            int(found[1]) for words, _ in ended if (found := re.search(r"^steps (\d+)$", words, re.MULTILINE))
        )
        broken = [words for words, status in ended if status]
        for words in broken:
            ground.say(words[-3000:])
        return Verdict(
            passed=not broken and steps >= self.steps,
            figure=f"{steps:,} steps of made-up histories, {len(broken)} broken promises",
            limit="0 broken",
        )

    def _start(self, ground: Ground) -> subprocess.Popen[bytes]:
        stage = ground.stage(Readers(0))
        with stage:
            environment = stage.environment()
        share = -(-self.steps // self.processes)
        return subprocess.Popen(
            [sys.executable, "-m", "tests.drills.historian", str(share), str(STEPS_A_HISTORY)],
            cwd=PROJECT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

"""``python -m tests.drills.historian STEPS LENGTH``: runs the suite's state machine for so many steps.

The database is the one of the settings; it is emptied for every history. Says how many steps were taken.
"""

import sys
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from config import Config
from newsletters.kernel.clock import FixedClock
from newsletters.runtime import build
from tests.conftest import NOW
from tests.integration.test_subscribers_histories import Histories


def main(steps: int, length: int) -> None:
    """Take ``steps`` steps, or raise what broke."""
    taken = 0

    class Counted(Histories):
        @invariant()
        def count(self) -> None:
            nonlocal taken
            taken += bool(self.step)  # what holds is looked at once before the first step, too

    while taken < steps:
        runtime = build(Config.from_env(), clock=FixedClock(NOW))
        run_state_machine_as_test(
            partial(Counted, runtime),  # type: ignore[arg-type]  # any maker of a machine will do
            settings=thorough((steps - taken) // length + 1, length),
        )
        runtime.db.close()
    sys.stdout.write(f"steps {taken}\n")


def thorough(histories: int, length: int) -> Any:
    return settings(
        max_examples=min(histories, 2_000),
        stateful_step_count=length,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""The drills of docs/promise.md in their short forms: the same code as ``make drills``, with small numbers.

Machines, clocks and histories have files of their own. What needs minutes even in its short form is left to
``make drills DRILLS=--short``.
"""

import pytest

from tests.conftest import on_postgres
from tests.drills.drill import Drill
from tests.drills.ground import Ground
from tests.drills.suite import ground
from tests.drills.table import DRILLS

__all__ = ["ground"]  # a fixture of its own module

KIND = "postgresql" if on_postgres else "sqlite"
SHORT_ENOUGH = {"everybody-once", "killed-workers", "many-schedulers"}
# What they show does not depend on the database.
ON_SQLITE = {"frozen-worker", "signup-floods"}
HERE = [
    drill for drill in DRILLS if drill.name in SHORT_ENOUGH or (drill.name in ON_SQLITE and KIND == "sqlite")
]


@pytest.mark.parametrize("drill", HERE, ids=lambda drill: drill.name)
def test_the_short_form_of_a_drill_keeps_its_limit(drill: Drill, ground: Ground) -> None:
    verdict = drill.short(ground)

    assert verdict.passed, f"{verdict.figure}; the limit is {verdict.limit}"

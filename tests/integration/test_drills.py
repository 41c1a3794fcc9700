"""The drills of docs/promise.md in their short forms: the same code as ``make drills``, with small numbers.

Machines, clocks, histories and fuzzing have files of their own.
"""

import pytest

from tests.conftest import on_postgres
from tests.drills.drill import Drill
from tests.drills.ground import Ground
from tests.drills.suite import ground
from tests.drills.table import DRILLS

__all__ = ["ground"]  # a fixture of its own module

ELSEWHERE = {"many-machines", "wrong-clocks", "histories", "fuzzed-parsers"}
KIND = "postgresql" if on_postgres else "sqlite"
HERE = [drill for drill in DRILLS if drill.name not in ELSEWHERE and KIND in drill.databases]


@pytest.mark.parametrize("drill", HERE, ids=lambda drill: drill.name)
def test_the_short_form_of_a_drill_keeps_its_limit(drill: Drill, ground: Ground) -> None:
    verdict = drill.short(ground)

    assert verdict.passed, f"{verdict.figure}; the limit is {verdict.limit}"

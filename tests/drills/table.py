"""The table of drills."""

from tests.drills.drill import Drill
from tests.drills.killing import KilledWorkers

DRILLS: tuple[Drill, ...] = (
    Drill(
        "killed-workers",
        "Workers killed at random moments lose nobody and repeat at most what was on its way.",
        full=KilledWorkers(),
        short=KilledWorkers(readers=1_500, kills=8, workers=2, batch_size=50),
    ),
)

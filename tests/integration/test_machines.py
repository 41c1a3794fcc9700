"""Several machines on one PostgreSQL and one Redis, everything broken once; at full size in make drills."""

from pathlib import Path

from tests.drills.ground import Ground
from tests.drills.machines import ManyMachines


def test_two_web_servers_and_three_workers_lose_nothing_whatever_breaks(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # the database server's own user must pass
    with Ground("postgresql", tmp_path / "drill") as ground:
        verdict = ManyMachines(readers=600, rounds=1, batch_size=25, seconds_a_message=0.1)(ground)

    # The whole verdict, housekeeping and timing included, is the drill's; here nobody may be lost.
    assert ": 0 lost, " in verdict.figure, verdict.figure
    assert " 0 of them lost, 0 without their mail" in verdict.figure, verdict.figure

"""Several machines on one PostgreSQL and one Redis, everything broken once; at full size in make drills."""

from pathlib import Path

from tests.drills.ground import Ground
from tests.drills.machines import ManyMachines


def test_two_web_servers_and_three_workers_lose_nothing_whatever_breaks(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # the database server's own user must pass
    with Ground("postgresql", tmp_path / "drill") as ground:
        verdict = ManyMachines(readers=600, rounds=1, batch_size=25, seconds_a_message=0.1)(ground)

    assert verdict.passed, f"{verdict.figure}; the limit is {verdict.limit}"

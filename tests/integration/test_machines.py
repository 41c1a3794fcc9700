"""Several machines on one PostgreSQL and one Redis, everything broken once; at full size in make drills."""

from pathlib import Path

from tests.drills.ground import Ground
from tests.drills.table import DRILLS


def test_two_web_servers_and_three_workers_lose_nothing_whatever_breaks(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)  # the database server's own user must pass
    with Ground("postgresql", tmp_path / "drill") as ground:
        verdict = next(drill for drill in DRILLS if drill.name == "many-machines").short(ground)

    assert verdict.passed, f"{verdict.figure}; the limit is {verdict.limit}"

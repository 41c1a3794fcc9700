"""``make drills``: everything that can go wrong, at full size, on SQLite and on PostgreSQL.

Each drill prints one line with its figure and PASS or FAIL. The figures go to benchmarks/drills.json and
into the table of docs/promise.md. The exit status is 1 where a drill failed.
"""

import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import click

from tests.drills.drill import Drill, Run, Verdict
from tests.drills.figures import record
from tests.drills.ground import Ground, Kind
from tests.drills.table import DRILLS

NAMES = [drill.name for drill in DRILLS]


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option(
    "--database", type=click.Choice(["sqlite", "postgresql", "both"]), default="both", show_default=True
)
@click.option("--short", is_flag=True, help="The size the suite runs; records nothing.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Where data go; a temporary folder by default."
)
@click.option("--quiet", is_flag=True, help="Only the lines with the figures.")
def main(names: tuple[str, ...], database: str, short: bool, folder: Path | None, quiet: bool) -> None:
    """Run all drills, or those that are named."""
    chosen = [drill for drill in DRILLS if not names or drill.name in names]
    kinds: list[Kind] = ["sqlite", "postgresql"] if database == "both" else [database]  # type: ignore[list-item]
    place = folder or Path(tempfile.mkdtemp(prefix="drills-"))
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o755)  # the database server's own user must pass
    failed = 0
    try:
        for kind in kinds:
            with Ground(kind, place / kind, say=(lambda _: None) if quiet else _say) as ground:
                for drill in chosen:
                    if kind in drill.databases:
                        failed += not _run(drill, ground, short=short)
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    sys.exit(1 if failed else 0)


def _run(drill: Drill, ground: Ground, *, short: bool) -> bool:
    """Run one drill, print its line, and keep its figure."""
    began = time.monotonic()
    verdict = _verdict(drill.short if short else drill.full, ground)
    seconds = time.monotonic() - began
    word = "PASS" if verdict.passed else "FAIL"
    click.echo(
        f"{word}  {drill.name} ({ground.kind}, {seconds:.0f} s): {verdict.figure}. Limit: {verdict.limit}."
    )
    if not short:
        record(drill, verdict, database=ground.kind, seconds=seconds)
    return verdict.passed


def _verdict(run: Run, ground: Ground) -> Verdict:
    try:
        return run(ground)
    except Exception as error:  # noqa: BLE001  (whatever breaks a drill fails it, and the others go on)
        traceback.print_exc()
        return Verdict(False, f"did not end: {error}", "to its end")


def _say(progress: str) -> None:
    click.echo(f"      {progress}", err=True)


if __name__ == "__main__":
    main()

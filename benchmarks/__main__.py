"""``make bench``: measure, print the ratios, write docs/benchmarks.md, its plots and latest.json.

    python -m benchmarks [--quick] [--only SECTION ...] [--report]

``--quick`` takes minutes and writes nothing into docs/. ``--only`` measures one section anew and keeps what
the others showed last. ``--report`` measures nothing and writes the report of the last figures again.
"""

import argparse
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks import first, latency, pages, programs, report, scale, signups, speed
from benchmarks import plan as plans
from benchmarks.plan import Plan, say
from benchmarks.sender import Bench
from benchmarks.stores import ROOT, Store, stores

Section = Callable[[Bench, Sequence[Store], Plan], dict[str, Any]]
SECTIONS: Final[Mapping[str, Section]] = {
    "speed": speed.measure,
    "scale": scale.measure,
    "first": first.measure,
    "latency": latency.measure,
    "signups": signups.measure,
    "pages": pages.measure,
}


class NotAlone(Exception):
    """Another run uses the same folder: both would measure each other."""


def main() -> int:
    """Measure what was asked for; 0 even where a goal is missed, for that is a figure and no failure."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that whatever was started is stopped
    chosen = _options()
    plan = plans.QUICK if chosen.quick else plans.FULL
    cache = Path(chosen.cache)
    kept = cache / ("results-quick.json" if plan.is_quick else "results.json")
    results = json.loads(kept.read_text()) if kept.exists() and (chosen.only or chosen.report) else {}
    if not chosen.report:
        try:
            with _alone(cache):
                _measure(chosen.only or list(SECTIONS), plan, cache, kept, results)
        except (programs.CannotFetch, NotAlone) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    folder = cache / "quick-report" if plan.is_quick else ROOT
    report.write(results, folder)
    sys.stdout.write(report.in_words(results))
    return 0


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Keep other runs out of the folder until the block ends. Raises NotAlone."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotAlone(
                f"Another run uses {cache}; wait for it, or give this one another --cache."
            ) from error
        yield


def _measure(names: Sequence[str], plan: Plan, cache: Path, kept: Path, results: dict[str, Any]) -> None:
    bench = Bench(programs.fetch(cache), cache / "work")
    bench.folder.mkdir(exist_ok=True)
    with stores(cache) as found:
        for name in names:
            say(f"-- {name}")
            began = time.monotonic()
            results[name] = SECTIONS[name](bench, found, plan)
            results[name] |= {"took_seconds": time.monotonic() - began, "of": report.circumstances(plan)}
            kept.write_text(json.dumps(results, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    parser.add_argument("--only", action="append", choices=list(SECTIONS), help="this section alone")
    parser.add_argument("--report", action="store_true", help="write the report of the last figures again")
    default = f"/var/tmp/newsletters-bench-{os.getuid()}"
    parser.add_argument("--cache", default=default, help="folder for programs, databases and figures")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""``make simulate``: how far the product scales, from a laptop to 50 million deliveries a day.

Runs one issue to all readers of each stage through the model, with workers killed on the way, prints the
tables of docs/scaling.md and writes them there. What a message costs is read from benchmarks/latest.json
where ``make bench`` has left it, else it is what a sender may cost at most by the goals.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.scaling_model import THREADS, Costs, Outcome, Plant, Sending

PROJECT: Final = Path(__file__).resolve().parents[1]
LATEST: Final = PROJECT / "benchmarks/latest.json"
DOCUMENT: Final = PROJECT / "docs/scaling.md"
BEGIN, END = "<!-- simulation: begin -->", "<!-- simulation: end -->"

# Measured on the two processors of docs/benchmarks.md.
RSA_US: Final = 246.0  # one RSA-2048 signature
GOAL: Final = 1.7  # a sender's whole cost over one signature, where nothing was measured
DATABASE_US: Final = {"SQLite": 20.0, "PostgreSQL": 150.0}  # of the database, a message
DELIVERY_BYTES: Final = {"SQLite": 93, "PostgreSQL": 335}  # a settled delivery with its indices
READER_BYTES: Final = {"SQLite": 540, "PostgreSQL": 681}  # a reader with one subscription and the indices
MESSAGE_BYTES: Final = 30_000
WEB_PROCESSES, WEB_CONNECTIONS = 4, 4
# The pulse, five tasks and as many leases of single mails, sender, clerk, its ledger, porter, and the time.
WORKER_CONNECTIONS: Final = 16
KILLS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A newsroom of some size and what it runs."""

    name: str
    readers: int
    deliveries_a_day: int
    kept_days: int
    database: str
    web_machines: int
    worker_machines: int
    hardware: str
    relay: str
    plant: Plant


STAGES: Final = (
    Stage(
        name="a laptop",
        readers=10_000,
        deliveries_a_day=20_000,
        kept_days=1095,
        database="SQLite",
        web_machines=1,
        worker_machines=1,
        hardware="one machine of 2 processors, 1 GB",
        relay="a provider's smallest account",
        plant=Plant(workers=1, connections=4, batch_size=1_000, database_cores=1, relay_rate=14, reply_ms=80),
    ),
    Stage(
        name="a newsroom",
        readers=100_000,
        deliveries_a_day=300_000,
        kept_days=1095,
        database="SQLite",
        web_machines=1,
        worker_machines=1,
        hardware="one machine of 4 processors, 4 GB",
        relay="a provider, or a Postfix of one's own",
        plant=Plant(
            workers=1, connections=30, batch_size=1_000, database_cores=1, relay_rate=200, reply_ms=80
        ),
    ),
    Stage(
        name="a large newsroom",
        readers=1_000_000,
        deliveries_a_day=4_000_000,
        kept_days=365,
        database="PostgreSQL",
        web_machines=2,
        worker_machines=2,
        hardware="machines of 4 processors, 8 GB; the database 4 and 16 GB",
        relay="a provider's raised account, or two MTAs",
        plant=Plant(
            workers=4, connections=20, batch_size=1_000, database_cores=4, relay_rate=1_000, reply_ms=50
        ),
    ),
    Stage(
        name="a publisher",
        readers=10_000_000,
        deliveries_a_day=50_000_000,
        kept_days=60,
        database="PostgreSQL",
        web_machines=3,
        worker_machines=3,
        hardware="machines of 8 processors, 16 GB; the database 16 and 128 GB with NVMe",
        relay="six to ten MTAs (KumoMTA, Postfix) with addresses of their own",
        plant=Plant(
            workers=12, connections=40, batch_size=1_000, database_cores=16, relay_rate=5_000, reply_ms=20
        ),
    ),
)


def costs(database: str, *, latest: Path = LATEST) -> Costs:
    """What a signed message costs on ``database``, as it was measured last."""
    measured = json.loads(latest.read_text()) if latest.exists() else {}
    goal = measured.get(f"sender CPU over one RSA-2048 signature, {database}", {})
    return Costs(
        sender_us=RSA_US * round(float(goal.get("measured", GOAL)), 2), database_us=DATABASE_US[database]
    )


def send(stage: Stage, *, kills: int) -> Outcome:
    """One issue to all readers of a stage."""
    return Sending(stage.plant, costs(stage.database), readers=stage.readers, kills=kills).run()


def tables(stages: Sequence[Stage] = STAGES) -> str:
    """The tables of docs/scaling.md."""
    return "\n".join((_machines(stages), _times(stages), _sizes(stages), _ceilings()))


def with_tables(text: str, found: str) -> str:
    """The document with ``found`` between its two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{found}\n{END}{after}"


def main() -> None:
    """Print the tables and write them into the document."""
    found = tables()
    print(found)
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(), found))


def _machines(stages: Sequence[Stage]) -> str:
    heads = ("", "readers", "deliveries a day", "database", "web", "workers", "machines", "relay")
    return _table(heads, map(_machine_row, stages))


def _machine_row(stage: Stage) -> tuple[str, ...]:
    plant, machines = stage.plant, _count(stage.worker_machines, "machine")
    return (
        stage.name,
        f"{stage.readers:,}",
        f"{stage.deliveries_a_day:,}",
        stage.database,
        str(stage.web_machines),
        f"{plant.workers} with {plant.connections} connections each, on {machines}",
        stage.hardware,
        f"{stage.relay}: {plant.relay_rate:,.0f} a second",
    )


def _times(stages: Sequence[Stage]) -> str:
    heads = (
        *("", "an issue to all", "a second", "workers busy", "database busy", "relay busy", "the day's mail"),
        *("network", f"with {KILLS} workers killed", "repeated at most"),
    )
    return _table(heads, map(_time_row, stages))


def _time_row(stage: Stage) -> tuple[str, ...]:
    calm, killed = send(stage, kills=0), send(stage, kills=KILLS)
    return (
        stage.name,
        _length(calm.seconds),
        f"{calm.rate:,.0f}",
        f"{calm.workers_busy:.0%}",
        f"{calm.database_busy:.0%}",
        f"{calm.relay_busy:.0%}",
        _length(stage.deliveries_a_day / calm.rate),
        f"{calm.rate * MESSAGE_BYTES * 8 / 1e6:,.0f} Mbit/s",
        f"{_length(killed.seconds)}, pauses of {killed.longest_pause_seconds:.0f} s",
        str(killed.repeated_at_most),
    )


def _sizes(stages: Sequence[Stage]) -> str:
    heads = (
        "",
        "deliveries kept",
        "rows",
        "their size",
        "a day more",
        "readers' size",
        "connections to PostgreSQL",
    )
    return _table(heads, map(_size_row, stages))


def _size_row(stage: Stage) -> tuple[str, ...]:
    kept = stage.deliveries_a_day * stage.kept_days
    each = DELIVERY_BYTES[stage.database]
    web = stage.web_machines * WEB_PROCESSES * WEB_CONNECTIONS
    return (
        stage.name,
        _count(stage.kept_days, "day"),
        f"{kept:,}",
        _bytes(kept * each),
        _bytes(stage.deliveries_a_day * each),
        _bytes(stage.readers * READER_BYTES[stage.database]),
        "–" if stage.database == "SQLite" else str(web + stage.plant.workers * WORKER_CONNECTIONS),
    )


def _ceilings() -> str:
    """What one of each can do where nothing else holds it up."""
    heads = ("a second at most, signed", "one worker", "one processor of the database")
    found = {database: costs(database) for database in DATABASE_US}
    rows = (
        (database, f"{THREADS * 1e6 / cost.sender_us:,.0f}", f"{1e6 / cost.database_us:,.0f}")
        for database, cost in found.items()
    )
    return _table(heads, rows)


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _length(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _bytes(size: float) -> str:
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.5:
            return f"{size:.0f} {unit}"
    return f"{size / 1000:.1f} TB"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


if __name__ == "__main__":
    main()

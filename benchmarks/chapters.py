"""The document's chapters, one for each part of a run."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from benchmarks import words
from benchmarks.drawings import FIRST_GOALS, SPEED_GOALS
from benchmarks.figures import (
    Section,
    costs,
    costs_of_sender,
    growth,
    in_worker,
    median,
    ratios,
    slowest,
    steepest,
)
from benchmarks.plots import number

LISTED = 12  # pages told of each kind
LONGEST_STATEMENT = 300


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; the first column is words, the others numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def speed(section: Section) -> str:
    rounds = section["rounds"]
    rows = [
        ["smtp-source", number(median(rounds, "smtp-source")), "1", "", "", "", ""],
        ["naive pipeline, signed", number(median(rounds, "naive")), _over(section, "naive"), "", "", "", ""],
        *(_variant(section, name) for name in SPEED_GOALS),
    ]
    head = (
        *("30 KB messages", "a second", "over smtp-source"),
        *("sender, CPU µs", "database, CPU µs", "sink, CPU µs", "memory, MB"),
    )
    return words.SPEED + _picture("speed") + table(head, rows) + _parts_of_sender(section)


def scale(section: Section) -> str:
    rounds = section["rounds"]
    rows = [
        [
            f"{size:,}",
            number(median(rounds, str(size), "cpu_us")),
            number(median(rounds, str(size), "peak_bytes") / 1e6),
            number(median(rounds, str(size), "rate")),
        ]
        for size in section["sizes"]
    ]
    head = ("recipients", "sender, CPU µs a message", "memory, MB", "messages a second")
    drawn = _picture("memory") + _picture("cost-by-size")
    return words.SCALE.format(store=section["store"]) + drawn + table(head, rows)


def first(section: Section) -> str:
    rounds = section["rounds"]
    rows = [
        [name, *(number(median(rounds, name, step)) for step in ("answered", "begun", "first")), f"{goal:g}"]
        for name, goal in FIRST_GOALS.items()
    ]
    about = words.FIRST.format(recipients=f"{section['recipients']:,}")
    head = ("seconds from the press", "the desk answers", "the worker begins", "first message", "goal")
    return about + _picture("first") + table(head, rows)


def latency(section: Section) -> str:
    rounds = section["rounds"]
    rows = [
        [
            f"{name}, {state}",
            *(number(median(rounds, name, state, cut)) for cut in ("p50", "p90", "p99", "most")),
        ]
        for name in rounds[0]
        for state in ("idle", "sending")
    ]
    about = words.LATENCY.format(posts=section["posts_a_second"])
    return about + _picture("latency") + table(("ms", "half", "9 in 10", "99 in 100", "slowest"), rows)


def signups(section: Section) -> str:
    rounds, profile = section["rounds"], section["profile"]
    rows = [
        [name, number(median(rounds, key)), number(median(rounds, f"{key}_p99_ms"))]
        for name, key in (("bare Flask view", "bare"), ("ours", "ours"))
    ]
    parts = [[name, number(cost)] for name, cost in costs(profile, profile["cpu_us"]).items()]
    return "".join(
        (
            words.SIGNUPS.format(connections=section["connections"], store=section["store"]),
            table(("", "POSTs a second", "99 in 100, ms"), rows),
            f"One POST costs {number(profile['cpu_us'])} µs of CPU in the web process:\n\n",
            _picture("signup-cpu"),
            table(("", "CPU µs"), parts),
            _functions("a sign-up", profile, profile["cpu_us"]),
        )
    )


def pages(section: Section) -> str:
    seen, readers = section["pages"], section["readers"]
    chosen = dict.fromkeys((*slowest(seen, most=LISTED), *steepest(seen, most=LISTED)))
    rows = [
        [
            f"`{name}`",
            number(statistics.median(seen[name]["small"])),
            number(statistics.median(seen[name]["large"])),
            f"{growth(seen[name]):.2f}",
        ]
        for name in chosen
    ]
    about = words.PAGES.format(
        pages=len(seen), readers=f"{readers:,}", deliveries=f"{readers * section['issues']:,}"
    )
    head = ("page", "1,000 readers, ms", f"{readers:,} readers, ms", "times")
    asked = "".join(
        _statements(name, seen[name]["statements"]) for name in seen if "statements" in seen[name]
    )
    return about + _picture("pages") + table(head, rows) + asked


def _statements(name: str, statements: Sequence[tuple[float, str]]) -> str:
    rows = [[f"`{statement[:LONGEST_STATEMENT]}`", number(took)] for took, statement in statements]
    summary = f"<summary>What <code>{name}</code> asks the database for</summary>"
    return f"<details>{summary}\n\n{table(('statement', 'ms'), rows)}</details>\n\n"


def _variant(section: Section, name: str) -> list[str]:
    rounds = section["rounds"]
    return [
        f"ours, {name}",
        number(median(rounds, name, "rate")),
        _over(section, name, "rate"),
        *(number(median(rounds, name, cost)) for cost in ("cpu_us", "database_cpu_us", "sink_cpu_us")),
        number(median(rounds, name, "peak_bytes") / 1e6),
    ]


def _over(section: Section, *path: str) -> str:
    return f"{statistics.median(ratios(section['rounds'], *path)):.3g}"


def _parts_of_sender(section: Section) -> str:
    rounds, profiles = section["rounds"], section["profiles"]
    found = {name: costs_of_sender(section, name) for name in profiles}
    parts = dict.fromkeys(part for seen in found.values() for part in seen)
    rows = [[part, *(number(seen.get(part, 0.0)) for seen in found.values())] for part in parts]
    alone, busy = median(rounds, "rsa_us"), median(rounds, "busy_rsa_us")
    return "".join(
        (
            words.SIGNATURE.format(alone=number(alone), busy=number(busy), most=number(1e6 / busy)),
            _picture("sender-cpu"),
            table(("sender, CPU µs a message", *found), rows),
            *(_functions(name, profiles[name], in_worker(rounds, name)) for name in profiles),
        )
    )


def _functions(what: str, profile: Section, whole: float) -> str:
    rows = [[f"`{name}`", number(share * whole)] for name, share, _ in profile["functions"]]
    head = ("function, its own time", "CPU µs")
    summary = f"<summary>The dearest functions: {what}</summary>"
    return f"<details>{summary}\n\n{table(head, rows)}</details>\n\n"


def _picture(name: str) -> str:
    return f"![{name}](images/benchmarks/{name}.svg)\n\n"


CHAPTERS: Final[Mapping[str, Callable[[Section], str]]] = {
    "speed": speed,
    "scale": scale,
    "first": first,
    "latency": latency,
    "signups": signups,
    "pages": pages,
}

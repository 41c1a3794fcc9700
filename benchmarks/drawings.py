"""The document's plots, by the part of a run that they show."""

from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.figures import Section, bar, costs, costs_of_sender, ratios, slowest, values
from benchmarks.plots import Bar, Divided, bars, divided

SPEED_GOALS: Final = {
    "SQLite unsigned": 1.1,
    "PostgreSQL unsigned": 0.9,
    "SQLite signed": 0.6,
    "PostgreSQL signed": 0.5,
}
FIRST_GOALS: Final = {"SQLite": 3.0, "PostgreSQL": 6.0}
MEMORY_GOAL, PAGE_GOAL = 150.0, 100.0
LONGEST_LABEL = 44
Drawings = dict[str, str]


def speed(section: Section) -> Drawings:
    rounds = section["rounds"]
    rows = [
        Bar(label="smtp-source", value=1, low=1, high=1, is_ours=False),
        *(bar(name, ratios(rounds, name, "rate"), goal=goal) for name, goal in SPEED_GOALS.items()),
        bar("naive pipeline, signed", ratios(rounds, "naive"), is_ours=False),
    ]
    made = [Divided(name, costs_of_sender(section, name)) for name in section["profiles"]]
    return {
        "speed": bars("Speed over smtp-source", rows, unit="messages a second over smtp-source's"),
        "sender-cpu": divided("Where a message's time goes", made, unit="CPU µs of the sender a message"),
    }


def scale(section: Section) -> Drawings:
    rounds, sizes = section["rounds"], section["sizes"]
    memory = [
        bar(
            f"{size:,} recipients",
            [peak / 1e6 for peak in values(rounds, str(size), "peak_bytes")],
            goal=MEMORY_GOAL,
        )
        for size in sizes
    ]
    cost = [bar(f"{size:,} recipients", values(rounds, str(size), "cpu_us")) for size in sizes]
    return {
        "memory": bars("Memory of the sender", memory, unit="MB at the peak"),
        "cost-by-size": bars("What a message costs the sender", cost, unit="CPU µs a message"),
    }


def first(section: Section) -> Drawings:
    rounds = section["rounds"]
    rows = [bar(name, values(rounds, name, "first"), goal=goal) for name, goal in FIRST_GOALS.items()]
    return {"first": bars("From the press on Send to the first message", rows, unit="seconds")}


def latency(section: Section) -> Drawings:
    rounds = section["rounds"]
    rows = [
        bar(f"{name}, {state}", values(rounds, name, state, "p99"), is_ours=state == "sending")
        for name in rounds[0]
        for state in ("idle", "sending")
    ]
    return {"latency": bars("Sign-ups: 99 in 100 are faster than", rows, unit="ms")}


def signups(section: Section) -> Drawings:
    profile = section["profile"]
    made = [Divided("a sign-up", costs(profile, profile["cpu_us"]))]
    return {"signup-cpu": divided("Where a sign-up's time goes", made, unit="CPU µs of the web process")}


def pages(section: Section) -> Drawings:
    seen = section["pages"]
    rows = [bar(name[:LONGEST_LABEL], seen[name]["large"], goal=PAGE_GOAL) for name in slowest(seen, most=12)]
    return {"pages": bars("The slowest pages of the desk", rows, unit="ms in the large newsroom")}


PLOTS: Final[Mapping[str, Callable[[Section], Drawings]]] = {
    "speed": speed,
    "scale": scale,
    "first": first,
    "latency": latency,
    "signups": signups,
    "pages": pages,
}

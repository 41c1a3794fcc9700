"""The goals, each a formula over one round's figures, so that every ratio is of one and the same round."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Round = Mapping[str, Any]
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached; ``section`` is the part of the run whose rounds it is computed from."""

    name: str
    section: str
    goal: float
    lower_is_better: bool
    unit: str
    of_round: Callable[[Round], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A goal and what became of it."""

    goal: Goal
    rounds: tuple[float, ...]

    @property
    def measured(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.rounds)

    @property
    def is_reached(self) -> bool:
        if self.goal.lower_is_better:
            return self.measured <= self.goal.goal
        return self.measured >= self.goal.goal


def over_yardstick(variant: str) -> Callable[[Round], float]:
    return lambda seen: seen[variant]["rate"] / seen["smtp-source"]


def over_signature(variant: str) -> Callable[[Round], float]:
    return lambda seen: seen[variant]["cpu_us"] / seen["rsa_us"]


def figure(*path: str, per: float = 1.0) -> Callable[[Round], float]:
    """What stands under ``path`` in a round."""

    def read(seen: Round) -> float:
        found: Any = seen
        for key in path:
            found = found[key]
        return float(found) / per

    return read


def ratio(above: Sequence[str], below: Sequence[str]) -> Callable[[Round], float]:
    over, under = figure(*above), figure(*below)
    return lambda seen: over(seen) / under(seen)


TIMES: Final = "times"
GOALS: Final = (
    Goal("unsigned over smtp-source, SQLite", "speed", 1.1, False, TIMES, over_yardstick("SQLite unsigned")),
    Goal(
        "unsigned over smtp-source, PostgreSQL",
        "speed",
        0.9,
        False,
        TIMES,
        over_yardstick("PostgreSQL unsigned"),
    ),
    Goal("signed over smtp-source, SQLite", "speed", 0.6, False, TIMES, over_yardstick("SQLite signed")),
    Goal(
        "signed over smtp-source, PostgreSQL", "speed", 0.5, False, TIMES, over_yardstick("PostgreSQL signed")
    ),
    Goal(
        "sender CPU over one RSA-2048 signature, SQLite",
        "speed",
        1.7,
        True,
        TIMES,
        over_signature("SQLite signed"),
    ),
    Goal(
        "sender CPU over one RSA-2048 signature, PostgreSQL",
        "speed",
        1.7,
        True,
        TIMES,
        over_signature("PostgreSQL signed"),
    ),
    Goal(
        "signed over the naive pipeline",
        "speed",
        30,
        False,
        TIMES,
        ratio(("SQLite signed", "rate"), ("naive",)),
    ),
    Goal(
        "memory at 1,000,000 recipients over 10,000",
        "scale",
        1.1,
        True,
        TIMES,
        ratio(("1000000", "peak_bytes"), ("10000", "peak_bytes")),
    ),
    Goal(
        "memory at 1,000,000 recipients",
        "scale",
        150,
        True,
        "MB",
        figure("1000000", "peak_bytes", per=MEGABYTE),
    ),
    Goal(
        "cost per message at 1,000,000 recipients over 10,000",
        "scale",
        1.1,
        True,
        TIMES,
        ratio(("1000000", "cpu_us"), ("10000", "cpu_us")),
    ),
    Goal(
        "send to first message, 1,000,000 recipients, SQLite",
        "first",
        3,
        True,
        "s",
        figure("SQLite", "first"),
    ),
    Goal(
        "send to first message, 1,000,000 recipients, PostgreSQL",
        "first",
        6,
        True,
        "s",
        figure("PostgreSQL", "first"),
    ),
    Goal(
        "sign-up p99 while sending over idle, SQLite",
        "latency",
        3,
        True,
        TIMES,
        ratio(("SQLite", "sending", "p99"), ("SQLite", "idle", "p99")),
    ),
    Goal(
        "sign-up p99 while sending over idle, PostgreSQL",
        "latency",
        3,
        True,
        TIMES,
        ratio(("PostgreSQL", "sending", "p99"), ("PostgreSQL", "idle", "p99")),
    ),
    Goal("sign-up POST over a bare Flask view", "signups", 0.7, False, TIMES, ratio(("ours",), ("bare",))),
    Goal("slowest editor's page, large newsroom over small", "pages", 2, True, TIMES, figure("worst_ratio")),
    Goal("slowest editor's page, large newsroom", "pages", 100, True, "ms", figure("worst_ms")),
)


def judge(results: Mapping[str, Any]) -> list[Measured]:
    """Every goal whose section has been run, in the table's order."""
    found = []
    for goal in GOALS:
        rounds = results.get(goal.section, {}).get("rounds", ())
        values = [goal.of_round(seen) for seen in rounds]
        if values:
            found.append(Measured(goal, tuple(values)))
    return found

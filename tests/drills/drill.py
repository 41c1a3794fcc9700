"""What a drill is: something that goes wrong on purpose, a figure, and the limit the figure must keep."""

from dataclasses import dataclass
from typing import Protocol

from tests.drills.ground import Ground


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a drill."""

    passed: bool
    figure: str
    limit: str


class Run(Protocol):
    """A drill at one size."""

    def __call__(self, ground: Ground) -> Verdict:
        """Do it and judge. Raises TimeoutError when what should happen does not."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A drill by name: at full size, and as the suite runs it."""

    name: str
    shows: str
    full: Run
    short: Run
    databases: tuple[str, ...] = ("sqlite", "postgresql")


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}"

"""How much is measured: the full sizes, or small ones for a quick look."""

import sys
import time
from dataclasses import dataclass

BEGAN = time.monotonic()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Sizes and numbers of rounds. ``is_quick`` figures show a direction; the goals are for full ones."""

    is_quick: bool
    rounds: int
    messages: int
    profiled: int
    scale: tuple[int, ...]
    audience: int
    latency_seconds: float
    signup_seconds: int
    page_rounds: int
    readers: int
    issues: int


FULL = Plan(
    is_quick=False,
    rounds=5,
    messages=20_000,
    profiled=20_000,
    scale=(10_000, 100_000, 1_000_000),
    audience=1_000_000,
    latency_seconds=20,
    signup_seconds=6,
    page_rounds=5,
    readers=1_000_000,
    issues=20,
)
QUICK = Plan(
    is_quick=True,
    rounds=3,
    messages=3_000,
    profiled=1_000,
    scale=(2_000, 20_000),
    audience=50_000,
    latency_seconds=4,
    signup_seconds=2,
    page_rounds=3,
    readers=50_000,
    issues=20,
)


def say(words: str) -> None:
    """Tell whoever waits, with the time since the start."""
    seconds = time.monotonic() - BEGAN
    sys.stdout.write(f"[{seconds // 60:3.0f}:{seconds % 60:02.0f}] {words}\n")
    sys.stdout.flush()

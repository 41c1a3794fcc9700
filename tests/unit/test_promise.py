"""docs/promise.md names drills that exist, all of them, and shows the figures they printed last."""

import re

from tests.drills.figures import BEGIN, END, PROMISE, load, table, with_table
from tests.drills.table import DRILLS

NAMES = {drill.name for drill in DRILLS}
FIGURE = {
    "killed-workers, SQLite": {
        "figure": "0 lost",
        "limit": "0 lost",
        "database": "sqlite",
        "seconds": 754.0,
        "passed": False,
    }
}


def named(text: str) -> set[str]:
    """The drills that the prose names: their names stand in backticks between brackets."""
    prose = text.partition(BEGIN)[0]
    return {
        name for group in re.findall(r"\(((?:`[a-z-]+`(?:, )?)+)\)", prose) for name in group.split("`")[1::2]
    }


def test_every_sentence_names_a_drill_that_exists() -> None:
    assert named(PROMISE.read_text()) - NAMES == set()


def test_every_drill_stands_behind_a_sentence() -> None:
    assert NAMES - named(PROMISE.read_text()) == set()


def test_the_table_shows_the_figures_that_were_kept() -> None:
    text = PROMISE.read_text()

    assert with_table(text, load()) == text
    assert {name.partition(",")[0] for name in load()} <= NAMES


def test_a_new_figure_goes_between_the_marks_and_says_when_it_is_broken() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    written = with_table(text, FIGURE)

    assert written == f"before\n{BEGIN}\n{table(FIGURE)}{END}\nafter\n"
    assert "| killed-workers, SQLite | 0 lost | 0 lost | **broken** | 13 min |" in written


def test_names_are_used_once() -> None:
    assert len(NAMES) == len(DRILLS)

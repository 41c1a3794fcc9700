"""The list of controls names tests that are there, and controls as the standard numbers them."""

import re
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent
DOC = (PROJECT / "docs/security.md").read_text()
ROWS = [
    line for line in DOC.splitlines() if line.startswith("| ") and not line.startswith(("| control", "|--"))
]
TESTS = {
    name
    for path in (PROJECT / "tests").rglob("test_*.py")
    for name in re.findall(r"def (test_\w+)", path.read_text())
}


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOC))

    assert len(named) > 80
    assert named - TESTS == set()


def test_every_control_that_is_met_names_a_test() -> None:
    met = [row for row in ROWS if row.count("|") == 4]

    assert len(met) > 45
    assert [row for row in met if "`test_" not in row.split("|")[3]] == []


def test_controls_stand_under_their_chapters() -> None:
    for part in DOC.split("\n## ")[1:]:
        title, *lines = part.splitlines()
        named = [int(number) for number in re.findall(r"V(\d+)", title)]
        chapters = range(min(named), max(named) + 1) if named else range(1, 18)
        for row in (line for line in lines if line in ROWS):
            numbers = re.findall(r"\b(\d+)\.\d+\b", row.split("|")[1])
            assert {int(number) for number in numbers} <= set(chapters), row

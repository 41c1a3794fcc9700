"""The benchmarks' report, from figures made by hand: no program is started and nothing is measured."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from benchmarks import goals, parts, plots, report
from benchmarks.chapters import CHAPTERS
from benchmarks.drawings import PLOTS
from benchmarks.plan import QUICK

VARIANTS = ("SQLite unsigned", "SQLite signed", "PostgreSQL unsigned", "PostgreSQL signed")
PROFILE = {"parts": {"signing": 0.75, "SMTP": 0.25}, "functions": [["mail/sign.py:1 sign", 0.5, 10.0]]}


def sent(rate: float, *, cpu_us: float = 400.0) -> dict[str, float]:
    return {
        "messages": 10,
        "rate": rate,
        "cpu_us": cpu_us,
        "children_cpu_us": cpu_us / 2,
        "database_cpu_us": 0.0,
        "sink_cpu_us": 110.0,
        "peak_bytes": 90e6,
        "first_seconds": 1.0,
    }


def speed_round(yardstick: float) -> dict[str, Any]:
    rates = {name: sent(0.7 * yardstick) for name in VARIANTS}
    return {"smtp-source": yardstick, "rsa_us": 250.0, "busy_rsa_us": 400.0, "naive": 20.0, **rates}


@pytest.fixture
def results() -> dict[str, Any]:
    """A tiny run: two rounds of everything."""
    made: dict[str, Any] = {
        "speed": {
            "rounds": [speed_round(1000.0), speed_round(2000.0)],
            "profiles": dict.fromkeys(VARIANTS, PROFILE),
        },
        "scale": {
            "rounds": [{"10000": sent(100.0), "1000000": sent(100.0, cpu_us=410.0)}] * 2,
            "store": "SQLite",
            "sizes": [10_000, 1_000_000],
        },
        "first": {
            "rounds": [
                {name: {"answered": 0.2, "begun": 0.5, "first": 1.0} for name in ("SQLite", "PostgreSQL")}
            ],
            "recipients": 1_000_000,
        },
        "latency": {
            "rounds": [
                {
                    store: {
                        state: {"p50": 3.0, "p90": 5.0, "p99": p99, "most": 30.0}
                        for state, p99 in (("idle", 10.0), ("sending", 20.0))
                    }
                    for store in ("SQLite", "PostgreSQL")
                }
            ],
            "posts_a_second": 40,
        },
        "signups": {
            "rounds": [{"ours": 900.0, "bare": 1000.0, "ours_p99_ms": 30.0, "bare_p99_ms": 20.0}],
            "profile": {"cpu_us": 1000.0, **PROFILE},
            "connections": 16,
            "store": "SQLite",
        },
        "pages": {
            "rounds": [{"worst_ratio": 1.5, "worst_ms": 40.0}],
            "pages": {
                "desk.today (SQLite)": {
                    "path": "/desk",
                    "small": [20.0],
                    "large": [30.0],
                    "statements": [[2.0, "SELECT 1"]],
                }
            },
            "readers": 1_000_000,
            "issues": 20,
        },
    }
    return {name: {**section, "of": report.circumstances(QUICK)} for name, section in made.items()}


def test_every_section_has_goals_a_chapter_and_a_plot(results: dict[str, Any]) -> None:
    with_goals = {goal.section for goal in goals.GOALS}

    assert with_goals == set(CHAPTERS) == set(PLOTS) == set(results)


def test_a_ratio_is_of_one_round_and_the_middle_of_the_rounds_counts() -> None:
    rounds = [speed_round(1000.0), speed_round(4000.0), speed_round(2000.0)]
    rounds[1]["SQLite unsigned"]["rate"] = 4400.0

    found = goals.judge({"speed": {"rounds": rounds}})[0]

    assert found.rounds == (0.7, 1.1, 0.7)
    assert found.measured == 0.7
    assert not found.is_reached


def test_a_goal_to_stay_below_is_reached_from_below(results: dict[str, Any]) -> None:
    found = {one.goal.name: one for one in goals.judge(results)}

    memory = found["memory at 1,000,000 recipients"]
    assert memory.measured == 90.0
    assert memory.is_reached


def test_the_report_writes_the_figures_for_programs_and_for_people(
    results: dict[str, Any], tmp_path: Path
) -> None:
    report.write(results, tmp_path)

    latest = json.loads((tmp_path / "benchmarks/latest.json").read_text())
    assert latest["sign-up POST over a bare Flask view"] == {
        "goal": 0.7,
        "measured": 0.9,
        "lower_is_better": False,
        "rounds": [0.9],
    }
    document = (tmp_path / "docs/benchmarks.md").read_text()
    assert "| sign-up POST over a bare Flask view | ≥ 0.7 times | **0.90** |" in document


def test_every_picture_of_the_document_is_there_and_well_formed(
    results: dict[str, Any], tmp_path: Path
) -> None:
    report.write(results, tmp_path)

    document = (tmp_path / "docs/benchmarks.md").read_text()
    drawn = list((tmp_path / "docs/images/benchmarks").glob("*.svg"))
    assert {f"(images/benchmarks/{path.name})" in document for path in drawn} == {True}
    assert document.count("](images/") == len(drawn)
    roots = {ET.parse(path).getroot().tag for path in drawn}  # noqa: S314  (our own drawings)
    assert roots == {"{http://www.w3.org/2000/svg}svg"}


def test_a_bar_is_as_long_as_its_share_of_the_longest() -> None:
    rows = [plots.Bar(label=name, value=value, low=value, high=value) for name, value in (("a", 2), ("b", 1))]

    drawn = ET.fromstring(plots.bars("Lengths", rows, unit="metres"))  # noqa: S314  (our own drawing)

    widths = [float(bar.attrib["width"]) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths[0] == pytest.approx(2 * widths[1], abs=0.1)


def test_time_that_belongs_to_no_part_goes_to_whoever_called() -> None:
    ours, library = ("/newsletters/mail/sign.py", 1, "sign"), ("~", 0, "<built-in>")
    profile = FakeStats({ours: (1, 1, 1.0, 4.0, {}), library: (1, 1, 3.0, 3.0, {ours: (1, 1, 3.0, 3.0)})})

    found = parts.shares(profile, parts.SENDER_PARTS, seconds=4.0)

    assert found.parts == {"signing": pytest.approx(1.0)}
    assert found.functions[0][0] == "<built-in>"


def test_the_price_of_the_profile_is_taken_off_every_call() -> None:
    many, one = ("/newsletters/mail/headers.py", 1, "tiny"), ("/newsletters/mail/sign.py", 1, "sign")
    profile = FakeStats({many: (1, 1_000_000, 2.0, 2.0, {}), one: (1, 1, 1.0, 1.0, {})})

    found = parts.shares(profile, parts.SENDER_PARTS, seconds=1.5)

    assert found.parts == pytest.approx({"signing": 2 / 3, "composing": 1 / 3}, rel=1e-4)


class FakeStats:
    """Just the rows of a profile."""

    def __init__(self, stats: dict[tuple[str, int, str], Any]) -> None:
        self.stats = stats

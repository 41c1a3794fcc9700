"""Plots as SVG, drawn here: bars with their spread and their goal, and bars divided into parts.

They stand in a Markdown file as pictures, so their style is inside them and follows the reader's light or
dark setting. Every number is also written as text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain

WIDTH, LABELS, NUMBERS = 800, 300, 80
ROW, BAR, TOP = 30, 16, 44
TONES = 9
STYLE = """
svg{font:13px system-ui,sans-serif}text{fill:#1f2328}.quiet{fill:#59636e;font-size:12px}
.ours{fill:#2a63c9}.other{fill:#8c96a3}.spread{stroke:#1f2328}.goal{stroke:#b3471d;stroke-width:2}
.head{font-weight:600;font-size:15px}
.t0{fill:#2a63c9}.t1{fill:#c2571a}.t2{fill:#3c8c5a}.t3{fill:#8250b8}.t4{fill:#b98a00}.t5{fill:#12808f}
.t6{fill:#b83b6e}.t7{fill:#6b7f1f}.t8{fill:#8c96a3}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9aa4b0}.spread{stroke:#f0f6fc}
.ours,.t0{fill:#6d9cf0}.other,.t8{fill:#7d8793}.t7{fill:#a9bf5a}.goal{stroke:#f0916a}.t1{fill:#e58a52}.t2{fill:#6fbf8d}
.t3{fill:#b48ee0}.t4{fill:#d9b13c}.t5{fill:#4fb5c2}.t6{fill:#e07aa5}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One quantity; ``low`` and ``high`` are the rounds' extremes, ``goal`` a mark to reach."""

    label: str
    value: float
    low: float
    high: float
    goal: float | None = None
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Divided:
    """One quantity and what it is made of."""

    label: str
    parts: dict[str, float]

    @property
    def total(self) -> float:
        return sum(self.parts.values())


def bars(title: str, rows: Sequence[Bar], *, unit: str) -> str:
    """Bars from zero on one scale."""
    top = max(chain((row.high for row in rows), (row.goal or 0 for row in rows))) or 1
    scale = (WIDTH - LABELS - NUMBERS) / top
    drawn = [_bar(row, TOP + place * ROW, scale) for place, row in enumerate(rows)]
    words = f"{unit}; the thin line spans the rounds, the upright mark is the goal"
    return _svg(title, words, drawn, height=TOP + len(rows) * ROW + 8)


def divided(title: str, rows: Sequence[Divided], *, unit: str) -> str:
    """Bars of parts on one scale, with one key to all of them."""
    names = list(dict.fromkeys(name for row in rows for name in row.parts))
    scale = (WIDTH - LABELS - NUMBERS) / (max(row.total for row in rows) or 1)
    drawn = [_parts(row, TOP + place * ROW, scale, names) for place, row in enumerate(rows)]
    below = TOP + len(rows) * ROW + 18
    drawn += [_key(name, place, below) for place, name in enumerate(names)]
    return _svg(title, unit, drawn, height=below + (len(names) + 2) // 3 * 20 + 4)


def number(value: float) -> str:
    """As many digits as tell something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _bar(row: Bar, y: int, scale: float) -> str:
    middle, end = y + BAR / 2, LABELS + row.value * scale
    tone = "ours" if row.is_ours else "other"
    drawn = [
        _text(row.label, LABELS - 10, middle, anchor="end"),
        f'<rect class="{tone}" x="{LABELS}" y="{y}" width="{row.value * scale:.1f}" height="{BAR}" rx="2"/>',
        f'<line class="spread" x1="{LABELS + row.low * scale:.1f}" x2="{LABELS + row.high * scale:.1f}"'
        f' y1="{middle}" y2="{middle}"/>',
    ]
    if row.goal is not None:
        x = LABELS + row.goal * scale
        drawn.append(f'<line class="goal" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 4}" y2="{y + BAR + 4}"/>')
        end = max(end, x)
    drawn.append(_text(number(row.value), max(end, LABELS + row.high * scale) + 8, middle))
    return "".join(drawn)


def _parts(row: Divided, y: int, scale: float, names: Sequence[str]) -> str:
    drawn, x = [_text(row.label, LABELS - 10, y + BAR / 2, anchor="end")], float(LABELS)
    for name, value in row.parts.items():
        width = value * scale
        tone = f"t{names.index(name) % TONES}"
        words = escape(f"{name}: {number(value)}")
        drawn.append(
            f'<rect class="{tone}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}">'
            f"<title>{words}</title></rect>"
        )
        x += width
    drawn.append(_text(number(row.total), x + 8, y + BAR / 2))
    return "".join(drawn)


def _key(name: str, place: int, top: int) -> str:
    x, y = 20 + place % 3 * 260, top + place // 3 * 20
    box = f'<rect class="t{place % TONES}" x="{x}" y="{y}" width="12" height="12"/>'
    return box + _text(name, x + 18, y + 6)


def _text(words: str, x: float, y: float, *, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y + 4.5:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(title: str, words: str, drawn: Sequence[str], *, height: int) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'role="img"><title>{escape(title)}</title><style>{STYLE.strip()}</style>'
        f'<text class="head" x="8" y="18">{escape(title)}</text>'
        f'<text class="quiet" x="8" y="34">{escape(words)}</text>'
    )
    return "\n".join((head, *drawn, "</svg>\n"))

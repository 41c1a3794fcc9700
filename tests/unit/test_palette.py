"""The colours: equal in CSS and Python, and readable in both themes."""

import re
from itertools import product
from pathlib import Path

import pytest

from newsletters.publishing import palette

CSS = Path(__file__).parents[2] / "newsletters/static/css"
TOKENS = (CSS / "tokens.css").read_text()
MAIL = Path(__file__).parents[2] / "templates/mail/layout.html"
BLOCK = re.compile(r":root \{([^{}]*)\}")
RAW = re.compile(r"--raw-([a-z-]+):\s*(#[0-9a-f]{6});")

HEX = re.compile(r"#[0-9a-f]{3,8}\b")
ON_PAPER = {"#fff", "#000", "#333"}  # what is printed, and a mail, which brings its own colours

SURFACES = ("paper", "raised", "sunken")
WORDS = ("ink", "ink-soft", "good", "warn", "bad", "info")
THEMES = ("light", "dark")


def raw_values(theme: str) -> dict[str, str]:
    """The colours of the block that says it is for ``theme``."""
    (block,) = (body for body in BLOCK.findall(TOKENS) if f"color-scheme: {theme};" in body)
    return dict(RAW.findall(block))


def channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def mixed(part: float, colour: str, ground: str) -> str:
    """CSS ``color-mix(in srgb, colour part, ground)``."""
    pairs = zip(channels(colour), channels(ground), strict=True)
    return "#" + "".join(f"{round((a * part + b * (1 - part)) * 255):02x}" for a, b in pairs)


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2: 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_measured_as_wcag_measures_it() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


def test_there_are_twelve_accents() -> None:
    assert len(palette.ACCENTS) == 12
    assert palette.DEFAULT_ACCENT in palette.ACCENTS


def test_css_and_python_name_the_same_colours() -> None:
    light, dark = raw_values("light"), raw_values("dark")
    grounds = {
        "paper": palette.PAPER,
        "raised": palette.RAISED,
        "sunken": palette.SUNKEN,
        "rule": palette.RULE,
        "ink": palette.INK,
        "ink-soft": palette.INK_SOFT,
        "on-accent": palette.ON_ACCENT,
    }

    for name, shade in {**palette.ACCENTS, **grounds}.items():
        assert (light[name], dark[name]) == (shade.light, shade.dark), name


def test_every_accent_has_its_class_and_no_class_is_without_its_accent() -> None:
    classes = dict(re.findall(r"\.accent-([a-z]+) \{ --accent: var\(--raw-([a-z]+)\); \}", TOKENS))

    assert classes == {name: name for name in palette.ACCENTS}


def test_the_dark_theme_redefines_every_raw_value() -> None:
    assert raw_values("dark").keys() == raw_values("light").keys()


@pytest.mark.parametrize("theme", THEMES)
def test_words_and_accents_can_be_read_on_every_surface(theme: str) -> None:
    colours = raw_values(theme)

    for word, surface in product((*WORDS, *palette.ACCENTS), SURFACES):
        assert contrast(colours[word], colours[surface]) >= 4.5, (word, surface)


@pytest.mark.parametrize("theme", THEMES)
def test_the_words_on_a_button_can_be_read_also_while_it_is_pointed_at(theme: str) -> None:
    colours = raw_values(theme)

    for accent in (*palette.ACCENTS, "bad", "ink"):
        assert contrast(colours["on-accent"], colours[accent]) >= 4.5, accent
        assert contrast(colours["on-accent"], mixed(0.85, colours[accent], colours["ink"])) >= 4.5, accent


@pytest.mark.parametrize("theme", THEMES)
def test_a_notice_can_be_read_on_its_tint(theme: str) -> None:
    colours = raw_values(theme)

    for tone in ("good", "warn", "bad", "info"):
        tint = mixed(0.08, colours[tone], colours["paper"])
        assert contrast(colours["ink"], tint) >= 7, tone
        assert contrast(colours[tone], tint) >= 4.5, tone


@pytest.mark.parametrize("theme", THEMES)
def test_the_edge_of_a_field_can_be_seen(theme: str) -> None:
    colours = raw_values(theme)

    for surface in SURFACES:
        assert contrast(colours["rule-strong"], colours[surface]) >= 3, surface


def test_mail_wears_the_same_colours() -> None:
    grounds = (value for value in vars(palette).values() if isinstance(value, palette.Shade))
    shades = (*grounds, *palette.ACCENTS.values())

    in_mail = set(re.findall(r"#[0-9a-f]{6}\b", MAIL.read_text()))

    assert in_mail - {colour for shade in shades for colour in (shade.light, shade.dark)} == set()


def test_an_accent_that_is_gone_falls_back_to_the_default() -> None:
    assert palette.accent("puce") == palette.accent(palette.DEFAULT_ACCENT)


def test_colours_are_written_in_tokens_alone() -> None:
    sheets = [sheet for sheet in CSS.glob("*.css") if sheet.name != "tokens.css"]

    strays = {sheet.name: set(HEX.findall(sheet.read_text())) - ON_PAPER for sheet in sheets}

    assert not any(strays.values()), strays

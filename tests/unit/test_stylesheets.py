"""The stylesheets, the macros and the templates say the same."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHEETS = sorted((ROOT / "newsletters/static/css").glob("*.css"))
PAGES = [page for page in sorted((ROOT / "templates").rglob("*.html")) if "mail" not in page.parts]
JINJA = re.compile(r"\{[{%#].*?[}%#]\}", re.DOTALL)
IMPORT = re.compile(r'\{%-? from "[^"]+" import ([^%]+?)(?: with context)? -?%\}')
LAYERS = re.compile(r"@layer (tokens|base|components|reset)\b")


def classes_of(page: Path) -> set[str]:
    """What stands in class attributes as it is, without the names that Jinja completes."""
    found = re.findall(r'class="([^"]*)"', page.read_text())
    names = {name for value in found for name in JINJA.sub(" ", value).split()}
    return {name for name in names if re.fullmatch(r"[a-z][a-z0-9-]*[a-z0-9]", name)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "templates")))
def test_every_class_of_a_page_has_its_rule(page: Path) -> None:
    rules = {name for sheet in SHEETS for name in re.findall(r"\.([a-z][a-z0-9-]*)", sheet.read_text())}

    assert classes_of(page) - rules == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "templates")))
def test_a_page_takes_only_the_macros_that_it_uses(page: Path) -> None:
    text = page.read_text()
    taken = {name.strip().split(" as ")[-1] for names in IMPORT.findall(text) for name in names.split(",")}

    used = set(re.findall(r"\w+", IMPORT.sub("", text)))

    assert taken - used == set()


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_every_rule_stands_in_a_layer(sheet: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)

    depth, outside = 0, []
    for line in text.splitlines():
        if depth == 0 and line.strip() and not LAYERS.match(line):
            outside.append(line)
        depth += line.count("{") - line.count("}")

    assert outside == []
    assert depth == 0

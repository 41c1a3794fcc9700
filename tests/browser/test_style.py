"""The style page, which shows every component in every state, in a real browser."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from newsletters.accounts.sessions import open_session
from newsletters.kernel.db import Database
from tests.browser.looking import DESK, NARROWEST, PHONE, axe_problems, scrolls_sideways
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.factories import make_editor

pytestmark = pytest.mark.browser


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    with serving(app) as address:
        yield address


@pytest.fixture
def style_page(address: str, db: Database, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """Open the style page as a signed-in editor."""
    with db.transaction() as session:
        cookie = open_session(session, make_editor(session), user_agent="Test", now=NOW)

    def open_it(**options: object) -> Page:
        page = new_page(**options)
        page.context.add_cookies([{"name": "desk", "value": cookie, "url": address}])
        page.goto(f"{address}/desk/style")
        assert page.title().startswith("Style")
        return page

    return open_it


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_axe_finds_nothing(style_page: Callable[..., Page], width: int, theme: str) -> None:
    assert axe_problems(style_page(width=width, theme=theme)) == []


@pytest.mark.parametrize("width", [NARROWEST, PHONE, 720, DESK])
def test_nothing_is_wider_than_the_window(style_page: Callable[..., Page], width: int) -> None:
    assert not scrolls_sideways(style_page(width=width))


def test_the_menu_of_a_phone_opens_by_keyboard_and_without_javascript(
    style_page: Callable[..., Page],
) -> None:
    page = style_page(width=PHONE, javascript=False)
    rooms = page.locator(".desk-menu nav")
    assert not rooms.is_visible()

    page.locator(".desk-menu summary").focus()
    page.keyboard.press("Enter")

    expect(rooms.get_by_role("link", name="Issues")).to_be_visible()


def test_the_first_stop_of_the_keyboard_skips_to_the_text(style_page: Callable[..., Page]) -> None:
    page = style_page()

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()


def test_a_table_stays_a_table_where_it_looks_like_cards(style_page: Callable[..., Page]) -> None:
    table = style_page(width=PHONE).get_by_role("table", name="Readers of Explaining Ukraine")

    assert table.get_by_role("rowheader").count() == 4
    assert table.get_by_role("cell", name="Active").count() == 1


def test_every_target_on_a_phone_is_large_enough(style_page: Callable[..., Page]) -> None:
    """WCAG 2.2, 2.5.8: at least 24 by 24 pixels."""
    page = style_page(width=PHONE)

    heights = page.locator(".button, .field input, .field select, .tabs a").evaluate_all(
        "all => all.filter(one => one.offsetParent && !['radio', 'checkbox'].includes(one.type))"
        ".map(one => one.getBoundingClientRect().height)"
    )

    assert heights
    assert min(heights) >= 24

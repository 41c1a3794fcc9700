"""The desk's page about mail servers in a real browser: in trouble and before anything was sent."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from newsletters.accounts.models import Role
from newsletters.accounts.sessions import open_session
from newsletters.app import create_app
from newsletters.delivery import servers_books
from newsletters.delivery.servers_books import Count
from newsletters.kernel.db import Database
from newsletters.runtime import Runtime
from tests.browser.looking import DESK, PHONE, axe_problems, scrolls_sideways
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.dispatching import ONE, OTHER, POLICY, PUT_OFF, Flow
from tests.factories import make_editor

pytestmark = pytest.mark.browser

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
RULES = f"""
[servers."{ONE}"]
rate = "14/second"
warm_up = {{ since = 2026-03-01, days = [50, 80000, 100000] }}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES)
    return path


@pytest.fixture
def desk(runtime: Runtime, db: Database, rules: Path) -> Iterator[tuple[str, str]]:
    """The page's address and an owner's cookie."""
    with db.transaction() as session:
        owner = make_editor(session, role=Role.OWNER, name="Ada Reporter")
        cookie = open_session(session, owner, user_agent="Test", now=NOW)
    config = replace(runtime.config, smtp_url=f"smtp://{ONE} smtp://{OTHER}?weight=3", shaping_file=rules)
    with serving(create_app(config, runtime=replace(runtime, config=config))) as address:
        yield f"{address}/desk/servers", cookie


def _open(page: Page, desk: tuple[str, str]) -> None:
    address, cookie = desk
    page.context.add_cookies([{"name": "desk", "value": cookie, "url": address}])
    page.goto(address)


def _in_trouble(db: Database, folder: Path) -> None:
    """An hour of sending, then a refusing provider, a domain that puts everything off, and a server away."""
    with db.transaction() as session:
        for minute in range(60):
            google = Count(accepted=400 + 13 * minute % 90)
            counts = {(ONE, "google"): google, (OTHER, ""): Count(accepted=90), (OTHER, "ukrnet"): Count(70)}
            servers_books.add_counts(session, counts, now=NOW - minute * MINUTE)
    flow = Flow(db, folder, rules=RULES, servers=(ONE, OTHER), now=NOW - 5 * SECOND)
    flow.add(60, "gmail.com")
    flow.add(60, "newsroom.example")
    while placed := flow.take():
        for letter in placed:
            flow.end([letter], POLICY if letter.group == "google" else PUT_OFF)
    flow.now = NOW - SECOND
    flow.fail(OTHER)
    flow.refresh()


@pytest.mark.parametrize(
    ("width", "theme"), [(PHONE, "dark"), (PHONE, "light"), (DESK, "light"), (DESK, "dark")]
)
def test_the_page_is_accessible_and_fits_in_trouble(
    desk: tuple[str, str],
    db: Database,
    tmp_path: Path,
    new_page: Callable[..., Page],
    width: int,
    theme: str,
) -> None:
    _in_trouble(db, tmp_path)
    page = new_page(width=width, theme=theme)

    _open(page, desk)

    page.get_by_text("All rules in force").click()
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/servers-{width}-{theme}.png", full_page=True)
    assert axe_problems(page) == []
    assert not scrolls_sideways(page)
    assert page.locator("h1").count() == 1


def test_the_page_is_friendly_before_anything_was_sent(
    desk: tuple[str, str], new_page: Callable[..., Page], rules: Path
) -> None:
    page = new_page(width=PHONE)
    rules.write_text("[default]\nconnection = 5\n")

    _open(page, desk)

    expect(page.get_by_role("heading", name="Nothing has been sent yet")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("connection: unknown")
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/servers-empty.png", full_page=True)
    assert axe_problems(page) == []


def test_an_owner_has_a_resting_provider_tried_without_scripts(
    desk: tuple[str, str], db: Database, tmp_path: Path, new_page: Callable[..., Page]
) -> None:
    _in_trouble(db, tmp_path)
    page = new_page(javascript=False)
    _open(page, desk)

    page.get_by_role("row", name="Google").get_by_role("button", name="Try again now").click()

    expect(page.get_by_role("status")).to_contain_text("Google is being tried with one letter")
    expect(page.get_by_role("row", name="Google").get_by_text("Tried with the next letter")).to_be_visible()

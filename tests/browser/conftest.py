"""One Chromium for all browser tests of a process, and pages at a width and in a theme."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright
from sqlalchemy import delete

from newsletters.kernel.limits import RateWindow
from tests.browser.live import Live, running
from tests.conftest import fresh_database

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
HEIGHT = 900
PATIENCE_MILLISECONDS = 60_000  # a bound for a machine that is very busy
expect.set_options(timeout=PATIENCE_MILLISECONDS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def live(migrated: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A whole newsroom in processes of its own, with the demo's newsletters; shared by a module's tests."""
    folder = tmp_path_factory.mktemp("live")
    with fresh_database(migrated, folder) as database_url, running(folder, database_url) as newsroom:
        yield newsroom


@pytest.fixture(autouse=True)
def quiet_hour(request: pytest.FixtureRequest) -> None:
    """All tests post from one address: each begins as if it had posted nothing in this hour."""
    if "live" not in request.fixturenames:
        return
    live: Live = request.getfixturevalue("live")
    with live.runtime.db.transaction() as session:
        session.execute(delete(RateWindow).where(RateWindow.key.startswith("posts ")))


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages: ``new_page(width=390, theme="dark", javascript=False, locale="uk")``, each a new person.

    A script that throws or breaks the content security policy fails the test.
    """
    contexts = []
    complaints: list[str] = []

    def open_page(
        *,
        width: int = 1440,
        theme: str = "light",
        javascript: bool = True,
        locale: str = "en-GB",
        **options: Any,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": HEIGHT},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=javascript,
            locale=locale,
            **options,
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if _breaks_policy(said) else None)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """A desk-wide page in the light theme."""
    return new_page()


def _breaks_policy(said: ConsoleMessage) -> bool:
    """What a mail asks for within the sink's frame is blocked on purpose and no complaint."""
    return "Content Security" in said.text and not said.location["url"].endswith("/frame")

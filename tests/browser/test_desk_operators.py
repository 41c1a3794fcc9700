"""What owners see of the machines, in a real browser: the hold after a copy was put back, and the workers."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from newsletters.accounts.models import Role
from newsletters.accounts.sessions import open_session
from newsletters.app import create_app
from newsletters.delivery import restoring
from newsletters.kernel import restorations
from newsletters.kernel.db import Database
from newsletters.kernel.roster import Announcement, announce
from newsletters.runtime import Runtime
from tests.browser.looking import DESK, PHONE, axe_problems, scrolls_sideways
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.delivering import claim_batch, make_audience, start_issue
from tests.factories import make_editor

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(runtime: Runtime, db: Database) -> Iterator[tuple[str, str]]:
    """The desk's address and an owner's cookie."""
    with db.transaction() as session:
        owner = make_editor(session, role=Role.OWNER, name="Ada Reporter")
        cookie = open_session(session, owner, user_agent="Test", now=NOW)
    with serving(create_app(runtime.config, runtime=runtime)) as address:
        yield f"{address}/desk", cookie


def _open(page: Page, desk: tuple[str, str], path: str = "") -> None:
    address, cookie = desk
    page.context.add_cookies([{"name": "desk", "value": cookie, "url": address}])
    page.goto(address + path)


def _look_at(page: Page, name: str) -> None:
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)
    assert axe_problems(page) == []
    assert not scrolls_sideways(page)


@pytest.mark.parametrize(("width", "theme"), [(PHONE, "dark"), (DESK, "light")])
def test_an_owner_reads_what_is_held_and_releases_it(
    desk: tuple[str, str], runtime: Runtime, new_page: Callable[..., Page], width: int, theme: str
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 3))
    with runtime.db.transaction() as session:
        copy = restorations.mark(session, copied_at=NOW - timedelta(hours=2))
        restoring.stand_still(session, copy, before=NOW, now=NOW)
    page = new_page(width=width, theme=theme)

    _open(page, desk, f"/issues/{issue_id}")
    _look_at(page, f"held-issue-{width}-{theme}")
    with page.expect_navigation():
        page.get_by_role("link", name="What to look at").click()
    _look_at(page, f"held-{width}-{theme}")
    page.get_by_role("button", name="We have looked: release the sending").click()

    expect(page.get_by_role("status")).to_contain_text("Sending is released")
    expect(page.get_by_text("Sending is held")).to_have_count(0)


@pytest.mark.parametrize(("width", "theme"), [(PHONE, "light"), (DESK, "dark")])
def test_the_page_of_workers_is_accessible_and_fits(
    desk: tuple[str, str], runtime: Runtime, new_page: Callable[..., Page], width: int, theme: str
) -> None:
    start_issue(runtime, make_audience(runtime.db, 1))
    with runtime.db.transaction() as session:
        for name, host, ago in (
            ("busy", "mail1.newsroom.example", 5),
            ("gone", "mail2.newsroom.example", 90),
        ):
            said = Announcement(name, host, "1a2b3c4d")
            announce(session, said, now=NOW - timedelta(seconds=ago))
    claim_batch(runtime, "busy")
    page = new_page(width=width, theme=theme)

    _open(page, desk, "/workers")

    _look_at(page, f"workers-{width}-{theme}")
    expect(page.get_by_role("heading", name="2 programs")).to_be_visible()

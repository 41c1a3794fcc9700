"""Newer rooms and pages by keyboard alone, and what a screen reader calls the things in them."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from newsletters.accounts.models import Role
from newsletters.accounts.sessions import open_session
from newsletters.kernel import roster, totp
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.runtime import Runtime
from tests.browser.looking import PHONE
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.desk import PASSWORD
from tests.factories import make_editor, make_newsletter, make_subscriber, make_subscription
from tests.second_factor import plain_editor, secret_in

pytestmark = pytest.mark.browser
NewPage = Callable[..., Page]
FARTHEST = 60  # stops of the keyboard: more than any of these pages has


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    with serving(app) as url:
        yield url


@pytest.fixture
def desk(address: str, db: Database, new_page: NewPage) -> Page:
    """A page that is signed in as an owner."""
    with db.transaction() as session:
        cookie = open_session(session, make_editor(session, role=Role.OWNER), user_agent="Test", now=NOW)
    page = new_page(width=PHONE)
    page.context.add_cookies([{"name": "desk", "value": cookie, "url": address}])
    return page


def go_to(page: Page, role: str, name: str) -> None:
    """Press Tab until the thing of that role and name has the focus."""
    wanted = page.get_by_role(role, name=name, exact=True)  # type: ignore[arg-type]
    for _ in range(FARTHEST):
        if wanted.evaluate_all("each => each.includes(document.activeElement)"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to the {role} {name!r}")


def press(page: Page, name: str) -> None:
    """Find a button by Tab and press it; the next page has come when this returns."""
    go_to(page, "button", name)
    send(page)


def send(page: Page) -> None:
    """Press Enter where the focus is, and wait for the page that it leads to."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_pause_behind_the_link_to_leave_takes_few_keys_and_ends_as_easily(
    address: str, db: Database, runtime: Runtime, new_page: NewPage
) -> None:
    with db.transaction() as session:
        number = make_subscription(
            session, make_newsletter(session, name="Weekly"), make_subscriber(session)
        ).id
    page = new_page(width=PHONE)
    page.goto(f"{address}/unsubscribe/{runtime.signer.sign(Purpose.UNSUBSCRIBE, number, 0)}")
    expect(page.get_by_role("button", name="Unsubscribe")).to_be_focused()
    send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    expect(page.get_by_role("region", name="Or only a pause?")).to_match_aria_snapshot("""
        - heading "Or only a pause?" [level=2]
        - button "Pause for 14 days"
        - button "Pause for 30 days"
        - button "Pause for 90 days"
        """)

    press(page, "Pause for 14 days")
    expect(page.get_by_role("heading", level=1)).to_have_text("A pause")
    press(page, "End the pause")

    expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed again")


def test_the_second_step_is_set_up_by_keyboard(
    address: str, db: Database, clock: FixedClock, new_page: NewPage
) -> None:
    editor, page = plain_editor(db), new_page(width=PHONE)
    page.context.grant_permissions(["clipboard-write"])
    page.goto(f"{address}/desk/account/second-factor")
    go_to(page, "textbox", "Your e-mail address")
    page.keyboard.type(editor.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    send(page)
    go_to(page, "textbox", "Your password")
    page.keyboard.type(PASSWORD)
    send(page)
    expect(page.get_by_role("img", name="QR code with the secret for your app")).to_be_visible()
    go_to(page, "textbox", "Code from the app")

    page.keyboard.type("000000")
    send(page)
    expect(page.get_by_role("alert")).to_contain_text("Code from the app")
    expect(page.get_by_label("Code from the app")).to_have_attribute("aria-invalid", "true")
    go_to(page, "textbox", "Code from the app")
    page.keyboard.press("Control+A")
    page.keyboard.type(totp.code(secret_in(page.content()), totp.step_at(clock.now())))
    send(page)

    expect(page.get_by_role("status")).to_contain_text("The second step is on")
    expect(
        page.get_by_role("region", name="Keep them now: they are shown this once")
    ).to_match_aria_snapshot("""
        - list
        - button "Download as a file"
        - button "Copy"
        - button "Print"
        - link "I have kept them"
        """)
    go_to(page, "button", "Copy")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Copied")).to_be_focused()


def test_questions_change_places_by_keyboard_and_each_copy_says_what_it_copies(
    address: str, db: Database, desk: Page
) -> None:
    with db.transaction() as session:
        make_newsletter(session, name="Weekly")
    desk.goto(f"{address}/desk/forms/new")
    go_to(desk, "textbox", "Name of the form")
    desk.keyboard.type("by-keyboard")
    desk.get_by_role("group", name="Weekly").get_by_label("Offered").focus()
    desk.keyboard.press("Space")
    for words in ("First", "Second"):
        desk.get_by_role("group", name="One question more").get_by_label("The question · English").focus()
        desk.keyboard.type(words)
        press(desk, "Room for one more")

    press(desk, "Move question 1 down")
    expect(desk.get_by_role("button", name="Move question 2 up")).to_be_focused()
    expect(desk.get_by_role("group", name="Question 1").get_by_label("The question · English")).to_have_value(
        "Second"
    )
    send(desk)
    expect(desk.get_by_role("button", name="Move question 1 down")).to_be_focused()
    press(desk, "Save")

    copies = desk.get_by_role("button", name="Copy")
    expect(copies.nth(0)).to_have_accessible_description("Code of the plain form")
    expect(copies.nth(1)).to_have_accessible_description("Code of the form that answers in place")
    expect(copies.nth(2)).to_have_accessible_description("Code of the frame")


def test_the_room_of_the_workers_is_told_cell_by_cell(address: str, db: Database, desk: Page) -> None:
    with db.transaction() as session:
        roster.announce(session, roster.Announcement("w", "north", "1.2.3"), now=NOW)

    desk.goto(f"{address}/desk/workers")

    row = desk.get_by_role("table", name="heard of within ten minutes").get_by_role("row", name="north")
    expect(row.get_by_role("rowheader")).to_have_text("north")
    expect(row.get_by_role("cell", name="1.2.3")).to_be_visible()
    expect(desk.get_by_role("columnheader", name="Last heard")).to_be_visible()

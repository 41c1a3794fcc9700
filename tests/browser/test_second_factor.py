"""The second factor in a real browser: set up on a phone without scripts, then asked for."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from newsletters.accounts.models import Editor
from newsletters.kernel import totp
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.runtime import Runtime
from tests.browser.looking import PHONE, axe_problems, scrolls_sideways, scrolls_when_magnified
from tests.browser.serving import serving
from tests.desk import PASSWORD
from tests.second_factor import HALF_MINUTE, guarded_editor, plain_editor, secret_in

pytestmark = pytest.mark.browser


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    with serving(app) as url:
        yield url


def look(page: Page, name: str) -> list[str]:
    """What is wrong with the page as it stands."""
    found = axe_problems(page)
    found += ["scrolls sideways"] if scrolls_sideways(page) else []
    found += ["too wide when magnified"] if scrolls_when_magnified(page) else []
    return [f"{name}: {problem}" for problem in found]


def give_password(page: Page, address: str, editor: Editor) -> None:
    page.goto(f"{address}/desk/account/second-factor")
    page.get_by_label("Your e-mail address").fill(editor.email)
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()


def take_secret(page: Page) -> bytes:
    """Ask for the secret and read it from the page."""
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Show me the secret").click()
    expect(page.get_by_role("heading", name="2. Type the code that it shows")).to_be_visible()
    return secret_in(page.content())


def give_code(page: Page, code: str, button: str) -> None:
    page.get_by_label("Code from the app").fill(code)
    with page.expect_navigation():
        page.get_by_role("button", name=button, exact=True).click()


def test_it_is_set_up_on_a_phone_without_scripts_and_asked_for_from_then_on(
    address: str, db: Database, clock: FixedClock, new_page: Callable[..., Page]
) -> None:
    editor = plain_editor(db)
    page = new_page(width=PHONE, javascript=False)
    give_password(page, address, editor)

    secret = take_secret(page)
    give_code(page, totp.code(secret, totp.step_at(clock.now())), "Turn it on")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as a file").click()
    page.get_by_role("link", name="I have kept them").click()
    page.context.clear_cookies()
    clock.advance(HALF_MINUTE)
    give_password(page, address, editor)
    give_code(page, totp.code(secret, totp.step_at(clock.now())), "Sign in")

    expect(page.get_by_role("heading", level=1)).to_have_text("A second step for signing in")
    expect(page.get_by_label("Code from the app, or a recovery code")).to_be_visible()
    assert len(re.findall(r"^(\w{4}-){2}\w{4}\r?$", download.value.path().read_text(), re.MULTILINE)) == 10


def test_every_page_of_it_is_accessible_and_fits_and_codes_are_copied(
    address: str, db: Database, runtime: Runtime, clock: FixedClock, new_page: Callable[..., Page]
) -> None:
    editor = plain_editor(db)
    guarded_editor(db, runtime)
    page = new_page(width=PHONE, theme="dark")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    give_password(page, address, editor)
    wrong = look(page, "off")
    secret = take_secret(page)
    wrong += look(page, "offered")
    give_code(page, totp.code(secret, totp.step_at(clock.now())), "Turn it on")
    wrong += look(page, "codes")

    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    shown = page.locator("#recovery-codes li").all_text_contents()
    for name, path in (("editors", "/desk/editors"), ("on", "/desk/account/second-factor")):
        page.goto(address + path)
        wrong += look(page, name)
    page.context.clear_cookies()
    give_password(page, address, editor)
    wrong += look(page, "asked")
    with page.expect_navigation():
        page.get_by_role("link", name="Use a recovery code").click()
    wrong += look(page, "recovery")

    assert copied.split("\n") == shown
    assert wrong == []

"""A Ukrainian reader from the form to the pause, in a real browser: sound at every step and width."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.live import Live
from tests.browser.looking import DESK, NARROWEST, PHONE, axe_problems, scrolls_sideways

pytestmark = pytest.mark.browser
NewPage = Callable[..., Page]


def problems_of(page: Page) -> list[str]:
    expect(page.locator("html")).to_have_attribute("lang", "uk")
    return axe_problems(page) + (["wider than the window"] if scrolls_sideways(page) else [])


@pytest.mark.parametrize("width", [NARROWEST, PHONE, DESK])
def test_signing_up_confirming_and_pausing_in_ukrainian(live: Live, new_page: NewPage, width: int) -> None:
    page = new_page(width=width, locale="uk-UA")
    email = f"olena.{width}@readers.example"
    problems: list[str] = []

    page.goto(live.url)
    problems += problems_of(page)
    page.get_by_role("link", name="Українська неділя").click()
    field = page.get_by_label("Введіть свою електронну адресу, щоб підписатися")
    field.fill("хто?")
    page.get_by_role("button", name="Підписатися").click()
    expect(page.get_by_role("alert")).to_contain_text("Будь ласка, введіть правильну електронну адресу")
    problems += problems_of(page)
    field.fill(email)
    page.get_by_role("button", name="Підписатися").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Підписку оформлено")
    problems += problems_of(page)
    mail = live.sink.message(to=email)
    page.get_by_label("Шестизначний код із листа").fill(re.findall(r"\b\d{6}\b", mail.text)[0])
    page.get_by_role("button", name="Підтвердити").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Вітаємо! Вашу підписку підтверджено.")
    problems += problems_of(page)
    page.get_by_role("main").get_by_role("link", name="Ваші налаштування").click()
    page.get_by_text("Призупинити «Українська неділя»").click()
    problems += problems_of(page)

    assert problems == []
    assert "Або введіть цей код там, де ви підписувалися" in mail.text


def test_an_english_browser_meets_ukrainian_with_a_way_out(live: Live, new_page: NewPage) -> None:
    page = new_page(width=PHONE)

    page.goto(f"{live.url}/newsletters/ukrainska-nedilia")
    expect(page.locator("html")).to_have_attribute("lang", "uk")
    page.get_by_role("navigation", name="Мова").get_by_role("link", name="English").click()

    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name="Subscribe to Українська неділя")).to_be_visible()
    assert axe_problems(page) == []

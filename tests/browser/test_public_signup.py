"""A reader's way through our own pages in a real browser, against the whole running newsroom."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from newsletters.subscribers.guard import CLIENT
from tests.browser.live import Live, crowd, six_digits
from tests.browser.looking import axe_problems, scrolls_sideways
from tests.sink import SinkMessage

pytestmark = pytest.mark.browser
NewPage = Callable[..., Page]


def test_the_browser_that_signed_up_confirms_with_the_click_in_the_mail(
    live: Live, new_page: NewPage
) -> None:
    page = new_page()
    sign_up(page, live, "same.browser@readers.example", "Explaining Ukraine")

    page.goto(confirm_link(live, "same.browser@readers.example"))

    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome. Your subscription is confirmed.")
    expect(page.get_by_role("link", name="What is a hromada, and why does it matter")).to_be_visible()


def test_another_browser_confirms_with_one_button(live: Live, new_page: NewPage) -> None:
    sign_up(new_page(), live, "other.browser@readers.example", "Morning Brief")
    elsewhere = new_page(width=390)

    elsewhere.goto(confirm_link(live, "other.browser@readers.example"))
    expect(elsewhere.get_by_role("heading", level=1)).to_have_text("Confirm your subscription")
    elsewhere.get_by_role("button", name="Yes, subscribe me").click()

    expect(elsewhere.get_by_role("heading", level=1)).to_have_text("Welcome. Your subscription is confirmed.")


def test_everything_works_without_a_script_and_by_keyboard(live: Live, new_page: NewPage) -> None:
    page = new_page(javascript=False, width=320)
    page.goto(f"{live.url}/newsletters/kyiv-dispatch")

    page.get_by_label("Enter your email to subscribe").focus()
    page.keyboard.type("no.script@readers.example")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Successfully subscribed")
    code = live.sink.message(to="no.script@readers.example").text
    page.get_by_label("Six-digit code from the mail").fill(six_digits(code))
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome. Your subscription is confirmed.")


@pytest.mark.parametrize(
    ("theme", "width", "slip"), [("light", 390, "gmaik.com"), ("dark", 1440, "gmsil.com")]
)
def test_after_the_sign_up_a_slip_is_mended_and_a_newsletter_added(
    live: Live, new_page: NewPage, theme: str, width: int, slip: str
) -> None:
    page = new_page(theme=theme, width=width)
    page.clock.install()
    sign_up(page, live, f"olena@{slip}", "Morning Brief")
    assert axe_problems(page) == []

    page.get_by_role("button", name="Yes, use this one").click()
    page.get_by_role("button", name="Add The Data Desk").click()

    expect(page.get_by_role("definition").filter(has_text="Morning Brief, The Data Desk")).to_be_visible()
    expect(page.get_by_role("link", name="Open Gmail")).to_have_attribute("rel", "noopener noreferrer")
    assert axe_problems(page) == []
    assert not scrolls_sideways(page)
    again = page.get_by_role("button", name="Send the mail again")
    expect(again).to_have_attribute("aria-disabled", "true")
    page.clock.fast_forward("01:01")
    expect(page.get_by_role("status")).to_have_text("No mail yet? You can have it sent again now.")
    again.click()
    expect(page.get_by_role("status").first).to_contain_text("another one is on its way")


def test_an_error_is_tied_to_its_field_and_keeps_what_was_typed(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.url)
    page.get_by_label("Send me The Data Desk").check()
    page.get_by_label("Enter your email to subscribe").fill("olena at home")
    page.get_by_role("button", name="Subscribe").click()

    field = page.get_by_label("Enter your email to subscribe")
    expect(field).to_have_value("olena at home")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("Error: Please, enter correct email address")
    expect(page.get_by_label("Send me The Data Desk")).to_be_checked()
    page.get_by_role("alert").get_by_role("link").click()
    expect(field).to_be_focused()


def test_a_scanner_that_runs_scripts_confirms_nothing(live: Live, new_page: NewPage) -> None:
    sign_up(new_page(), live, "scanned@readers.example", "Culture Weekend")
    scanner = new_page()
    message = live.sink.message(to="scanned@readers.example")

    for link in message.links:
        if link.startswith(live.url):
            scanner.request.head(link)
            if "/c/" in link:
                scanner.request.get(link)
            else:
                scanner.goto(link, wait_until="networkidle")

    reader = new_page()
    reader.goto(message.link("/confirm/"))
    expect(reader.get_by_role("button", name="Yes, subscribe me")).to_be_visible()


def test_leaving_takes_one_click_and_can_be_taken_back(live: Live, new_page: NewPage) -> None:
    page = new_page()
    sign_up(page, live, "leaver@readers.example", "Explaining Ukraine")
    page.goto(confirm_link(live, "leaver@readers.example"))
    page.get_by_role("link", name="Your preferences").last.click()

    page.get_by_role("button", name="Unsubscribe from Explaining Ukraine").click()
    expect(page.get_by_role("status")).to_contain_text("You are unsubscribed from Explaining Ukraine.")
    page.get_by_role("button", name="Subscribe to Explaining Ukraine").click()

    expect(page.get_by_role("status")).to_contain_text("You are subscribed to Explaining Ukraine.")


def test_the_welcome_page_joins_another_newsletter_with_one_tap(live: Live, new_page: NewPage) -> None:
    page = new_page()
    sign_up(page, live, "joiner@readers.example", "Explaining Ukraine")
    page.goto(confirm_link(live, "joiner@readers.example"))

    page.get_by_role("button", name="Join Kyiv Dispatch").click()

    expect(page.get_by_role("status")).to_contain_text("You are subscribed to Kyiv Dispatch.")
    assert len(live.sink.messages(to="joiner@readers.example")) == 1


def test_the_language_can_be_switched_and_is_remembered(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.url)
    page.get_by_role("link", name="Українська", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "uk")

    page.goto(f"{live.url}/preferences")

    expect(page.locator("html")).to_have_attribute("lang", "uk")


def test_the_browsers_language_is_spoken_first(live: Live, new_page: NewPage) -> None:
    page = new_page(locale="uk-UA")

    page.goto(live.url)

    expect(page.locator("html")).to_have_attribute("lang", "uk")


def test_among_very_many_posts_the_browser_works_for_a_moment_and_goes_on(
    live: Live, new_page: NewPage
) -> None:
    crowd(live, posts=CLIENT.easy)

    sign_up(new_page(width=390), live, "moment@readers.example", "Morning Brief")

    assert confirm_link(live, "moment@readers.example")


@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (390, "dark"), (1440, "light")])
def test_the_moment_is_accessible_and_keeps_its_button_where_no_script_runs(
    live: Live, new_page: NewPage, width: int, theme: str
) -> None:
    crowd(live, posts=CLIENT.easy)
    page = new_page(width=width, theme=theme)
    page.route("**/js/challenge.js*", lambda route: route.abort())
    page.goto(live.url)
    page.get_by_label("Send me Morning Brief").check()
    page.get_by_label("Enter your email to subscribe").fill("no.script@readers.example")
    page.get_by_role("button", name="Subscribe").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("One moment, please")

    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    assert axe_problems(page) == []
    assert not scrolls_sideways(page)


def sign_up(page: Page, live: Live, email: str, newsletter: str) -> None:
    """Tick one newsletter on the front page and send the form."""
    page.goto(live.url)
    page.get_by_label(f"Send me {newsletter}").check()
    page.get_by_label("Enter your email to subscribe").fill(email)
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Successfully subscribed")


def confirm_link(live: Live, email: str) -> str:
    """The link in the confirmation mail, once it has arrived."""
    message: SinkMessage = live.sink.message(to=email)
    return message.link("/confirm/")

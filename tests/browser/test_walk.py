"""The README's first five minutes, walked by a newcomer over what ``make run`` starts."""

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.running import Running

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("supervisor")]

SEND_MILLISECONDS = 300_000
READER = "newcomer@post.example"
FIRST_EDITOR = re.compile(r"(editor@newsroom\.example), password (\S+)")


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path / "var", UNDO_SECONDS="2")
    running.wait_until_ready()
    yield running
    assert running.finish(signal.SIGTERM) == 0


@pytest.mark.parametrize("width", [390, 1440])
def test_a_newcomer_needs_nothing_but_the_readme(
    newsroom: Running, new_page: Callable[..., Page], width: int
) -> None:
    reader, editor = new_page(width=width), new_page(width=width)

    sign_up_in_the_article(reader, newsroom)
    confirm_in_the_sink(reader, newsroom)
    sign_in(editor, newsroom)
    write_an_issue(editor)
    send_it(editor)
    read_the_report(editor)
    leave(reader, newsroom)


def sign_up_in_the_article(page: Page, newsroom: Running) -> None:
    page.goto(f"http://localhost:{newsroom.ports['EXAMPLE_PORT']}/")
    form = page.locator("form[data-newsletter-form]").first
    form.get_by_label("Enter your email to subscribe").fill(READER)
    form.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_text("Successfully subscribed")).to_be_visible()


def open_mail(page: Page, newsroom: Running, subject: str) -> None:
    """Find the reader's mail in the sink's inbox as a person would."""
    page.goto(f"http://localhost:{newsroom.ports['SINK_HTTP_PORT']}/")
    page.get_by_label("Address").fill(READER)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name=subject).first.click()


def follow(page: Page, label: str) -> None:
    """Press a button or link inside the mail shown; the sink opens it in a tab of its own."""
    with page.expect_popup() as opened:
        page.frame_locator("iframe").get_by_role("link", name=label).first.click()
    address = opened.value.url
    opened.value.close()
    page.goto(address)


def confirm_in_the_sink(page: Page, newsroom: Running) -> None:
    open_mail(page, newsroom, "Please confirm: Explaining Ukraine")
    follow(page, "Yes, subscribe me")
    page.get_by_role("button", name="Yes, subscribe me").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")


def sign_in(page: Page, newsroom: Running) -> None:
    found = FIRST_EDITOR.search(newsroom.output)
    assert found is not None, newsroom.output
    page.goto(f"http://localhost:{newsroom.ports['PORT']}/desk")
    page.get_by_label("E-mail address").fill(found[1])
    page.get_by_label("Password").fill(found[2])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1, name="Today")).to_be_visible()


def write_an_issue(page: Page) -> None:
    page.get_by_role("link", name="New issue").click()
    page.get_by_role("combobox", name="Newsletter").select_option(label="Explaining Ukraine")
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Subject").fill("A letter from a newcomer")
    page.get_by_label("Preheader").fill("Written five minutes after the first start")
    page.get_by_role("textbox", name="Text").fill('Dear {{ name|"reader" }},\n\nit **works**.')
    expect(page.get_by_text(re.compile("^Saved"))).to_be_visible()
    expect(page.frame_locator("iframe").get_by_text("Dear First Editor,")).to_be_visible()


def send_it(page: Page) -> None:
    page.get_by_role("button", name="Send …").click()
    expect(page.get_by_text("goes from")).to_contain_text("all 1,858 readers of Explaining Ukraine")
    page.get_by_label("please type").fill("Explaining Ukraine")
    page.get_by_role("button", name=re.compile("^Send it to")).click()
    expect(page.get_by_role("button", name=re.compile("^Send it to"))).to_have_count(0)


def read_the_report(page: Page) -> None:
    expect(page.get_by_role("heading", name="Who got it")).to_be_visible(timeout=SEND_MILLISECONDS)
    table = page.get_by_role("table").first
    expect(table.get_by_role("row").filter(has_text="Accepted")).to_contain_text("1,858")
    expect(table.get_by_role("row").filter(has_text="Together")).to_contain_text("1,858")


def leave(page: Page, newsroom: Running) -> None:
    open_mail(page, newsroom, "A letter from a newcomer")
    follow(page, "Unsubscribe")
    page.get_by_role("button", name="Unsubscribe").first.click()
    expect(page.get_by_role("heading", level=1, name="You are unsubscribed")).to_be_visible()
    expect(page.get_by_text("Explaining Ukraine does not come any more.")).to_be_visible()
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("You are unsubscribed")

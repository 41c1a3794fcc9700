"""The desk's rooms of forms for other sites, and a frame of theirs on a page without any style."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from newsletters.accounts.sessions import open_session
from newsletters.publishing.models import Newsletter
from tests.browser.live import Live
from tests.browser.looking import DESK, PHONE, axe_problems, scrolls_sideways
from tests.browser.pasting import pasted_codes, read_desk
from tests.factories import make_editor

pytestmark = pytest.mark.browser
FITS = "(({scrollWidth, scrollHeight}) => scrollWidth <= innerWidth && scrollHeight <= innerHeight)"
FITS += "(document.documentElement)"
NewPage = Callable[..., Page]
CHOSEN = "newsletter=morning-brief&newsletter=data-desk&ticked=morning-brief&form=pasted&button=Join"
PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A static page</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="icon" href="data:,"></head>'
    "<body><main><h1>A static page</h1>{code}</main></body></html>"
)
LOOKS = [("light", PHONE), ("dark", DESK)]


def test_a_pasted_frame_answers_in_place_and_grows(
    live: Live, new_page: NewPage, codes: dict[str, str]
) -> None:
    email = "frame@readers.example"
    page = new_page(width=PHONE, theme="dark")
    code = codes["code-frame"] + codes["code-height"]

    with static_page(code) as address:
        page.goto(address)
        frame = page.frame_locator("iframe")
        frame.get_by_label("Enter your email to subscribe").fill("olena at home")
        frame.get_by_label("Enter your email to subscribe").blur()
        expect(frame.get_by_text("Please, enter correct email address")).to_be_visible()
        assert axe_problems(page) == []
        frame.get_by_label("Enter your email to subscribe").fill(email)
        boxes = frame.get_by_role("checkbox")
        boxes.first.uncheck()
        frame.get_by_role("button", name="Join").click()
        expect(boxes.first).to_have_accessible_description("Please choose at least one newsletter")
        expect(boxes.first).to_be_focused()
        boxes.last.check()
        expect(frame.locator(".newsletter-error")).to_have_count(0)
        frame.get_by_role("button", name="Join").click()

        expect(frame.get_by_text("Successfully subscribed")).to_be_visible()
        expect(frame.get_by_role("button", name="Send the mail again")).to_be_visible()
        assert axe_problems(page) == []
        inside = page.frames[1]
        inside.wait_for_function(FITS)
        page.evaluate(
            """new Promise((heard) => {
                addEventListener("message", ({ origin }) => { if (origin === location.origin) heard(); });
                postMessage({ newsletterFrameHeight: 1999 }, "*");
            })"""
        )
        assert page.locator("iframe").get_attribute("height") != "1999"
    assert live.sink.message(to=email)
    assert page.context.cookies() == []


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_the_room_is_accessible_and_narrow_enough(
    live: Live, new_page: NewPage, theme: str, width: int
) -> None:
    page = new_page(width=width, theme=theme)

    open_room(live, page)

    expect(
        page.frame_locator("[title='The form in its frame']").get_by_role("button", name="Join")
    ).to_be_visible()
    assert axe_problems(page) == []
    assert not scrolls_sideways(page)


def test_the_code_follows_the_choices_and_is_copied(live: Live, new_page: NewPage) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    open_room(live, page)

    page.get_by_label("Words on the button").fill("Read with us")
    expect(page.locator("#code-plain")).to_contain_text("Read with us")
    page.get_by_role("button", name="Copy").first.click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#code-plain").text_content()
    preview = page.frame_locator("[title='The plain form']")
    expect(preview.get_by_role("button", name="Read with us")).to_be_visible()


@pytest.fixture(scope="module")
def codes(live: Live) -> dict[str, str]:
    """What the desk offers to copy for the chosen form."""
    return pasted_codes(read_desk(live, room(live), cookie(live)))


def room(live: Live) -> str:
    """The path of the room where a newsletter's forms are made."""
    with live.runtime.db.reading() as session:
        number = session.scalars(select(Newsletter.id).where(Newsletter.slug == "morning-brief")).one()
    return f"/desk/newsletters/{number}/embed?{CHOSEN}"


def cookie(live: Live) -> str:
    """A session of an editor."""
    with live.runtime.db.transaction() as session:
        return open_session(session, make_editor(session), user_agent="Test", now=live.runtime.clock.now())


def open_room(live: Live, page: Page) -> None:
    """Go there as an editor."""
    page.context.add_cookies([{"name": "desk", "value": cookie(live), "url": live.url}])
    page.goto(f"{live.url}{room(live)}")


def test_a_form_with_a_question_is_made_by_hand_and_looks_right(live: Live, new_page: NewPage) -> None:
    page = new_page(width=PHONE, theme="dark")
    page.context.add_cookies([{"name": "desk", "value": cookie(live), "url": live.url}])
    page.goto(f"{live.url}/desk/forms/new")
    page.get_by_label("Name of the form").fill("by-hand")
    page.get_by_role("group", name="Morning Brief").get_by_label("Offered").check()
    question = page.get_by_role("group", name="One question more")
    expect(question.get_by_label("What may be chosen, a line each · English")).to_be_hidden()
    question.get_by_label("What is asked for").select_option("One of several")
    question.get_by_label("The question · English").fill("You are a")
    question.get_by_label("What may be chosen, a line each · English").fill("Teacher")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Please give at least two lines")
    problems = axe_problems(page)
    page.get_by_label("What may be chosen, a line each · English").first.fill("Teacher\nDoctor")

    page.get_by_role("button", name="Save").click()

    preview = page.frame_locator("[title='The form in its frame']")
    expect(preview.get_by_label("You are a")).to_be_visible()
    assert problems + axe_problems(page) == []
    assert not scrolls_sideways(page)
    page.goto(f"{live.url}/desk/forms")
    expect(page.get_by_role("link", name="by-hand", exact=True)).to_be_visible()
    assert axe_problems(page) == []


@contextmanager
def static_page(code: str) -> Iterator[str]:
    """A page of another origin with ``code`` pasted into it; gives its address."""
    body = PAGE.format(code=code).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's own name)
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()

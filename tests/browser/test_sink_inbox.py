"""The sink's pages in a real browser."""

import smtplib
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.looking import DESK, NARROWEST, PHONE, axe_problems, scrolls_sideways
from tests.sink import SinkProcess

pytestmark = pytest.mark.browser

REMOTE = "http://newsroom.localhost/pixel.png"
HTML = f"""<!doctype html>
<html lang="en"><head><title>Mail</title><style>h1 {{ color: #1b1a17 }}</style></head>
<body style="background: #fff">
<h1>Confirm</h1><p><a href="http://newsroom.localhost/confirm/abc">Confirm your subscription</a></p>
<img src="{REMOTE}" alt="A remote picture"><script>document.title = "It ran"</script>
<form action="http://newsroom.localhost/stolen"><button>Post</button></form>
</body></html>"""


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SinkProcess]:
    with SinkProcess(tmp_path_factory.mktemp("sink")) as started:
        yield started


@pytest.fixture
def inbox(process: SinkProcess) -> SinkProcess:
    process.faults()
    process.clear()
    return process


def send(sink: SinkProcess, *subjects: str, to: str = "olena@reader.example") -> None:
    with smtplib.SMTP(sink.smtp_host, sink.smtp_port) as client:
        for subject in subjects:
            client.send_message(_message(subject, to))


def _message(subject: str, to: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Explaining Ukraine <news@newsroom.example>"
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = "Mon, 02 Mar 2026 09:00:00 +0000"
    message.set_content("Hello.\n\nConfirm: http://newsroom.localhost/confirm/abc\n")
    message.add_alternative(HTML, "html")
    return message


def answer_newsroom(page: Page) -> list[Request]:
    """Stand in for the newsroom's site; the requests that really reach it."""
    asked: list[Request] = []

    def answer(route: Route) -> None:
        asked.append(route.request)
        route.fulfill(content_type="text/html", body="answered")

    page.context.route("http://newsroom.localhost/**", answer)
    return asked


def open_first(page: Page, sink: SinkProcess, view: str = "html") -> None:
    page.goto(f"{sink.http_url}/messages/{sink.messages()[0].id}?view={view}")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [NARROWEST, PHONE, DESK])
@pytest.mark.parametrize("view", ["inbox", "html", "text", "headers", "source"])
def test_every_page_is_accessible_at_every_width(
    inbox: SinkProcess, new_page: Callable[..., Page], view: str, width: int, theme: str
) -> None:
    send(
        inbox,
        "Пояснюємо Україну: вибори",
        "Confirm" + "x" * 150,
        to="a" * 64 + "@" + "b" * 60 + ".reader.example",
    )
    inbox.faults({"match": "*@slow.example", "fault": "451"})
    page = new_page(width=width, theme=theme)

    if view == "inbox":
        page.goto(inbox.http_url)
    else:
        open_first(page, inbox, view)

    assert axe_problems(page) == []
    assert not scrolls_sideways(page)


def test_a_new_message_appears_by_itself_and_is_announced(inbox: SinkProcess, page: Page) -> None:
    page.goto(inbox.http_url)
    expect(page.get_by_role("heading", name="No mail yet")).to_be_visible()

    send(inbox, "Harvest")

    expect(page.locator(".sink-list a")).to_have_count(1)
    expect(page.get_by_role("status")).to_have_text("New: Harvest")


def test_the_list_stays_where_the_keyboard_is(inbox: SinkProcess, page: Page) -> None:
    send(inbox, "First")
    page.goto(inbox.http_url)
    page.locator(".sink-list a").first.focus()

    send(inbox, "Second")

    expect(page.locator(".sink-list a")).to_have_count(2)
    expect(page.locator(".sink-list a").filter(has_text="First")).to_be_focused()


def test_the_html_is_shown_but_does_nothing(inbox: SinkProcess, page: Page) -> None:
    send(inbox, "Confirm")
    asked = answer_newsroom(page)

    open_first(page, inbox)
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Confirm")).to_be_visible()
    frame.get_by_role("button", name="Post").click()
    page.wait_for_load_state("networkidle")

    assert page.frames[1].title() == "Mail"
    assert asked == []
    assert page.url.startswith(f"{inbox.http_url}/messages/")


def test_remote_images_load_only_when_asked_for(inbox: SinkProcess, page: Page) -> None:
    send(inbox, "Confirm")
    asked = answer_newsroom(page)
    open_first(page, inbox)

    with page.expect_response(REMOTE):
        page.get_by_role("link", name="Show remote images").click()
    expect(page.get_by_role("link", name="Hide remote images")).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert [request.url for request in asked] == [REMOTE]
    assert "referer" not in asked[0].all_headers()


@pytest.mark.parametrize("place", ["frame", "list"])
def test_a_link_opens_in_a_tab_of_its_own_and_tells_no_referrer(
    inbox: SinkProcess, page: Page, place: str
) -> None:
    send(inbox, "Confirm")
    asked = answer_newsroom(page)
    open_first(page, inbox)
    places = {
        "frame": page.frame_locator("iframe").get_by_role("link", name="Confirm your subscription"),
        "list": page.get_by_role("link", name="http://newsroom.localhost/confirm/abc"),
    }

    with page.context.expect_page() as opened:
        places[place].click()

    expect(opened.value.get_by_text("answered")).to_be_visible()
    assert opened.value.evaluate("window.opener") is None
    assert "referer" not in asked[0].all_headers()
    assert page.url.startswith(inbox.http_url)


def test_without_javascript_one_can_search_read_and_delete(
    inbox: SinkProcess, new_page: Callable[..., Page]
) -> None:
    send(inbox, "Harvest", "Energy", "Elections")
    page = new_page(javascript=False, width=PHONE)

    page.goto(inbox.http_url)
    page.get_by_label("Search addresses and subjects").fill("energy")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Energy").click()
    page.get_by_role("link", name="Text", exact=True).click()
    expect(page.get_by_label("The message as text")).to_contain_text("Hello.")
    page.get_by_role("button", name="Delete").click()

    expect(page.locator(".sink-list a")).to_have_count(2)
    page.get_by_text("Delete all…").click()
    page.get_by_role("button", name="Delete 2 messages").click()
    expect(page.get_by_role("heading", name="No mail yet")).to_be_visible()
    assert inbox.messages() == []


def test_a_search_finds_an_address(inbox: SinkProcess, page: Page) -> None:
    send(inbox, "One", to="olena@reader.example")
    send(inbox, "Two", to="ivan@reader.example")

    page.goto(f"{inbox.http_url}/?q=IVAN@")

    expect(page.locator(".sink-list a")).to_have_count(1)
    expect(page.locator(".sink-subject")).to_have_text("Two")


def test_a_question_to_delete_is_not_taken_away_by_new_mail(inbox: SinkProcess, page: Page) -> None:
    send(inbox, "First")
    page.goto(inbox.http_url)
    page.get_by_text("Delete all…").click()

    with page.expect_response(
        lambda answer: answer.status == 200 and answer.request.resource_type == "fetch"
    ):
        send(inbox, "Second")

    expect(page.get_by_role("button", name="Delete 1 message")).to_be_visible()


def test_older_messages_stand_on_further_pages(inbox: SinkProcess, page: Page) -> None:
    send(inbox, *[f"Issue {number}" for number in range(55)])
    page.goto(inbox.http_url)

    page.get_by_role("link", name="Older").click()

    expect(page.locator(".sink-list a")).to_have_count(5)
    page.get_by_role("link", name="Newest").click()
    expect(page.locator(".sink-list a")).to_have_count(50)


def test_the_message_says_which_rules_it_breaks(inbox: SinkProcess, page: Page) -> None:
    with smtplib.SMTP(inbox.smtp_host, inbox.smtp_port) as client:
        client.sendmail("news@newsroom.example", ["olena@reader.example"], b"Subject: Bare\r\n\r\nHello\r\n")

    open_first(page, inbox)

    expect(page.get_by_text("There is no Date (RFC 5322 section 3.6).")).to_be_visible()

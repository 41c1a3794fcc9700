"""The example article on another origin with a kept form in it: three ways, through every state of a sign-up.

The article keeps its strict policy. The form asks a question, names the article's site alone, and is in the
reader's language; with a script it answers where it stands, without one on our own pages.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.request import urlopen

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, expect
from sqlalchemy import select

from newsletters.accounts.sessions import open_session
from newsletters.publishing.models import Newsletter
from newsletters.subscribers.form_fields import Field, FieldKind
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.saved_forms import FormMade, Offered, save
from tests.browser.live import Live
from tests.browser.looking import DESK, PHONE, axe_problems, scrolls_sideways
from tests.browser.pasting import pasted_codes, read_desk
from tests.factories import make_editor
from tests.sink import PROJECT, wait_until

pytestmark = pytest.mark.browser
NewPage = Callable[..., Page]
Place = Page | Locator | FrameLocator
COUNTRY = Field("country", FieldKind.COUNTRY, {"en": "Your country", "uk": "Ваша країна"}, required=True)
WORDS: Final = {
    "en": {
        "newsletter": "Explaining Ukraine",
        "email": "Enter your email to subscribe",
        "question": "Your country",
        "ukraine": "Ukraine",
        "subscribe": "Subscribe",
        "no_address": "Please, enter correct email address",
        "no_answer": "Please choose one",
        "done": "Successfully subscribed",
        "code": "Six-digit code from the mail",
        "confirm": "Confirm",
        "confirmed": "confirmed",
    },
    "uk": {
        "newsletter": "Українська неділя",
        "email": "Введіть свою електронну адресу, щоб підписатися",
        "question": "Ваша країна",
        "ukraine": "Україна",
        "subscribe": "Підписатися",
        "no_address": "Будь ласка, введіть правильну електронну адресу",
        "no_answer": "Будь ласка, оберіть щось одне",
        "done": "Підписку оформлено",
        "code": "Шестизначний код із листа",
        "confirm": "Підтвердити",
        "confirmed": "підтверджено",
    },
}


@dataclass
class Site:
    """A newsroom's site: the article with whatever code was pasted into it, by path."""

    policy: str
    article: str
    pages: dict[str, str] = field(default_factory=dict)
    origin: str = ""

    def paste(self, path: str, code: str) -> None:
        """Put ``code`` in the place of the article's first form, and leave the script tag to the code."""
        page = re.sub(r"<form .*?</form>", lambda _: code, self.article, count=1, flags=re.DOTALL)
        self.pages[path] = re.sub(r'<script type="module" src="[^"]*"></script>\n', "", page, count=1)


@pytest.fixture(scope="module")
def site(live: Live) -> Iterator[Site]:
    """The site, with a page for each way and language."""
    with urlopen(f"{live.example_url}/") as answer:  # noqa: S310  (our own)
        policy = f"{answer.headers['Content-Security-Policy']}; frame-src {live.url}"
        made = Site(policy, answer.read().decode())
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(made)) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        made.origin = f"http://127.0.0.1:{server.server_port}"
        for language in WORDS:
            for way, code in _codes(live, language, made.origin).items():
                made.paste(f"/{language}/{way}", code)
        yield made
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("way", "javascript", "language", "width"),
    [
        ("plain", True, "en", DESK),
        ("plain", False, "uk", PHONE),
        ("script", True, "en", PHONE),
        ("script", True, "uk", DESK),
        ("script", False, "en", DESK),
        ("frame", True, "uk", PHONE),
        ("frame", True, "en", DESK),
        ("frame", False, "uk", DESK),
    ],
)
def test_a_reader_gets_from_the_article_to_the_confirmation(
    live: Live, site: Site, new_page: NewPage, way: str, javascript: bool, language: str, width: int
) -> None:
    words, email = WORDS[language], f"{way}.{javascript}.{language}.{width}@readers.example".lower()
    page = new_page(width=width, javascript=javascript)
    page.goto(f"{site.origin}/{language}/{way}")
    stays = javascript and way != "plain"

    first = page.frame_locator("iframe") if way == "frame" else page.locator("section.letter").first
    first.get_by_label(words["email"]).fill("olena at home")
    place = _send(page, first, words, stays=stays, opens=way == "frame" and not javascript)
    shown = place if isinstance(place, Page) else page
    expect(place.get_by_label(words["email"])).to_have_accessible_description(re.compile(words["no_address"]))
    expect(place.get_by_label(words["question"])).to_have_accessible_description(
        re.compile(words["no_answer"])
    )
    expect(place.get_by_label(words["email"])).to_have_value("olena at home")
    problems = axe_problems(shown) if javascript else []
    place.get_by_label(words["email"]).fill(email)
    place.get_by_label(words["question"]).select_option(words["ukraine"])
    place.get_by_role("button", name=words["subscribe"], exact=True).click()

    expect(place.get_by_text(words["done"]).last).to_be_visible()
    expect(place.get_by_text(email).last).to_be_visible()
    problems += axe_problems(shown) if javascript else []
    assert page.context.cookies() == []
    code = re.findall(r"\b\d{6}\b", live.sink.message(to=email).text)[0]
    place.get_by_label(words["code"]).fill(code)
    place.get_by_role("button", name=words["confirm"], exact=True).click()

    expect(place.get_by_text(words["confirmed"]).first).to_be_visible()
    assert problems == []
    assert not scrolls_sideways(shown)
    assert page.url.startswith(site.origin) is (stays or way == "frame")
    assert _fields(live, email) == {"country": "UA"}


def test_on_a_site_that_is_not_named_the_form_is_refused_and_not_framed(
    live: Live, site: Site, new_page: NewPage
) -> None:
    page = new_page(width=PHONE)
    elsewhere = site.origin.replace("127.0.0.1", "localhost")
    page.goto(f"{elsewhere}/en/script")
    form = page.locator("section.letter").first
    form.get_by_label("Enter your email").fill("elsewhere@readers.example")
    form.get_by_label("Your country").select_option("Ukraine")

    form.get_by_role("button", name="Subscribe").click()

    expect(form.get_by_label("Enter your email")).to_have_accessible_description(
        re.compile("This form belongs to another site")
    )
    assert axe_problems(page) == []
    with live.runtime.db.reading() as session:
        found = select(Subscriber).where(Subscriber.email == "elsewhere@readers.example")
        assert session.scalars(found).all() == []


def _send(page: Page, place: Any, words: dict[str, str], *, stays: bool, opens: bool) -> Any:
    """Press the button; where the answer is."""
    button = place.get_by_role("button", name=words["subscribe"], exact=True)
    if not opens:
        button.click()
        return place if stays else page
    with page.context.expect_page() as opened:
        button.click()
    return opened.value


def _fields(live: Live, email: str) -> dict[str, Any]:
    """What is kept of the reader's answers, once they are confirmed."""

    def kept() -> dict[str, Any]:
        with live.runtime.db.reading() as session:
            return dict(session.scalars(select(Subscriber.fields).where(Subscriber.email == email)).one())

    wait_until(kept, timeout=60, what="the reader's answers")
    return kept()


def _codes(live: Live, language: str, origin: str) -> dict[str, str]:
    """What the desk offers to copy for a kept form in ``language``."""
    now = live.runtime.clock.now()
    with live.runtime.db.transaction() as session:
        name = WORDS[language]["newsletter"]
        newsletter = session.scalars(select(Newsletter).where(Newsletter.name == name)).one()
        editor = make_editor(session)
        made = FormMade(
            f"ways-{language}", language, (Offered(newsletter.id),), fields=(COUNTRY,), origins=(origin,)
        )
        number = save(session, made, actor=editor, now=now).id
        cookie = open_session(session, editor, user_agent="Test", now=now)
    page = read_desk(live, f"/desk/forms/{number}/code", cookie)
    codes = pasted_codes(page)
    return {
        "plain": codes["code-plain"],
        "script": codes["code-script"],
        "frame": codes["code-frame"] + codes["code-height"],
    }


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/article.css":
                self._answer((PROJECT / "examples/article.css").read_bytes(), "text/css; charset=utf-8")
            elif self.path in site.pages:
                self._answer(site.pages[self.path].encode(), "text/html; charset=utf-8")
            else:
                self.send_error(404)

        def _answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", site.policy)
            self.send_header("Referrer-Policy", "strict-origin-when-cross-origin")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's own name)
            """Say nothing."""

    return Handler

"""The sending domain and the suppression list in a real browser: accessible, narrow enough, live."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from config import Config
from newsletters.accounts.models import Role
from newsletters.accounts.sessions import open_session
from newsletters.kernel.db import Database
from newsletters.mail.domains.checks import Pair, keep
from newsletters.mail.domains.findings import Check, Fact, Finding, Level, Record
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.browser.looking import DESK, PHONE, axe_problems, scrolls_sideways
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.factories import make_editor, make_issue, make_newsletter, make_subscriber, make_subscription

pytestmark = pytest.mark.browser

PAIR = Pair("news.press", "news.press")
KEY = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" * 8
FOUND = [
    Finding(Check.SPF, Level.OK, Fact.FINE, "bounce.news.press", "v=spf1 mx -all"),
    Finding(
        Check.DKIM,
        Level.BROKEN,
        Fact.DKIM_ANOTHER,
        "2026a-rsa._domainkey.news.press",
        "v=DKIM1; k=rsa; p=" + "A" * 300,
        (Record("2026a-rsa._domainkey.news.press", "TXT", KEY),),
    ),
    Finding(
        Check.DMARC,
        Level.BROKEN,
        Fact.DMARC_MISSING,
        "news.press",
        "",
        (Record("_dmarc.news.press", "TXT", "v=DMARC1; p=none"),),
    ),
    Finding(Check.ALIGNMENT, Level.WARNING, Fact.ALIGNED_BY_DKIM, "news.press", "SPF bounce.relay.press"),
    Finding(Check.REVERSE_DNS, Level.UNKNOWN, Fact.NO_ANSWER, "203.0.113.7"),
    Finding(Check.TLS, Level.OK, Fact.FINE, "smtp.relay.press:587", "61"),
]


@dataclass(frozen=True)
class Room:
    """A desk that serves, and its owner's cookie."""

    address: str
    cookie: str
    newsletter_id: int
    issue_id: int

    def sign_in(self, page: Page) -> None:
        page.context.add_cookies([{"name": "desk", "value": self.cookie, "url": self.address}])

    def url(self, path: str) -> str:
        return self.address + path.format(newsletter=self.newsletter_id, issue=self.issue_id)


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, smtp_url="smtp://127.0.0.1:9", mail_from="desk@news.press", large_audience=1)


@pytest.fixture
def room(app: Flask, db: Database) -> Iterator[Room]:
    with db.transaction() as session:
        owner = make_editor(session, role=Role.OWNER, name="Ada Reporter")
        newsletter = make_newsletter(session, sender_email="letters@news.press")
        for number in range(3):
            reader = make_subscription(
                session, newsletter, make_subscriber(session, f"r{number}@readers.example")
            )
        issue = make_issue(session, newsletter)
        for number, reason in enumerate([*SuppressionReason] * 3):
            suppress(
                session,
                address_hash=f"{number:064x}",
                reason=reason,
                detail="550 5.1.1",
                actor="system" if number % 2 else "Ada Reporter",
                now=NOW - timedelta(days=25 * number),
            )
        keep(session, PAIR, FOUND, now=NOW)
        cookie = open_session(session, owner, user_agent="Test", now=NOW)
        room = (cookie, newsletter.id, issue.id)
        assert reader.id
    with serving(app) as address:
        yield Room(address, *room)


ROOMS = {
    "domain": "/desk/newsletters/{newsletter}/sending-domain",
    "newsletter": "/desk/newsletters/{newsletter}",
    "send": "/desk/issues/{issue}/send?when=now",
    "suppressions": "/desk/suppressions",
    "lifted": "/desk/suppressions?state=lifted&reason=editor",
    "undo": "/desk/suppressions?done=1",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_rooms_are_accessible_and_narrow_enough(
    width: int, theme: str, room: Room, new_page: Callable[..., Page]
) -> None:
    page = new_page(width=width, theme=theme)
    room.sign_in(page)

    for name, path in ROOMS.items():
        page.goto(room.url(path))
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=str(Path(folder) / f"{name}-{width}-{theme}.png"), full_page=True)
        assert axe_problems(page) == [], name
        assert not scrolls_sideways(page), name


def test_what_a_worker_finds_appears_by_itself(
    room: Room, db: Database, new_page: Callable[..., Page]
) -> None:
    page = new_page(width=DESK)
    room.sign_in(page)
    page.goto(room.url(ROOMS["domain"]))

    page.get_by_role("button", name="Check again").click()
    expect(page.get_by_text("A worker is looking")).to_be_visible()
    with db.transaction() as session:
        keep(session, PAIR, [FOUND[0]], now=NOW + timedelta(seconds=1))

    expect(page.get_by_text("In order").first).to_be_visible()
    expect(page.get_by_text("Broken", exact=True)).to_have_count(0)


def test_a_record_is_copied_with_one_click(room: Room, new_page: Callable[..., Page]) -> None:
    page = new_page(width=PHONE)
    room.sign_in(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(room.url(ROOMS["domain"]))

    page.get_by_role("button", name="Copy").nth(1).click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == KEY


def test_an_address_is_put_on_the_list_and_taken_off_again(room: Room, new_page: Callable[..., Page]) -> None:
    page = new_page(width=PHONE, javascript=False)
    room.sign_in(page)
    page.goto(room.url(ROOMS["suppressions"]))

    form = page.get_by_role("region", name="Put an address on the list")
    form.get_by_label("Whole address").fill("r1@readers.example")
    form.get_by_label("Why").fill("asked by phone")
    form.get_by_role("button", name="Stop mail").click()
    expect(page.get_by_text("Nothing is sent any more")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_text("Mail is allowed again")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("r1@readers.example")

"""The room of returned mail in a real browser: accessible, narrow enough, and nothing in it runs."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from newsletters.accounts.models import Role
from newsletters.accounts.sessions import open_session
from newsletters.bounces import quarantine
from newsletters.bounces.event import EventKind
from newsletters.bounces.quarantine import Guess
from newsletters.bounces.quarantined import QuarantineReason
from newsletters.kernel.db import Database
from newsletters.mail.verp import IssueBounce
from newsletters.runtime import Runtime
from newsletters.tasks.returned import judge_spikes
from tests.browser.looking import DESK, PHONE, axe_problems, scrolls_sideways
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.corpus.returned.building import mail
from tests.factories import make_editor
from tests.returning import event_about, how_suppressed, issue_to, record

pytestmark = pytest.mark.browser

EVIL = "<script>document.title = 'run'</script>" + "x" * 300
RAW = mail(f"From: {EVIL} <a@b.example>\nSubject: Undeliverable {EVIL[:120]}", f"{EVIL}\n" * 30)


@pytest.fixture
def furnished(app: Flask, db: Database, runtime: Runtime) -> Iterator[tuple[str, str, int]]:
    """The desk with a mail that waits, a domain that is held and an issue with complaints."""
    issue_id, readers = issue_to(runtime, 30)
    for reader in readers[:15]:
        record(db, event_about(issue_id, reader, EventKind.HARD))
    for reader in readers[20:24]:
        record(db, event_about(issue_id, reader, EventKind.COMPLAINT))
    judge_spikes(runtime)
    with db.transaction() as session:
        quarantine.keep(
            session,
            door="smtp",
            why=QuarantineReason.UNPROVEN,
            raw=RAW,
            recipient="fbl@newsroom.example",
            guess=Guess(about=IssueBounce(issue_id, readers[16]), kind=EventKind.HARD, reply=f"550 {EVIL}"),
            now=NOW,
        )
        owner = make_editor(session, role=Role.OWNER)
        cookie = open_session(session, owner, user_agent="Test", now=NOW)
    with serving(app) as address:
        yield address, cookie, readers[16]


def sign_in(page: Page, address: str, cookie: str) -> None:
    page.context.add_cookies([{"name": "desk", "value": cookie, "url": address}])


@pytest.mark.parametrize(("width", "theme"), [(PHONE, "dark"), (DESK, "light")])
def test_the_room_is_accessible_and_fits(
    furnished: tuple[str, str, int], new_page: Callable[..., Page], width: int, theme: str
) -> None:
    address, cookie, _reader = furnished
    page = new_page(width=width, theme=theme)
    sign_in(page, address, cookie)

    found = []
    for path in ("/desk", "/desk/quarantine", "/desk/quarantine/1", "/desk/issues/1/report"):
        page.goto(f"{address}{path}")
        found += [f"{path}: {problem}" for problem in axe_problems(page)]
        found += [f"{path}: scrolls sideways"] if scrolls_sideways(page) else []
        found += [f"{path}: a script of the mail ran"] if page.title() == "run" else []

    assert found == []


def test_an_editor_decides_by_keyboard_and_eye(
    furnished: tuple[str, str, int], new_page: Callable[..., Page], db: Database
) -> None:
    address, cookie, reader = furnished
    page = new_page(width=PHONE)
    sign_in(page, address, cookie)

    page.goto(f"{address}/desk")
    page.get_by_role("link", name="1 mail that nobody could place").click()
    page.get_by_role("link", name="Undeliverable").click()
    page.get_by_label("The address is dead").check()
    page.get_by_role("button", name="Act on it").click()

    expect(page.get_by_text("Done, and written into the reader’s history.")).to_be_visible()
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    assert how_suppressed(db, reader) is None  # its domain is out of order: held
    page.get_by_role("button", name="The addresses are dead").click()
    expect(page.get_by_text("It takes effect within a minute.")).to_be_visible()

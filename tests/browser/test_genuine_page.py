"""The page that tells whether a mail is ours, asked and answered in a browser."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from newsletters.publishing.models import IssueState
from newsletters.publishing.signatures import sign_missing
from newsletters.runtime import Runtime
from tests.browser.looking import DESK, NARROWEST, PHONE, axe_problems, scrolls_sideways
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter

pytestmark = pytest.mark.browser
NewPage = Callable[..., Page]


@pytest.fixture
def address(app: Flask, runtime: Runtime) -> Iterator[str]:
    with runtime.db.transaction() as session:
        newsletter = make_newsletter(session, slug="weekly")
        make_issue(
            session,
            newsletter,
            slug="one",
            subject="A week of silence, {{ name }}",
            state=IssueState.SENT,
            content_hash="0" * 64,
            started_at=NOW,
        )
        sign_missing(session, notary=runtime, now=NOW)
    with serving(app) as served:
        yield served


@pytest.mark.parametrize(("width", "theme"), [(PHONE, "dark"), (DESK, "light")])
def test_a_reader_asks_by_link_and_by_subject_without_a_script(
    new_page: NewPage, address: str, width: int, theme: str
) -> None:
    page = new_page(width=width, theme=theme, javascript=False)
    page.goto(f"{address}/newsletters/weekly/issues/one")
    page.get_by_role("link", name="See whether it is really from us").click()

    page.get_by_label("Link from the mail").fill("http://localhost/newsletters/weekly/issues/one")
    page.get_by_role("button", name="Look at the link").click()
    expect(page.get_by_role("status")).to_contain_text("Yes, we sent this issue")
    expect(page.get_by_role("status")).to_contain_text("A week of silence, reader")

    page.get_by_role("textbox", name="Subject").fill("A week of silence, Olena")
    page.get_by_label("Day it came").fill("2026-03-02")
    page.get_by_role("button", name="Look for the issue").click()
    expect(page.get_by_role("status")).to_contain_text("Yes, we sent this issue")


@pytest.mark.parametrize(("width", "theme"), [(NARROWEST, "light"), (DESK, "dark")])
def test_a_link_that_only_looks_like_ours_is_shown_for_what_it_is(
    new_page: NewPage, address: str, width: int, theme: str
) -> None:
    page = new_page(width=width, theme=theme)
    page.goto(f"{address}/genuine")

    page.get_by_label("Link from the mail").fill("https://lосаlhоst.a-rather-long-name-of-a-host.example/x")
    page.get_by_label("Link from the mail").press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("only looks like ours")
    expect(page.get_by_role("alert")).to_contain_text("xn--")
    assert axe_problems(page) == []
    assert not scrolls_sideways(page)

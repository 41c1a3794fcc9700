"""Writing, checking and sending an issue in a real browser, with and without scripts."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Page, expect

from newsletters.accounts.models import Role
from newsletters.kernel.db import Database
from newsletters.publishing.drafts import IssueText, save
from newsletters.publishing.models import Issue, IssueState
from tests.browser.looking import axe_problems, scrolls_sideways
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.delivering import stored
from tests.desk import PASSWORD, make_editor_with_password
from tests.factories import make_issue, make_newsletter, make_subscription

pytestmark = pytest.mark.browser
BODY = "One\n\nSee [this](reports/1).\n\n" + "\n\n".join(f"Paragraph {number}" for number in range(60))


@pytest.fixture
def desk(app: Flask) -> Iterator[str]:
    with serving(app) as address:
        yield f"{address}/desk"


@pytest.fixture
def issue(db: Database) -> Issue:
    with db.transaction() as session:
        newsletter = make_newsletter(session, timezone="Europe/Kyiv")
        for _ in range(2):
            make_subscription(session, newsletter)
        return make_issue(session, newsletter, body=BODY)


def sign_in(page: Page, desk: str, db: Database) -> None:
    editor, _ = make_editor_with_password(db, Role.EDITOR)
    page.goto(f"{desk}/sign-in")
    page.get_by_label("address").fill(editor.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/desk$"))


@pytest.fixture
def writing(page: Page, desk: str, db: Database, issue: Issue) -> Page:
    """The editor's page of ``issue``, open."""
    sign_in(page, desk, db)
    page.goto(f"{desk}/issues/{issue.id}")
    return page


def test_what_is_typed_is_saved_by_itself(writing: Page, db: Database, issue: Issue) -> None:
    writing.get_by_label("Subject").fill("A new subject")

    expect(writing.locator("#save-status")).to_contain_text("Saved at 11:00")
    assert stored(db, issue.id).subject == "A new subject"
    expect(writing.locator("[data-inbox-subject]")).to_have_text("A new subject")
    expect(writing.get_by_role("heading", level=1)).to_have_text("A new subject")


def test_a_lost_connection_loses_no_text(writing: Page, db: Database, issue: Issue) -> None:
    writing.context.set_offline(True)
    writing.get_by_label("Subject").fill("Typed in a tunnel")
    expect(writing.locator("#save-status")).to_contain_text("Your text is safe in this browser")
    assert stored(db, issue.id).subject == issue.subject

    writing.context.set_offline(False)

    expect(writing.locator("#save-status")).to_contain_text("Saved at")
    assert stored(db, issue.id).subject == "Typed in a tunnel"


def test_signing_out_and_in_elsewhere_loses_no_text(writing: Page, db: Database, issue: Issue) -> None:
    desk = next(cookie for cookie in writing.context.cookies() if cookie["name"] == "desk")
    writing.context.clear_cookies()
    writing.get_by_label("Subject").fill("Typed while signed out")
    expect(writing.locator("#save-status")).to_contain_text("You are signed out")

    # Signed in again, which makes the page's old token for forms void.
    writing.context.add_cookies([{"name": "desk", "value": desk["value"], "url": writing.url}])

    expect(writing.locator("#save-status")).to_contain_text("Saved at")
    assert stored(db, issue.id).subject == "Typed while signed out"


def test_the_way_back_leads_out_of_the_page_and_not_through_previews(writing: Page, issue: Issue) -> None:
    text = writing.get_by_label("Text", exact=True)
    for words in ("First words", "Second words"):
        text.fill(words)
        expect(writing.frame_locator("#preview-frame").get_by_text(words)).to_be_visible()

    writing.go_back()

    assert not writing.url.endswith(f"/issues/{issue.id}")


def test_a_closed_page_leaves_its_copy_in_the_browser(writing: Page, db: Database, issue: Issue) -> None:
    writing.route("**/text", lambda route: route.abort())
    writing.get_by_label("Subject").fill("Never sent")
    expect(writing.locator("#save-status")).to_contain_text("safe in this browser")
    writing.on("dialog", lambda dialog: dialog.accept())
    writing.unroute("**/text")
    writing.reload()
    expect(writing.get_by_label("Subject")).to_have_value(issue.subject)

    writing.get_by_role("button", name="Use the copy").click()

    expect(writing.get_by_label("Subject")).to_have_value("Never sent")
    expect(writing.locator("#save-status")).to_contain_text("Saved at")
    assert stored(db, issue.id).subject == "Never sent"


def test_the_second_of_two_editors_is_told_while_writing(writing: Page, db: Database, issue: Issue) -> None:
    with db.transaction() as session:
        theirs = IssueText("Theirs", "", "Theirs")
        save(session, session.get_one(Issue, issue.id), text=theirs, base_version=1, editor_id=99, now=NOW)

    writing.get_by_label("Subject").fill("Mine")

    notice = writing.locator("#trouble")
    expect(notice).to_contain_text("Somebody else has saved this issue meanwhile")
    assert stored(db, issue.id).subject == "Theirs"
    notice.get_by_role("button", name="Put mine in its place").click()
    expect(writing.locator("#save-status")).to_contain_text("Saved at")
    assert stored(db, issue.id).subject == "Mine"


def test_the_toolbar_and_its_keys_write_markdown_that_can_be_undone(writing: Page) -> None:
    text = writing.get_by_label("Text", exact=True)
    text.fill("word")
    text.select_text()

    text.press("Control+b")
    expect(text).to_have_value("**word**")
    text.press("Control+b")
    expect(text).to_have_value("word")
    writing.get_by_role("button", name="Quotation").click()
    expect(text).to_have_value("> word")
    text.press("Control+z")
    expect(text).to_have_value("word")
    text.press("Control+k")
    expect(text).to_have_value("[word](https://)")


def test_a_check_jumps_to_its_line(writing: Page) -> None:
    writing.locator("#checks").get_by_role("link", name="Line 3").press("Enter")

    chosen = writing.evaluate(
        "() => { const area = document.activeElement;"
        " return [area.id, area.value.slice(area.selectionStart, area.selectionEnd)] }"
    )
    assert chosen == ["body", "See [this](reports/1)."]


def test_the_live_preview_follows_the_text_in_a_frame_without_scripts(writing: Page) -> None:
    text = writing.get_by_label("Text", exact=True)
    text.fill("Fresh words <script>document.title = 'broken in'</script>")
    expect(writing.locator("#save-status")).to_contain_text("Saved at")

    frame = writing.frame_locator("#preview-frame")

    expect(frame.get_by_text("Fresh words")).to_be_visible()
    assert "broken" not in writing.title()
    assert writing.locator("#preview-frame").get_attribute("sandbox") == ""
    writing.get_by_role("button", name="Phone").click()
    expect(writing.locator("#preview-frame")).to_have_class(re.compile("preview-phone"))
    writing.get_by_role("button", name="Text", exact=True).click()
    expect(writing.frame_locator("#preview-frame").get_by_text("Fresh words")).to_be_visible()


def test_a_picture_is_described_before_it_is_inserted(writing: Page, tmp_path: Path) -> None:
    picture = tmp_path / "sea.png"
    Image.new("RGB", (640, 400), "navy").save(picture)
    text = writing.get_by_label("Text", exact=True)
    text.fill("Before")
    writing.get_by_role("button", name="Picture", exact=True).click()
    dialog = writing.get_by_role("dialog")
    dialog.get_by_label("Picture").set_input_files(picture)
    expect(dialog.locator("#dialog-picture")).to_be_visible()

    dialog.get_by_label("Description").fill("The sea at [dawn]")
    dialog.get_by_role("button", name="Insert").click()

    expect(text).to_have_value(
        re.compile(r"^Before\n\n!\[The sea at  ?dawn\]\(/media/[0-9a-f]{32}\.jpg\)\n\n$")
    )


def test_a_file_that_is_no_picture_is_refused_in_the_dialog(writing: Page, tmp_path: Path) -> None:
    fake = tmp_path / "fake.png"
    fake.write_text("no picture")
    writing.get_by_role("button", name="Picture", exact=True).click()

    writing.get_by_role("dialog").get_by_label("Picture").set_input_files(fake)

    expect(writing.locator("#dialog-problem")).to_contain_text("not a picture")


def test_without_a_script_an_issue_is_written_and_scheduled(
    new_page: Callable[..., Page], desk: str, db: Database, issue: Issue
) -> None:
    page = new_page(javascript=False)
    sign_in(page, desk, db)
    page.goto(f"{desk}/issues/{issue.id}")
    page.get_by_label("Text", exact=True).fill("All is well.")
    page.get_by_role("button", name="Send …").click()
    page.wait_for_url("**/send")

    page.get_by_label("Later").check()
    page.get_by_label("Date").fill("2026-03-05")
    page.get_by_label("Time", exact=True).fill("07:30")
    page.get_by_role("button", name="Use this time").click()
    expect(page.locator(".send-sentence")).to_contain_text("On 5 March 2026 at 07:30")
    page.get_by_role("button", name="Schedule it").click()

    expect(page.locator(".send-sentence")).to_contain_text("Thursday, 5 March 2026")
    scheduled = stored(db, issue.id)
    assert (scheduled.state, scheduled.body) == (IssueState.SCHEDULED, "All is well.")


def test_sending_counts_down_and_can_be_undone(writing: Page, db: Database, issue: Issue) -> None:
    writing.get_by_label("Text", exact=True).fill("All is well.")
    writing.get_by_role("button", name="Send …").click()
    writing.wait_for_url("**/send")
    writing.get_by_role("button", name="Send it to 2 readers").click()
    expect(writing.locator("[data-seconds]")).to_have_text(re.compile("^[12]?[0-9]$"))

    writing.get_by_role("button", name="Undo").click()

    expect(writing.get_by_text("The issue is a draft again.")).to_be_visible()
    assert stored(db, issue.id).state is IssueState.DRAFT


@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (390, "dark"), (1440, "light")])
def test_no_page_of_an_issue_shuts_anybody_out(
    new_page: Callable[..., Page], desk: str, db: Database, issue: Issue, width: int, theme: str
) -> None:
    page = new_page(width=width, theme=theme)
    sign_in(page, desk, db)
    with db.transaction() as session:
        newsletter_id = issue.newsletter_id
        sending = {"state": IssueState.SENDING, "content_hash": "x", "started_at": NOW}
        sent = {"state": IssueState.SENT, "content_hash": "x", "started_at": NOW, "sent_at": NOW}
        fields = {"newsletter_id": newsletter_id}
        on_its_way = make_issue(session, make_newsletter(session), **{**sending, **fields}).id
        arrived = make_issue(session, make_newsletter(session), **{**sent, **fields}).id
    paths = [
        "",
        "/issues",
        "/issues?shelf=sent",
        "/issues/new",
        f"/issues/{issue.id}",
        f"/issues/{issue.id}/preview",
        f"/issues/{issue.id}/preview?view=text",
        f"/issues/{issue.id}/test",
        f"/issues/{issue.id}/history",
        f"/issues/{issue.id}/discard",
        f"/issues/{issue.id}/send",
        f"/issues/{issue.id}/send?when=later&on=2026-10-25&at=03:30",
        f"/issues/{on_its_way}",
        f"/issues/{on_its_way}/confirm/cancel",
        f"/issues/{arrived}",
        f"/issues/{arrived}/readers/accepted",
    ]

    problems = {}
    for path in paths:
        page.goto(f"{desk}{path}")
        found = axe_problems(page) + (["scrolls sideways"] if scrolls_sideways(page) else [])
        if found:
            problems[path] = found

    assert problems == {}

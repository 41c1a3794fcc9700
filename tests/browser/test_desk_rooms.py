"""The desk's rooms in a real browser: accessible, narrow enough, usable by keyboard and without scripts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from newsletters.accounts.invitations import Letterhead, invite
from newsletters.accounts.models import Editor, Role
from newsletters.accounts.sessions import open_session
from newsletters.kernel import roster
from newsletters.kernel.db import Database
from newsletters.kernel.tokens import Purpose
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.count_models import LeavingReason, Reason
from newsletters.subscribers.form_fields import Field, FieldKind, options_of
from newsletters.subscribers.form_models import SavedForm
from newsletters.subscribers.funnel import Place, Step, count
from newsletters.subscribers.saved_forms import FormMade, Offered
from newsletters.subscribers.saved_forms import save as save_form
from tests.browser.looking import DESK, PHONE, axe_problems, scrolls_sideways, scrolls_when_magnified
from tests.browser.serving import serving
from tests.conftest import NOW
from tests.desk import PASSWORD, make_editor_with_password
from tests.factories import make_editor, make_newsletter, make_subscriber, make_subscription
from tests.whole_story import furnish

pytestmark = pytest.mark.browser

ROOMS = {
    "account": "/desk/account",
    "editors": "/desk/editors",
    "newsletters": "/desk/newsletters",
    "newsletter": "/desk/newsletters/{newsletter}",
    "retired": "/desk/newsletters/{retired}",
    "settings": "/desk/newsletters/{newsletter}/edit",
    "new": "/desk/newsletters/new",
    "wording": "/desk/newsletters/{newsletter}/wording",
    "export": "/desk/newsletters/{newsletter}/export",
    "readers": "/desk/readers",
    "nobody": "/desk/readers?search=zzz",
    "reader": "/desk/readers/{reader}",
    "suppressions": "/desk/suppressions",
    "lookup": "/desk/suppressions?search=grace@readers.example",
    "audit": "/desk/audit",
    "today, full disk": "/desk",
    "funnel": "/desk/readers/funnel?days=7&newsletter={newsletter}",
    "leaving": "/desk/readers/leaving?days=365&newsletter={newsletter}",
    "forms": "/desk/forms",
    "form": "/desk/forms/{form}",
    "form's code": "/desk/forms/{form}/code",
}
WAYS_IN = {
    "sign in": "/desk/sign-in",
    "forgotten": "/desk/forgotten",
    "invitation": "/desk/invitation/{invitation}",
    "unusable": "/desk/password/x",
}


@dataclass(frozen=True)
class Furnished:
    """A desk with something in every room, and an owner who is signed in."""

    address: str
    cookie: str
    numbers: dict[str, object]

    def sign_in(self, page: Page) -> None:
        page.context.add_cookies([{"name": "desk", "value": self.cookie, "url": self.address}])

    def url(self, path: str) -> str:
        return self.address + path.format(**self.numbers)


@pytest.fixture
def desk(app: Flask, db: Database, runtime: Runtime) -> Iterator[Furnished]:
    with db.transaction() as session:
        owner = make_editor(session, role=Role.OWNER, name="Ada Reporter")
        make_editor(session, disabled_at=NOW)
        letterhead = Letterhead(runtime.signer, runtime.urls, "The Newsroom", "en")
        invited = invite(
            session,
            email="grace@newsroom.example",
            role=Role.OWNER,
            inviter=owner,
            letterhead=letterhead,
            now=NOW,
        )
        newsletter, reader = furnish(session, runtime, text="a long explanation of many things")
        retired = make_newsletter(session, name="The Long Read", retired_at=NOW)
        for number in range(55):
            make_subscription(
                session, newsletter, make_subscriber(session, f"reader.{number}@readers.example")
            )
        form = furnish_newer_rooms(session, newsletter, owner)
        numbers = {
            "form": form.id,
            "newsletter": newsletter.id,
            "retired": retired.id,
            "reader": reader.id,
            "invitation": runtime.signer.sign(Purpose.INVITATION, invited.id, expires_at=invited.expires_at),
        }
        cookie = open_session(session, owner, user_agent="Test", now=NOW)
    with serving(app) as address:
        yield Furnished(address, cookie, numbers)


def furnish_newer_rooms(session: Session, newsletter: Newsletter, owner: Editor) -> SavedForm:
    """A form with every question, reasons to leave, a step of the funnel, and a disk that is full."""
    for reason in Reason:
        words = f"{reason.value}: thank you for all these years"
        session.add(LeavingReason(newsletter_id=newsletter.id, reason=reason, words=words, on=NOW.date()))
    count(
        session, Step.SUBMITTED, [Place(newsletter_id=newsletter.id, page="https://paper.example/a")], now=NOW
    )
    roster.announce(session, roster.Announcement("w", "host", "1", lacks_room=True), now=NOW)
    asked = tuple(
        Field(kind.value, kind, {"en": f"A {kind.value}?"}, options=options_of({"en": ["War", "Peace"]}))
        for kind in FieldKind
    )
    made = FormMade(
        "Under articles", "en", (Offered(newsletter.id),), fields=asked, origins=("paper.example",)
    )
    return save_form(session, made, actor=owner, now=NOW)


def problems(page: Page, desk: Furnished, rooms: dict[str, str]) -> list[str]:
    """What is wrong with each room, by its name."""
    found = []
    for name, path in rooms.items():
        page.goto(desk.url(path))
        found += [f"{name}: {problem}" for problem in axe_problems(page)]
        found += [f"{name}: scrolls sideways"] if scrolls_sideways(page) else []
        found += [f"{name}: too wide when magnified"] if scrolls_when_magnified(page) else []
        found += [f"{name}: {page.locator('h1').count()} h1"] if page.locator("h1").count() != 1 else []
    return found


@pytest.mark.parametrize(("width", "theme"), [(PHONE, "light"), (DESK, "dark")])
def test_every_room_is_accessible_and_fits(
    desk: Furnished, new_page: Callable[..., Page], width: int, theme: str
) -> None:
    page = new_page(width=width, theme=theme)
    desk.sign_in(page)

    assert problems(page, desk, ROOMS) == []


@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (DESK, "dark")])
def test_every_way_in_is_accessible_and_fits(
    desk: Furnished, new_page: Callable[..., Page], width: int, theme: str
) -> None:
    assert problems(new_page(width=width, theme=theme), desk, WAYS_IN) == []


@pytest.mark.parametrize("javascript", [True, False])
def test_somebody_signs_in_and_out_by_keyboard_alone(
    desk: Furnished, db: Database, new_page: Callable[..., Page], javascript: bool
) -> None:
    editor, _ = make_editor_with_password(db)
    page = new_page(javascript=javascript)
    page.goto(desk.url("/desk/newsletters"))
    page.get_by_label("Your e-mail address").focus()
    page.keyboard.type(editor.email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)

    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Newsletters")
    page.get_by_role("button", name="Sign out").last.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("You are signed out")
    page.goto(desk.url("/desk/newsletters"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_wrong_password_keeps_the_address_and_says_so(
    desk: Furnished, new_page: Callable[..., Page]
) -> None:
    page = new_page(width=PHONE)
    page.goto(desk.url("/desk/sign-in"))
    page.get_by_label("Your e-mail address").fill("ada@newsroom.example")
    page.get_by_label("Password").fill("not the one")

    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    expect(page.get_by_label("Your e-mail address")).to_have_value("ada@newsroom.example")
    assert axe_problems(page) == []


def test_the_previews_follow_the_typing_and_back_still_leaves(
    desk: Furnished, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    desk.sign_in(page)
    page.goto(desk.url("/desk/newsletters"))
    page.goto(desk.url("/desk/newsletters/{newsletter}/edit"))
    form, mail = page.frame_locator("[name=preview-form]"), page.frame_locator("[name=preview-mail]")
    expect(form.get_by_role("heading", name="Explaining Ukraine")).to_be_visible()

    page.get_by_label("Name of the newsletter").fill("Explaining Everything")
    page.get_by_text("Olive").click()

    expect(form.get_by_role("heading", name="Explaining Everything")).to_be_visible()
    expect(form.locator("body.accent-olive")).to_be_visible()
    expect(mail.get_by_text("Explaining Everything").first).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Newsletters")


def test_the_previews_work_without_scripts(desk: Furnished, new_page: Callable[..., Page]) -> None:
    page = new_page(javascript=False)
    desk.sign_in(page)
    page.goto(desk.url("/desk/newsletters/{newsletter}/wording"))
    page.get_by_label("What readers agree to").fill("Yes, send it to me.")

    page.get_by_role("button", name="Show the form").click()

    expect(page.frame_locator("[name=preview-form]").get_by_text("Yes, send it to me.")).to_be_visible()
    assert page.url.endswith("/wording")


def test_a_newsletter_is_founded_and_retired_by_hand(desk: Furnished, new_page: Callable[..., Page]) -> None:
    page = new_page(width=PHONE)
    desk.sign_in(page)
    page.goto(desk.url("/desk/newsletters/new"))
    page.get_by_label("Name of the newsletter").fill("Ранкова пошта")
    page.get_by_label("Sender’s address").fill("courier@newsroom.example")
    page.get_by_role("button", name="Found it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ранкова пошта")
    expect(page.get_by_text("/newsletters/rankova-poshta")).to_be_visible()

    page.get_by_role("button", name="Retire it").click()

    expect(page.get_by_text("This newsletter is retired")).to_be_visible()
    page.get_by_role("button", name="Restore it").click()
    expect(page.get_by_text("is open again")).to_be_visible()


def test_an_export_is_a_file(desk: Furnished, new_page: Callable[..., Page]) -> None:
    page = new_page()
    desk.sign_in(page)
    page.goto(desk.url("/desk/newsletters/{newsletter}/export"))

    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()

    assert download.value.suggested_filename.endswith("-readers-2026-03-02.csv")
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 57

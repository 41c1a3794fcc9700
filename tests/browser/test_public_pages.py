"""Every reader's page as it looks: axe finds nothing, nothing is wider than the window, one first heading."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from newsletters.kernel.tokens import Purpose
from newsletters.publishing.archive import latest_issue, newsletter_by_slug
from newsletters.subscribers import intake
from newsletters.subscribers.mails import preferences_token
from newsletters.subscribers.models import (
    AddressChange,
    Confirmation,
    Rhythm,
    Subscription,
    SubscriptionState,
)
from tests.browser.live import Live
from tests.browser.looking import DESK, NARROWEST, PHONE, WATCH_SHIFTS, axe_problems, scrolls_sideways
from tests.factories import make_subscriber, make_subscription
from tests.mailbox import take_all

pytestmark = pytest.mark.browser
NewPage = Callable[..., Page]
LIGHT_BYTES = 60_000  # heads and bodies, without images


@pytest.fixture(scope="module")
def addresses(live: Live) -> dict[str, str]:
    """Every page a reader can come to by an address, with what it needs to be there."""
    paths = {
        "front": "/",
        "newsletter": "/newsletters/explaining-ukraine",
        "newsletter in Ukrainian": "/newsletters/ukrainska-nedilia",
        "archive": "/newsletters/explaining-ukraine/archive",
        "preferences asked for": "/preferences",
        "is it from us": "/genuine",
        "newsletter of few traces": "/newsletters/data-desk",
        "link not whole": "/confirm/made-up",
        "new link": "/confirm/again",
        "no such page": "/newsletters/nowhere",
    }
    return {name: live.url + path for name, path in (paths | _personal(live)).items()}


def _personal(live: Live) -> dict[str, str]:
    """Pages that a token opens, for a reader made for them."""
    runtime, now = live.runtime, datetime.now(UTC)
    sign, later, yesterday = runtime.signer.sign, now + timedelta(days=1), now - timedelta(days=1)
    with runtime.db.transaction() as session:
        explaining = newsletter_by_slug(session, "explaining-ukraine")
        kyiv, morning = (newsletter_by_slug(session, slug) for slug in ("kyiv-dispatch", "morning-brief"))
        assert explaining is not None
        assert kyiv is not None
        assert morning is not None
        data = newsletter_by_slug(session, "data-desk")
        assert data is not None
        explaining.offers_digests = kyiv.offers_digests = data.is_low_trace = True
        issue = latest_issue(session, explaining.id)
        assert issue is not None
        reader = make_subscriber(
            session, "a.reader.with.a.rather.long.address@a-long-domain-name.readers.example"
        )
        reader.address_hash = runtime.digester.address(reader.email_key)
        active = make_subscription(session, explaining, reader)
        paused = make_subscription(
            session, kyiv, reader, state=SubscriptionState.PAUSED, paused_until=later, rhythm=Rhythm.WEEKLY
        )
        left = make_subscription(session, morning, reader, state=SubscriptionState.UNSUBSCRIBED, ended_at=now)
        change = AddressChange(
            subscriber_id=reader.id,
            email="new@x.example",
            email_key="new@x.example",
            created_at=now,
            expires_at=later,
        )
        session.add(change)
        wanted = intake.Signup("pending@readers.example", [explaining.id, kyiv.id], client="192.0.2.9")
        intake.note_signup(session, wanted, means=runtime, now=now)
        take_all(session, runtime, now=now)
        pending = session.query(Confirmation).order_by(Confirmation.id.desc()).first()
        assert pending is not None
        preferences = preferences_token(runtime, reader, now=now)
        confirm = sign(Purpose.CONFIRM, pending.id, expires_at=later)
        return {
            "issue": f"/newsletters/explaining-ukraine/issues/{issue.slug}",
            "confirm": f"/confirm/{confirm}",
            "confirm, expired": f"/confirm/{sign(Purpose.CONFIRM, pending.id, expires_at=yesterday)}",
            "confirm, foreign": f"/confirm/{preferences}",
            "new link sent": f"/confirm/{confirm}/sent",
            "welcome": f"/welcome/{preferences}",
            "unsubscribe": f"/unsubscribe/{sign(Purpose.UNSUBSCRIBE, active.id, issue.id)}",
            "unsubscribe, paused": f"/unsubscribe/{sign(Purpose.UNSUBSCRIBE, paused.id, 0)}",
            "a pause": f"/unsubscribe/{sign(Purpose.UNSUBSCRIBE, paused.id, 0)}?done=1",
            "why": f"/unsubscribe/{sign(Purpose.UNSUBSCRIBE, left.id, 0)}#why",
            "nothing to leave": f"/unsubscribe/{sign(Purpose.UNSUBSCRIBE, 10**9, 0)}",
            "preferences": f"/preferences/{preferences}",
            "receipts": f"/preferences/{preferences}/receipts",
            "everything": f"/preferences/{preferences}/data",
            "erase": f"/preferences/{preferences}/erase",
            "change address": f"/change-address/{sign(Purpose.CHANGE_ADDRESS, change.id, expires_at=later)}",
        }


@pytest.mark.parametrize(("width", "theme"), [(PHONE, "light"), (DESK, "dark")])
def test_every_page_is_sound(
    live: Live, new_page: NewPage, addresses: dict[str, str], width: int, theme: str
) -> None:
    page = new_page(width=width, theme=theme)
    problems: dict[str, list[str]] = {}

    for name, address in addresses.items():
        page.goto(address)
        found = axe_problems(page)
        if scrolls_sideways(page):
            found.append("wider than the window")
        if page.locator("h1").count() != 1:
            found.append("not one h1")
        if found:
            problems[name] = found

    assert problems == {}


def test_no_page_is_wider_than_the_narrowest_window(
    live: Live, new_page: NewPage, addresses: dict[str, str]
) -> None:
    page = new_page(width=NARROWEST)

    too_wide = []
    for name, address in addresses.items():
        page.goto(address)
        too_wide += [name] if scrolls_sideways(page) else []

    assert too_wide == []


def test_the_front_page_is_light_and_nothing_on_it_moves(live: Live, new_page: NewPage) -> None:
    page = new_page(width=PHONE)
    kinds: dict[str, str] = {}
    transferred: dict[str, float] = {}
    network = page.context.new_cdp_session(page)
    network.on("Network.responseReceived", lambda each: kinds.update({each["requestId"]: each["type"]}))
    network.on(
        "Network.loadingFinished",
        lambda each: transferred.update({each["requestId"]: each["encodedDataLength"]}),
    )
    network.send("Network.enable")
    page.add_init_script(WATCH_SHIFTS)

    page.goto(live.url, wait_until="networkidle")
    page.keyboard.press("End")

    weight = sum(bytes_ for number, bytes_ in transferred.items() if kinds[number] != "Image")
    assert len(transferred) > 3
    assert weight <= LIGHT_BYTES
    assert page.evaluate("window.shifts") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_follows_a_form_is_sound_too(
    live: Live, new_page: NewPage, addresses: dict[str, str], theme: str
) -> None:
    page = new_page(width=PHONE, theme=theme)
    problems: list[str] = []

    page.goto(live.url)
    with page.expect_navigation():
        page.get_by_role("button", name="Subscribe").click()
    problems += axe_problems(page)
    page.get_by_label("Send me Culture Weekend").check()
    page.get_by_label("Enter your email to subscribe").fill(f"sound.{theme}@readers.example")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Successfully subscribed")
    problems += axe_problems(page)
    page.get_by_label("Six-digit code from the mail").fill("12")
    with page.expect_navigation():
        page.get_by_role("button", name="Confirm").click()
    problems += axe_problems(page)
    page.goto(addresses["preferences"])
    page.get_by_text("How often Explaining Ukraine comes").click()
    page.get_by_text("Pause Explaining Ukraine").click()
    problems += axe_problems(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("alert")).to_be_visible()
    problems += axe_problems(page)

    assert problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_leaving_is_sound_at_every_step(live: Live, new_page: NewPage, theme: str) -> None:
    page = new_page(width=PHONE, theme=theme)
    with live.runtime.db.transaction() as session:
        newsletter = newsletter_by_slug(session, "data-desk")
        assert newsletter is not None
        reader = make_subscriber(session, f"leaving.{theme}@readers.example")
        number = make_subscription(session, newsletter, reader).id
    problems: list[str] = []

    link = f"{live.url}/unsubscribe/{live.runtime.signer.sign(Purpose.UNSUBSCRIBE, number, 0)}"
    page.goto(link)
    expect(page.get_by_role("button", name="Unsubscribe")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    problems += axe_problems(page)
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed again")
    problems += axe_problems(page)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed again")
    page.goto(link)
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("button", name="14 days").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A pause")
    problems += axe_problems(page)

    with live.runtime.db.reading() as session:
        assert session.get_one(Subscription, number).state is SubscriptionState.PAUSED
    page.goto(link)
    problems += axe_problems(page)
    page.get_by_role("button", name="End the pause").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are subscribed again")
    assert problems == []

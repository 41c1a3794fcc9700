"""Sign-up forms in an article on another origin, under a strict policy, with and without a script."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import func, select

from newsletters.subscribers.guard import CLIENT
from newsletters.subscribers.mailboxes import ENDINGS, GUESSED, LARGE, NO_SLIPS, likely_meant
from newsletters.subscribers.models import PostedForm
from tests.browser.live import Live, crowd, six_digits
from tests.browser.looking import WATCH_SHIFTS, axe_problems, scrolls_sideways
from tests.sink import wait_until

pytestmark = pytest.mark.browser
NewPage = Callable[..., Page]
FORM_ADDED = """() => {
  const later = document.querySelector("section.letter").cloneNode(true);
  later.id = "later";
  const form = later.querySelector("form");
  form.querySelector("[name=form]")?.remove();
  const name = { type: "hidden", name: "form", value: "later" };
  form.append(Object.assign(document.createElement("input"), name));
  document.body.prepend(later);
}"""
THANKS = "Thank you for signing up for this newsletter. We've sent you a confirmation email."


def test_the_article_carries_five_forms_of_five_newsletters_and_nothing_moves(
    live: Live, new_page: NewPage
) -> None:
    page = new_page()
    page.add_init_script(WATCH_SHIFTS)
    page.goto(live.example_url, wait_until="networkidle")

    forms = page.locator("form[data-newsletter-form]")

    expect(forms).to_have_count(5)
    expect(page.get_by_role("heading", name="Explaining Ukraine")).to_be_visible()
    assert len(set(forms.locator("[name=newsletter]").evaluate_all("each => each.map(e => e.value)"))) == 5
    assert page.evaluate("window.shifts") == 0


def test_a_form_answers_in_place_and_the_others_stay_as_they_are(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)
    article = page.url
    box(page, "Kyiv Dispatch").get_by_label("Enter your email").fill("half typed")

    subscribe(box(page, "Explaining Ukraine"), "in.place@readers.example")

    done = box(page, "Explaining Ukraine").locator(".newsletter-done")
    expect(done).to_contain_text("Successfully subscribed")
    expect(done).to_contain_text(THANKS)
    expect(done).to_contain_text("in.place@readers.example")
    expect(done).to_be_focused()
    expect(box(page, "Kyiv Dispatch").get_by_label("Enter your email")).to_have_value("half typed")
    expect(page.locator("form[data-newsletter-form]")).to_have_count(4)
    assert page.url == article
    assert page.context.cookies() == []


def test_a_copy_of_a_form_that_comes_later_is_counted_once_and_stands_alone(
    live: Live, new_page: NewPage
) -> None:
    page, counted = new_page(), []
    page.on(
        "request", lambda sent: counted.append(sent.post_data or "") if "/embed/shown" in sent.url else None
    )
    page.goto(live.example_url)

    with page.expect_request(lambda sent: "form=later" in (sent.post_data or "")):
        page.evaluate(FORM_ADDED)
    page.evaluate("document.body.prepend(document.getElementById('later'))")
    labels = page.locator("form[data-newsletter-form] label[for]")
    assert labels.evaluate_all("all => all.every((each) => each.closest('form').contains(each.control))")
    subscribe(page.locator("#later"), "later@readers.example")

    expect(page.locator("#later .newsletter-done")).to_contain_text("Successfully subscribed")
    assert len([said for said in counted if "form=later" in said]) == 1


def test_one_reader_signs_up_in_one_form_and_then_in_another(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)

    subscribe(box(page, "Explaining Ukraine"), "two.forms@readers.example")
    expect(box(page, "Explaining Ukraine")).to_contain_text("Successfully subscribed")
    subscribe(box(page, "Culture Weekend"), "two.forms@readers.example")
    expect(box(page, "Culture Weekend")).to_contain_text("Successfully subscribed")

    wait_until(lambda: _all_taken(live), timeout=60, what="a worker that takes both forms")
    page.goto(live.sink.message(to="two.forms@readers.example").link("/confirm/"))
    expect(page.get_by_role("listitem").filter(has_text="Explaining Ukraine")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Culture Weekend")).to_be_visible()


def test_an_error_stands_at_its_own_field_and_goes_away(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)
    morning = box(page, "Morning Brief")

    subscribe(morning, "olena at home")

    field = morning.get_by_label("Enter your email")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("Please, enter correct email address")
    expect(field).to_have_value("olena at home")
    expect(field).to_be_focused()
    expect(page.locator(".newsletter-error")).to_have_count(1)
    assert axe_problems(page) == []

    subscribe(morning, "corrected@readers.example")
    expect(morning).to_contain_text("Successfully subscribed")
    expect(page.locator(".newsletter-error")).to_have_count(0)


def test_the_code_from_the_mail_confirms_without_leaving_the_article(live: Live, new_page: NewPage) -> None:
    page = new_page(width=390)
    page.goto(live.example_url)
    data = box(page, "The Data Desk")
    subscribe(data, "code@readers.example")
    code = six_digits(live.sink.message(to="code@readers.example").text)

    data.get_by_label("Six-digit code").fill("12")
    data.get_by_role("button", name="Confirm").click()
    expect(data.get_by_label("Six-digit code")).to_have_accessible_description(
        "Please enter the six digits from the mail"
    )
    data.get_by_label("Six-digit code").fill(code)
    data.get_by_role("button", name="Confirm").click()

    expect(data).to_contain_text("Your subscription is confirmed")
    expect(data).to_contain_text("From now on this comes to you: The Data Desk.")


def test_another_address_brings_the_form_back(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)
    page.clock.install()
    kyiv = box(page, "Kyiv Dispatch")
    subscribe(kyiv, "mistyped@readers.example")

    again = kyiv.get_by_role("button", name="Send the mail again")
    expect(again).to_have_attribute("aria-disabled", "true")
    page.clock.fast_forward("01:01")
    expect(kyiv.locator("form").get_by_role("status")).to_have_text(
        "No mail yet? You can have it sent again now."
    )
    again.click()
    expect(kyiv.locator("form").get_by_role("status")).to_contain_text("another one is on its way")
    kyiv.get_by_role("button", name="Use another address").click()

    expect(kyiv.get_by_label("Enter your email")).to_be_focused()
    expect(kyiv.get_by_label("Enter your email")).to_have_value("mistyped@readers.example")


def test_leaving_the_field_tells_what_is_wrong_and_of_a_likely_slip(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)
    field = box(page, "Morning Brief").get_by_label("Enter your email")

    field.fill("olena at home")
    field.blur()
    expect(field).to_have_accessible_description("Please, enter correct email address")
    assert axe_problems(page) == []
    field.fill("olena@gmial.com")
    field.blur()
    expect(field).not_to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Did you mean olena@gmail.com?").click()

    expect(field).to_have_value("olena@gmail.com")
    expect(field).to_be_focused()
    expect(page.locator(".newsletter-hint, .newsletter-error")).to_have_count(0)


def test_a_slip_is_mended_after_the_sign_up_with_one_press(live: Live, new_page: NewPage) -> None:
    page = new_page(width=390)
    page.goto(live.example_url)
    morning = box(page, "Morning Brief")
    subscribe(morning, "slip@gmaill.com")

    morning.get_by_role("button", name="Did you mean slip@gmail.com?").click()

    expect(morning.locator(".newsletter-done-address")).to_have_text("Morning Brief · slip@gmail.com")
    way = morning.get_by_role("link", name="Open Gmail")
    expect(way).to_have_attribute("rel", "noopener noreferrer")
    expect(way).to_have_attribute("target", "_blank")
    assert axe_problems(page) == []
    assert not scrolls_sideways(page)
    assert live.sink.message(to="slip@gmail.com")


def test_another_newsletter_is_added_with_one_tap_and_one_code_confirms_both(
    live: Live, new_page: NewPage
) -> None:
    page = new_page(width=390)
    page.goto(live.example_url)
    data = box(page, "The Data Desk")
    subscribe(data, "one.more@readers.example")

    data.get_by_role("button", name="Add Morning Brief").click()
    expect(data.locator(".newsletter-done-address")).to_contain_text("The Data Desk, Morning Brief")
    data.get_by_label("Six-digit code").fill(
        six_digits(live.sink.message(to="one.more@readers.example").text)
    )
    data.get_by_role("button", name="Confirm").click()

    expect(data).to_contain_text("From now on this comes to you:")
    expect(data).to_contain_text("Morning Brief")


def test_the_script_finds_the_slips_that_the_server_finds(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)
    typed = [known[:place] + known[place + 1 :] for known in GUESSED for place in range(len(known))]
    typed += [f"{known.rpartition('.')[0]}.{end}" for known in GUESSED for end in (*ENDINGS, "x")]
    typed += ["gmial.com", "mail.con", "nodot", ".com", "newsroom.example", *LARGE, *NO_SLIPS]

    found = page.evaluate(
        """async ([url, typed]) => {
            const { likelyMeant } = await import(`${url}/embed.js`);
            const { slips } = await (await fetch(`${url}/embed/words`)).json();
            return typed.map((domain) => likelyMeant(domain, slips));
        }""",
        [live.url, typed],
    )

    assert found == [likely_meant(domain) for domain in typed]


def test_without_a_script_the_answer_mends_adds_and_leads_back(live: Live, new_page: NewPage) -> None:
    page = new_page(javascript=False, width=390)
    page.goto(live.example_url)
    subscribe(box(page, "Explaining Ukraine"), "plain.slip@gmal.com")

    page.get_by_role("button", name="Yes, use this one").click()
    expect(page.get_by_role("definition").filter(has_text="plain.slip@gmail.com")).to_be_visible()
    page.get_by_role("button", name="Add Morning Brief").click()

    expect(
        page.get_by_role("definition").filter(has_text="Explaining Ukraine, Morning Brief")
    ).to_be_visible()
    expect(page.get_by_role("link", name="Open Gmail")).to_be_visible()
    page.get_by_role("button", name="Send the mail again").click()
    expect(page.get_by_role("status").first).to_contain_text("another one is on its way")
    assert page.context.cookies() == []
    page.get_by_role("link", name="Back to localhost").click()
    expect(page).to_have_url(f"{live.example_url}/")


def test_when_the_script_gets_no_answer_the_browser_posts(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)
    page.route("**/embed/subscribe", _lose_fetches)

    subscribe(box(page, "Explaining Ukraine"), "lost.answer@readers.example")

    expect(page.get_by_role("heading", level=1)).to_have_text("Successfully subscribed")


def test_one_post_too_many_is_said_in_place_and_nothing_looks_wrong(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)
    crowd(live, posts=CLIENT.most)

    subscribe(box(page, "Morning Brief"), "one.too.many@readers.example")

    field = box(page, "Morning Brief").get_by_label("Enter your email")
    expect(field).to_have_accessible_description(re.compile("Please try again in [0-9]+ minute"))
    expect(field).to_have_value("one.too.many@readers.example")
    assert field.get_attribute("aria-invalid") is None


def test_among_very_many_posts_the_script_does_the_work_by_itself(live: Live, new_page: NewPage) -> None:
    page = new_page()
    page.goto(live.example_url)
    article = page.url
    crowd(live, posts=CLIENT.easy)

    subscribe(box(page, "Morning Brief"), "in.a.crowd@readers.example")

    expect(box(page, "Morning Brief").locator(".newsletter-done")).to_contain_text("Successfully subscribed")
    assert page.url == article
    assert live.sink.message(to="in.a.crowd@readers.example")


@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (390, "dark"), (1440, "light")])
def test_axe_finds_nothing_before_and_after(live: Live, new_page: NewPage, width: int, theme: str) -> None:
    page = new_page(width=width, theme=theme)
    page.goto(live.example_url)
    before = axe_problems(page)

    subscribe(box(page, "Explaining Ukraine"), f"axe.{theme}.{width}@readers.example")
    expect(box(page, "Explaining Ukraine")).to_contain_text("Successfully subscribed")

    assert before == []
    assert axe_problems(page) == []
    assert not scrolls_sideways(page)


def box(page: Page, newsletter: str) -> Locator:
    """The part of the article that offers one newsletter."""
    return page.get_by_role("region", name=newsletter)


def subscribe(place: Locator, email: str) -> None:
    """Type an address and press the button."""
    place.get_by_label("Enter your email").fill(email)
    place.get_by_role("button", name="Subscribe").click()


def _lose_fetches(route: Route) -> None:
    if route.request.resource_type == "fetch":
        route.abort()
    else:
        route.continue_()


def _all_taken(live: Live) -> bool:
    """Whether no posted form waits for a worker."""
    with live.runtime.db.reading() as session:
        return session.scalar(select(func.count()).select_from(PostedForm)) == 0

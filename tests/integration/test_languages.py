"""English and Ukrainian: who decides which is spoken, and what follows from it."""

from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient

from newsletters.kernel.db import Database
from newsletters.publishing.models import Newsletter
from tests.desk import csrf_token
from tests.factories import make_newsletter
from tests.readers import EMAIL, embed_sign_up, mails, post_form, press, sign_up
from tests.spoken import language_of
from tests.ukrainian import PAGE, browser, found_newsletter


@pytest.fixture(autouse=True)
def newsletter(db: Database) -> Newsletter:
    """The Ukrainian newsletter, beside an English one."""
    with db.transaction() as session:
        make_newsletter(session, slug="weekly", name="Weekly")
        return found_newsletter(session)


@pytest.fixture
def english(app: Flask) -> FlaskClient:
    """A browser that asks for English."""
    return browser(app, "en-GB,en;q=0.9")


class TestWhoDecides:
    @pytest.mark.parametrize(
        ("asked_for", "spoken"),
        [
            ("uk", "uk"),
            ("uk-UA,uk;q=0.9,en;q=0.5", "uk"),
            ("pl, uk;q=0.7", "uk"),
            ("en-GB", "en"),
            ("fr", "en"),
            ("", "en"),
        ],
    )
    def test_the_browser_where_nothing_else_does(self, app: Flask, asked_for: str, spoken: str) -> None:
        page = browser(app, asked_for).get("/").get_data(as_text=True)

        assert language_of(page) == spoken

    @pytest.mark.parametrize("path", [PAGE, f"{PAGE}/archive", f"{PAGE}/issues/khlib"])
    def test_the_newsletter_before_the_browser_with_a_way_to_switch(
        self, english: FlaskClient, path: str
    ) -> None:
        page = english.get(path).get_data(as_text=True)

        assert language_of(page) == "uk"
        assert f'<a href="{path}?lang=en" lang="en" hreflang="en">English</a>' in page

    def test_the_reader_before_thebrowser(self, english: FlaskClient, preferences: str, leaving: str) -> None:
        assert language_of(english.get(preferences).get_data(as_text=True)) == "uk"
        assert language_of(english.get(leaving).get_data(as_text=True)) == "uk"

    def test_what_was_chosen_before_the_newsletter_and_from_then_on(self, english: FlaskClient) -> None:
        chosen = english.get(f"{PAGE}?lang=en").get_data(as_text=True)
        later = english.get(PAGE).get_data(as_text=True)

        assert language_of(chosen) == language_of(later) == "en"
        assert "Subscribe to Українська неділя" in later

    def test_a_language_we_do_not_speak_cannot_be_chosen(self, english: FlaskClient) -> None:
        page = english.get("/?lang=xx")

        assert language_of(page.get_data(as_text=True)) == "en"
        assert english.get_cookie("language") is None

    def test_a_choice_holds_where_there_is_no_page(self, english: FlaskClient) -> None:
        english.get("/?lang=uk")

        page = english.get("/nothing/here")

        assert page.status_code == 404
        assert language_of(page.get_data(as_text=True)) == "uk"

    def test_the_desk_follows_the_editors_browser_alone(
        self, ukrainian: FlaskClient, english: FlaskClient
    ) -> None:
        english.get("/?lang=uk")

        assert language_of(ukrainian.get("/desk/sign-in").get_data(as_text=True)) == "uk"
        assert language_of(english.get("/desk/sign-in").get_data(as_text=True)) == "en"


class TestWhatFollows:
    def test_the_answer_and_the_mail_speak_like_the_form(self, english: FlaskClient, db: Database) -> None:
        answer = sign_up(english, newsletters=["nedilia"], page=PAGE)
        page = english.get(answer.location).get_data(as_text=True)
        wrong = english.post(
            "/subscribed/code", data={"csrf_token": csrf_token(english, answer.location), "code": "1"}
        )

        assert language_of(page) == language_of(wrong.get_data(as_text=True)) == "uk"
        assert "Дякуємо за підписку на цю розсилку." in page
        assert "Будь ласка, введіть шість цифр із листа" in wrong.get_data(as_text=True)
        assert [mail.language for mail in mails(db, "confirm")] == ["uk"]

    def test_an_error_speaks_like_the_form(self, english: FlaskClient) -> None:
        answer = sign_up(english, email="хто?", newsletters=["nedilia"], page=PAGE)

        assert answer.status_code == 422
        assert language_of(answer.get_data(as_text=True)) == "uk"
        assert "Будь ласка, введіть правильну електронну адресу" in answer.get_data(as_text=True)

    def test_a_ukrainian_browser_gets_its_mail_in_ukrainian(
        self, ukrainian: FlaskClient, db: Database
    ) -> None:
        sign_up(ukrainian, newsletters=["weekly"])

        assert [mail.language for mail in mails(db, "confirm")] == ["uk"]

    @pytest.mark.parametrize("asks_for", ["uk", "en"])
    @pytest.mark.parametrize(("slug", "spoken"), [("nedilia", "uk"), ("weekly", "en")])
    def test_an_embedded_form_speaks_like_its_newsletter(
        self, app: Flask, slug: str, spoken: str, asks_for: str
    ) -> None:
        reader = browser(app, asks_for)

        wrong = embed_sign_up(reader, email="хто?", newsletters=[slug], json=True).get_json()
        page = embed_sign_up(reader, email="хто?", newsletters=[slug]).get_data(as_text=True)
        accepted = embed_sign_up(reader, newsletters=[slug], json=True).get_json()

        assert wrong["language"] == accepted["language"] == language_of(page) == spoken

    def test_the_script_brings_no_words_of_its_own(self, english: FlaskClient) -> None:
        accepted = embed_sign_up(english, newsletters=["nedilia"], json=True).get_json()

        assert accepted["title"] == "Підписку оформлено"
        assert accepted["text"].startswith("Дякуємо за підписку на цю розсилку.")
        assert accepted["code"]["button"] == "Підтвердити"
        assert accepted["again"]["button"] == "Надіслати лист ще раз"
        assert accepted["change"]["button"] == "Вказати іншу адресу"

    def test_a_reader_who_changes_language_is_spoken_to_in_it(
        self, ukrainian: FlaskClient, db: Database, preferences: str
    ) -> None:
        token = csrf_token(ukrainian, preferences)

        ukrainian.post(f"{preferences}/about", data={"csrf_token": token, "name": "", "language": "en"})

        page = ukrainian.get(preferences).get_data(as_text=True)
        post_form(
            ukrainian,
            "/preferences",
            data={"csrf_token": csrf_token(ukrainian, "/preferences"), "email": EMAIL},
        )
        assert language_of(page) == "en"
        assert "Saved." in page
        assert [mail.language for mail in mails(db, "preferences")] == ["en"]

    def test_the_feed_says_its_newsletters_language(self, english: FlaskClient) -> None:
        feed = ElementTree.fromstring(english.get(f"{PAGE}/feed.atom").data)  # noqa: S314 (our own)

        assert feed.get("{http://www.w3.org/XML/1998/namespace}lang") == "uk"

    def test_dates_and_numbers_are_written_as_the_language_writes_them(
        self, ukrainian: FlaskClient, leaving: str
    ) -> None:
        left = press(ukrainian, leaving).get_data(as_text=True)
        in_ukrainian = ukrainian.get(PAGE).get_data(as_text=True)
        in_english = ukrainian.get(f"{PAGE}?lang=en").get_data(as_text=True)

        assert "8 березня 2026" in in_ukrainian
        assert "8 March 2026" in in_english
        assert "14 днів" in left

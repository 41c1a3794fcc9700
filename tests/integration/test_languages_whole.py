"""Nothing is left untranslated: every page and mail in Ukrainian, searched for words in Latin letters."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient
from werkzeug.exceptions import NotFound
from werkzeug.test import TestResponse

from newsletters.app import ERROR_PAGES
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.mail.render import MailTemplates
from newsletters.publishing.layout import issue_spec
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.proofs import Asked
from tests.desk import csrf_token
from tests.factories import make_issue
from tests.integration.test_mail_kinds import KINDS
from tests.readers import EMAIL, embed_sign_up, mailed_path, sign_up
from tests.spoken import english_words, language_of
from tests.ukrainian import ASKED, PAGE, browser, found_newsletter

# What people and providers wrote, in Ukrainian.
WRITTEN = {
    "inviter": "Олена",
    "author": "Ольга",
    "subject": "Неділя",
    "excerpt": "Дякую.",
    "provider": "провайдер",
}
NAMES = ("The Newsroom", "newsroom.example", "Atom", "English", "Українська", "UTC", "https", "localhost")


@pytest.fixture(autouse=True)
def newsletter(db: Database) -> Newsletter:
    with db.transaction() as session:
        return found_newsletter(session)


def the_pages_of_readers(
    browser: FlaskClient, elsewhere: FlaskClient, *, db: Database, clock: FixedClock
) -> Iterator[TestResponse]:
    """Every page a reader can meet: signing up, confirming, and what may go wrong with it."""
    yield browser.get("/")
    yield browser.post("/", data={"csrf_token": csrf_token(browser, "/"), "email": "?"})
    yield browser.post("/", data={"email": EMAIL, "newsletter": "nedilia"})
    yield browser.get("/embed/frame?newsletter=nedilia&language=uk")
    for path in ("", "/archive", "/issues/khlib", "/issues/potiah"):
        yield browser.get(PAGE + path)
    yield browser.get("/genuine")
    for link in ("", "?", f"http://localhost{PAGE}/issues/khlib", "http://localhost/x", "https://x.example"):
        yield browser.post("/genuine", data={"link": link})
    yield browser.post("/genuine", data={"subject": "Нічого", "date": "2026-03-02"})
    yield embed_sign_up(browser, email="?", newsletters=["nedilia"])
    yield embed_sign_up(browser, newsletters=[])
    yield embed_sign_up(browser, email="inshyi@readers.example", newsletters=["nedilia"])
    yield browser.get(sign_up(browser, newsletters=["nedilia"]).location)
    wrong = {"csrf_token": csrf_token(browser, "/subscribed"), "code": "000000"}
    yield browser.post("/subscribed/code", data=wrong)
    yield browser.post("/subscribed/again", data=wrong, follow_redirects=True)
    link = mailed_path(db, "confirm", "confirm_url")
    yield elsewhere.get(link)
    yield elsewhere.get(link[:-3])
    yield elsewhere.get(link.replace("/confirm/", "/unsubscribe/"))
    elsewhere.get(mailed_path(db, "confirm", "canary_url"))
    yield elsewhere.post(link)
    clock.advance(timedelta(days=8))
    yield elsewhere.get(link)
    yield elsewhere.post(f"{link}/new", follow_redirects=True)
    fresh = mailed_path(db, "confirm", "confirm_url")
    yield elsewhere.post(fresh, follow_redirects=True)
    yield elsewhere.get(fresh)


def the_pages_of_subscribers(
    browser: FlaskClient, *, db: Database, clock: FixedClock, preferences: str, leaving: str
) -> Iterator[TestResponse]:
    """Every page of preferences and of leaving."""

    def post(path: str, **fields: Any) -> TestResponse:
        data = {"csrf_token": csrf_token(browser, preferences), **fields}
        return browser.post(f"{preferences}{path}", data=data, follow_redirects=True)

    token = csrf_token(browser, "/preferences")
    for email in ("?", EMAIL):
        yield browser.post("/preferences", data={"csrf_token": token, "email": email})
    yield browser.get("/preferences")
    yield browser.get(preferences)
    yield post("/about", name="я" * 300, language="xx")
    yield post("/about", name="Олена", language="uk")
    yield post("/pause/nedilia", **{"nedilia-until": "колись"})
    yield post("/pause/nedilia", **{"nedilia-until": "2020-01-01"})
    yield post("/pause/nedilia", **{"nedilia-until": "2026-05-01"})
    yield post("/resume/nedilia")
    yield post("/leave/nedilia")
    yield post("/join/nedilia")
    yield post("/address", email=EMAIL)
    yield post("/address", email="nova@readers.example")
    moving = mailed_path(db, "change_address", "change_url")
    yield browser.get(moving)
    yield browser.get(leaving)
    for action in ("", "/undo", "/pause", "/resume", "/all", "/pause", ""):
        yield browser.post(f"{leaving}{action}", follow_redirects=True)
    clock.advance(timedelta(hours=2))
    yield browser.post(f"{leaving}/undo", follow_redirects=True)
    yield browser.get(f"{preferences}/receipts")
    yield browser.get(f"{preferences}/data")
    yield browser.get(f"{preferences}/erase")
    yield post("/erase")
    yield post("/erase", sure="y")
    yield browser.get(leaving)
    yield browser.get(preferences)
    clock.advance(timedelta(days=2))
    yield browser.get(moving)


def test_signing_up_and_confirming(
    app: Flask, ukrainian: FlaskClient, db: Database, clock: FixedClock
) -> None:
    met = titled(the_pages_of_readers(ukrainian, browser(app, "uk"), db=db, clock=clock))

    assert untranslated(met) == {}
    assert headings(met) == {
        "Розсилки",
        "Чи справді цей лист від нас?",
        "Українська неділя",
        "Українська неділя: усі випуски",
        "Неділя без поспіху",
        "Підписатися",
        "Підписку оформлено",
        "Підтвердьте підписку",
        "Це посилання неповне",
        "Це посилання для іншого",
        "Будь ласка, натисніть ще раз за мить",
        "Це посилання застаріло",
        "Нове посилання вже в дорозі",
        "Вітаємо! Вашу підписку підтверджено.",
        "Уже підтверджено",
    }


def test_preferences_and_leaving(
    ukrainian: FlaskClient, db: Database, clock: FixedClock, preferences: str, leaving: str
) -> None:
    pages = the_pages_of_subscribers(ukrainian, db=db, clock=clock, preferences=preferences, leaving=leaving)

    met = titled(pages)

    assert untranslated(met) == {}
    assert headings(met) == {
        "Ваші налаштування",
        "Будь ласка, загляньте до своєї скриньки",
        "Змініть свою адресу",
        "Відписатися від «Українська неділя»",
        "Ви відписалися",
        "Ви знову підписані",
        "Пауза",
        "Повернути це тут уже запізно",
        "На що ви погодилися",
        "Усе, що ми про вас маємо",
        "Стерти мене",
        "Вас стерто",
        "Ви нічого від нас не отримуєте",
        "Це посилання застаріло",
    }


@pytest.mark.parametrize("code", ERROR_PAGES)
def test_error_pages(app: Flask, code: int) -> None:
    with app.test_request_context("/", environ_overrides={"HTTP_ACCEPT_LANGUAGE": ASKED}):
        page = render_template(f"errors/{code}.html", error=NotFound())

    assert language_of(page) == "uk"
    assert english_words(page, language="uk", but=NAMES) == []


def test_the_page_that_asks_for_a_moment(app: Flask) -> None:
    with app.test_request_context("/", method="POST", headers={"Accept-Language": ASKED}):
        page = render_template("public/one_moment.html", asked=Asked({}, "", 20), posted=[], has_waited=True)

    assert language_of(page) == "uk"
    assert english_words(page, language="uk", but=NAMES) == []


@pytest.mark.parametrize("kind", KINDS)
def test_mails(kind: str) -> None:
    templates = MailTemplates(newsroom="Редакція", public_url="https://news.example")
    given = {**KINDS[kind], **{name: words for name, words in WRITTEN.items() if KINDS[kind].get(name)}}

    mail = templates.render(kind, "uk", given)

    assert language_of(mail.html) == "uk"
    assert english_words(mail.html, language="uk") == []
    assert english_words(f'<p lang="uk">{mail.subject} {mail.text}</p>', language="uk") == []


def test_the_words_around_an_issue(db: Database, runtime: Runtime, newsletter: Newsletter) -> None:
    templates = MailTemplates(newsroom="Редакція", public_url="https://news.example")
    with db.transaction() as session:
        issue = make_issue(
            session, newsletter, subject="Неділя", preheader="Рецепт", body="![](/media/x.png)"
        )
        spec = issue_spec(session, issue, urls=runtime.urls, templates=templates)

    assert language_of(spec.html) == "uk"
    assert english_words(f'{spec.html}<p lang="uk">{spec.text}</p>', language="uk") == []


def test_the_search_sees_english_words() -> None:
    page = '<html lang="uk"><p>Так <b title="Not so">ні</b> <i lang="en">fine</i> a@b.example'

    assert english_words(f"{page}<p>Left alone</p>", language="uk") == ["Not", "Left", "alone"]


def titled(answers: Iterator[TestResponse]) -> dict[tuple[int, str], str]:
    """Pages by number and heading."""
    found = {}
    for number, answer in enumerate(answers):
        page = answer.get_data(as_text=True)
        assert language_of(page) == "uk"
        heading = re.search(r"<h1[^>]*>(.*?)</h1>", page, re.DOTALL)
        found[number, heading[1] if heading else ""] = page
    return found


def headings(met: dict[tuple[int, str], str]) -> set[str]:
    return {heading for _number, heading in met}


def untranslated(met: dict[tuple[int, str], str]) -> dict[tuple[int, str], list[str]]:
    found = {name: english_words(page, language="uk", but=NAMES) for name, page in met.items()}
    return {name: words for name, words in found.items() if words}

"""Our mail templates: strict, in the reader's language, dressed for mail programs that drop style sheets."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from newsletters.mail.render import MailTemplates
from newsletters.mail.slots import Slot, find_slots, slot

INVITATION = {"inviter": "Olena", "url": "https://news.example/x", "days": 7}


@pytest.fixture
def templates() -> MailTemplates:
    return MailTemplates(newsroom="The Newsroom", public_url="https://news.example")


@pytest.fixture
def own(tmp_path: Path) -> MailTemplates:
    """Templates of a test's own, over the real layouts."""
    for name in ("layout.html", "layout.txt"):
        (tmp_path / name).write_text((Path("templates/mail") / name).read_text())
    (tmp_path / "page.html").write_text(
        '{% extends "layout.html" %}{% block preheader %}{{ lead }}{% endblock %}'
        '{% block content %}<h1>{{ title }}</h1><p class="lede">{{ lead }}</p>'
        '<p><a class="button" href="{{ url }}">Go</a></p>{% endblock %}'
    )
    (tmp_path / "page.txt").write_text(
        '{% extends "layout.txt" %}{% block content %}\n\n\n{{ title }}\n\n\n\n{{ lead }}\n{% endblock %}'
    )
    return MailTemplates(newsroom="The Newsroom", public_url="https://news.example", folder=tmp_path)


PAGE = {"title": "Title & more", "lead": slot("name", "reader"), "url": slot("way_url")}


def test_a_name_the_template_does_not_get_is_an_error(templates: MailTemplates) -> None:
    with pytest.raises(UndefinedError):
        templates.render("invitation", "en", {"url": "https://news.example/x", "days": 7})


def test_a_subject_is_one_line(templates: MailTemplates) -> None:
    content = templates.render("invitation", "en", INVITATION)

    assert content.subject == "Your invitation to the desk of The Newsroom"


def test_a_language_we_do_not_speak_becomes_english(templates: MailTemplates) -> None:
    assert templates.render("invitation", "xx", INVITATION) == templates.render(
        "invitation", "en", INVITATION
    )


def test_slots_come_through_the_layout(own: MailTemplates) -> None:
    html = own.render_page("page.html", "en", PAGE)

    assert find_slots(html) == [Slot("name", "reader"), Slot("name", "reader"), Slot("way_url")]


def test_html_is_escaped_and_text_is_not(own: MailTemplates) -> None:
    assert "Title &amp; more" in own.render_page("page.html", "en", PAGE)
    assert "Title & more" in own.render_page("page.txt", "en", PAGE)


def test_text_has_no_gaps(own: MailTemplates) -> None:
    text = own.render_page("page.txt", "en", {"title": "Title", "lead": "Lead"})

    assert text == "Title\n\nLead\n\n-- \nThe Newsroom\nhttps://news.example\n"


def test_styles_stand_on_the_elements_and_only_media_queries_in_the_head(own: MailTemplates) -> None:
    html = own.render_page("page.html", "en", PAGE | {"accent": "#a3243b", "accent_dark": "#f29ca8"})

    sheet = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert sheet is not None
    assert sheet[1].strip().startswith("@media")
    assert "prefers-color-scheme: dark" in sheet[1]
    assert "#f29ca8 !important" in sheet[1]
    button = re.search(r'<a class="button"[^>]*>', html)
    assert button is not None
    assert "background-color: #a3243b" in button[0]


def test_the_preheader_is_there_and_out_of_sight(own: MailTemplates) -> None:
    html = own.render_page("page.html", "en", PAGE)

    hidden = re.search(r'<div class="preheader" style="([^"]*)">(.)', html)
    assert hidden is not None
    assert "display: none" in hidden[1]
    assert hidden[2] == slot("name")[0]


def test_a_mail_asks_nothing_of_other_servers(own: MailTemplates) -> None:
    html = own.render_page("page.html", "en", PAGE)

    assert not re.search(r"<(link|script|img|iframe)\b|url\(|@import", html)


def test_a_logo_stands_in_for_the_name(own: MailTemplates) -> None:
    logo = {"logo_url": "https://news.example/media/l.png", "logo_width": 240, "logo_height": 60}

    html = own.render_page("page.html", "en", PAGE | logo | {"brand": "Explaining"})

    image = re.search(r"<img[^>]*>", html)
    assert image is not None
    assert 'alt="Explaining"' in image[0]
    assert 'width="240" height="60"' in image[0]

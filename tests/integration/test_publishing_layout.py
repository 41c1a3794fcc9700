"""The mail an issue becomes, looked at as its bytes arrive."""

from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from newsletters.kernel.db import Database
from newsletters.kernel.urls import Urls
from newsletters.mail.render import MailTemplates
from newsletters.publishing.checks import GMAIL_CLIPS_AT_BYTES, Kind, Severity
from newsletters.publishing.layout import SLOTS, compile_issue
from newsletters.publishing.models import Issue
from newsletters.publishing.pictures import store_picture
from newsletters.publishing.preflight import preflight
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter
from tests.pictures import photograph

URLS = Urls("https://news.example")
TEMPLATES = MailTemplates(newsroom="The Newsroom", public_url="https://news.example")
VALUES = {
    "name": "Oksana <Ok> & Co",
    "email": "oksana@readers.example",
    "unsubscribe_url": "https://news.example/unsubscribe/TOKEN",
    "unsubscribe_mailto": "unsubscribe+token@news.example",
}


def mail(session: Session, issue: Issue, **values: str) -> EmailMessage:
    compiled = compile_issue(session, issue, urls=URLS, templates=TEMPLATES)
    assert compiled.slots <= set(SLOTS)
    rendered = compiled.render(
        {**VALUES, **values},
        recipient="oksana@readers.example",
        message_id="<issue.1.1@news.example>",
        date=NOW,
    )
    return message_from_bytes(rendered, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_a_mail_says_who_wrote_what_and_how_to_leave(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session, reply_to="letters@news.example", accent="madder")
        issue = make_issue(session, newsletter, subject="Новини тижня", body="Dear {{ name }},\n\nhello.")

        message = mail(session, issue)

    assert message["Subject"] == "Новини тижня"
    assert message["Reply-To"] == "letters@news.example"
    assert message["List-Unsubscribe"] == (
        "<https://news.example/unsubscribe/TOKEN>, "
        "<mailto:unsubscribe+token@news.example?subject=unsubscribe>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Id"] == f"Explaining Ukraine <newsletter-{newsletter.id}.news.example>"
    assert len(message.get_all("List-Id", [])) == 1
    html, text = part(message, "html"), part(message, "plain")
    assert "Dear Oksana &lt;Ok&gt; &amp; Co," in html
    assert "Dear Oksana <Ok> & Co," in text
    assert "#a3243b" in html
    for one in (html, text):
        assert "https://news.example/unsubscribe/TOKEN" in one
        assert "https://news.example/preferences" in one
        assert f"https://news.example/newsletters/{newsletter.slug}/issues/{issue.slug}" in one
        assert "1 Press Street, Kyiv" in one
        assert "oksana@readers.example" in one


def test_nothing_needs_a_style_sheet_or_a_script(db: Database) -> None:
    with db.transaction() as session:
        html = part(mail(session, make_issue(session, make_newsletter(session))), "html")

    assert "<script" not in html
    assert "<link" not in html
    assert '<p style="' in html


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=st.text(max_size=300))
def test_no_text_can_do_without_the_way_out(db: Database, body: str) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), body=body.replace("\0", ""))
        message = mail(session, issue)
        session.rollback()

    assert VALUES["unsubscribe_url"] in part(message, "html")
    assert VALUES["unsubscribe_url"] in part(message, "plain")
    assert message.defects == []


def test_a_value_of_one_reader_is_never_read_as_a_placeholder(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), body="Dear {{ name }}")

        message = mail(session, issue, name="{{ email }}{{7*7}}\ue000")

    assert "Dear {{ email }}{{7*7}}" in part(message, "plain")


def test_a_nameless_reader_gets_the_default(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), body='A {{ name|"friend" }} and a {{ name }}.')

        assert "A friend and a reader." in part(mail(session, issue, name=""), "plain")


def test_pictures_and_the_logo_have_whole_addresses_and_sizes(db: Database) -> None:
    with db.transaction() as session:
        picture = store_picture(session, photograph(1200, 600), uploaded_by_id=None, now=NOW)
        newsletter = make_newsletter(session, logo_id=picture.id)
        issue = make_issue(session, newsletter, body=f"![A street](/media/{picture.name})")

        html = part(mail(session, issue), "html")

    assert html.count(f'src="https://news.example/media/{picture.name}"') == 2
    assert 'alt="A street" width="600" height="1200"' in html


def test_a_ukrainian_newsletter_speaks_ukrainian(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session, language="uk"))

        html = part(mail(session, issue), "html")

    assert '<html lang="uk"' in html
    assert "Unsubscribe" not in html


@pytest.mark.parametrize("field", ["subject", "preheader", "body"])
def test_an_unknown_placeholder_is_found_wherever_it_stands(db: Database, field: str) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), **{field: "Dear {{ nmae }}"})

        found = preflight(session, issue, urls=URLS, templates=TEMPLATES, now=NOW)

    assert [one.kind for one in found if one.severity is Severity.BLOCKING] == [Kind.PLACEHOLDER_UNKNOWN]


def test_a_mail_that_gmail_would_cut_is_found(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), body="word " * (GMAIL_CLIPS_AT_BYTES // 5))

        found = preflight(session, issue, urls=URLS, templates=TEMPLATES, now=NOW)

    assert [one.kind for one in found] == [Kind.CLIPPED]

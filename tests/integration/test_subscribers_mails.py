"""The mails of this slice as their readers see them, made of what the use cases really queue."""

from datetime import timedelta

import pytest

from newsletters.mail.models import OutboxMail
from newsletters.mail.render import Content, MailTemplates
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.runtime import Runtime
from newsletters.subscribers import address_change
from newsletters.subscribers.models import FormKind, Subscriber
from tests.mailbox import Reader, advance, newsletter

templates = MailTemplates(newsroom="The Newsroom", public_url="http://localhost")
NEW = "moved@readers.example"


def rendered(mail: OutboxMail) -> Content:
    return templates.render(mail.kind, mail.language, mail.params)


def every_kind(runtime: Runtime, language: str = "en") -> dict[str, OutboxMail]:
    """One mail of each kind, by letting a reader do everything once."""
    news = newsletter(runtime, language=language)
    reader, moved = Reader(runtime), Reader(runtime, email=NEW)
    reader.joins(news)
    reader.signs_up(news)
    reader.asks(FormKind.WAY_IN)
    with runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        address_change.ask(session, subscriber, NEW, means=runtime, now=reader.now)
    with runtime.db.transaction() as session:
        token = moved.token("change_url", "change_address")
        address_change.change(session, token, means=runtime, now=reader.now)
    return {mail.kind: mail for mail in (*reader.mails(), *moved.mails())}


KINDS = ["confirm", "already_subscribed", "preferences", "change_address", "address_changed"]


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    return newsletter(runtime)


@pytest.mark.parametrize("language", ["en", "uk"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_mail_has_a_subject_a_text_and_a_page(runtime: Runtime, kind: str, language: str) -> None:
    mail = every_kind(runtime, language)[kind]

    content = rendered(mail)

    assert mail.language == language
    assert content.subject.strip()
    assert "\n" not in content.subject
    assert len(content.text.split()) > 10
    assert content.html.count("<h1") == 1


@pytest.mark.parametrize(
    ("kind", "param"),
    [
        ("confirm", "confirm_url"),
        ("already_subscribed", "preferences_url"),
        ("preferences", "preferences_url"),
        ("change_address", "change_url"),
    ],
)
def test_the_link_stands_alone_on_its_line_and_behind_the_button(
    runtime: Runtime, kind: str, param: str
) -> None:
    mail = every_kind(runtime)[kind]

    content = rendered(mail)

    assert mail.params[param] in content.text.splitlines()
    assert f'href="{mail.params[param]}"' in content.html


def test_the_confirmation_names_each_newsletter_and_carries_the_code(
    runtime: Runtime, news: Newsletter
) -> None:
    sport, reader = newsletter(runtime, name="Sport & Spiel"), Reader(runtime)
    reader.signs_up(news, sport)

    content = rendered(reader.mails()[0])

    assert content.subject == "Please confirm your newsletters from The Newsroom"
    assert "- Explaining Ukraine\n- Sport & Spiel\n" in content.text
    assert "Sport &amp; Spiel" in content.html
    assert reader.param("code") in content.text
    assert reader.param("code") in content.html


def test_whoever_did_not_ask_is_told_to_do_nothing(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)

    content = rendered(reader.mails()[0])

    assert "If it was not you, do nothing" in content.text
    assert "If it was not you, do nothing" in content.html


def test_the_link_no_person_sees_is_in_the_page_alone_and_hidden(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)

    content = rendered(reader.mails()[0])

    before, _, _ = content.html.partition(reader.param("canary_url"))
    assert "display:none" in before.rpartition("<div")[2].replace(" ", "")
    assert reader.param("canary_url") not in content.text


def test_the_editors_words_for_one_newsletter_are_text_and_no_template(
    runtime: Runtime, news: Newsletter
) -> None:
    with runtime.db.transaction() as session:
        session.add(
            OptInWording(
                newsletter_id=news.id,
                version=2,
                consent_text="Yes.",
                mail_subject="One step to {{ 7*7 }}",
                mail_intro="<b>Hello</b> {{ confirm_url }}",
                created_at=runtime.clock.now(),
            )
        )
    reader = Reader(runtime)
    reader.signs_up(news)

    content = rendered(reader.mails()[0])

    assert content.subject == "One step to {{ 7*7 }}"
    assert "<b>Hello</b> {{ confirm_url }}" in content.text
    assert "&lt;b&gt;Hello&lt;/b&gt;" in content.html


def test_nothing_a_stranger_typed_reaches_the_mailbox(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(
        news,
        name="https://spam.example",
        form="spam.example",
        page="https://spam.example/x",
        is_proven=False,
    )
    advance(runtime, timedelta(days=1))

    content = rendered(reader.mails()[0])

    assert "spam.example" not in content.subject + content.text + content.html


def test_the_old_address_learns_no_more_than_one_letter_of_the_new(runtime: Runtime) -> None:
    content = rendered(every_kind(runtime)["address_changed"])

    assert "m•••@readers.example" in content.text
    assert NEW not in content.text + content.html

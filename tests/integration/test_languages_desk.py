"""The desk in Ukrainian: every page that can be read there, searched for words in Latin letters."""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import product

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session

from newsletters.accounts.models import Editor, Invitation
from newsletters.bounces import quarantine
from newsletters.bounces.quarantined import QuarantineReason
from newsletters.delivery.gathering import gather
from newsletters.delivery.models import Delivery, DeliveryState
from newsletters.delivery.shaping_reading import read_rules
from newsletters.kernel.db import Database
from newsletters.publishing import drafts
from newsletters.publishing.models import Issue, IssueExclusion, IssueState, Newsletter, OptInWording
from newsletters.runtime import Runtime
from newsletters.subscribers.form_fields import Field, FieldKind
from newsletters.subscribers.saved_forms import FormMade, Offered
from newsletters.subscribers.saved_forms import save as save_form
from newsletters.web.admin.issues.progress import BRAKES
from tests.conftest import NOW
from tests.desk import signed_in
from tests.factories import make_issue, make_subscriber, make_subscription
from tests.spoken import english_words, language_of
from tests.ukrainian import ASKED, browser, found_newsletter
from tests.whole_story import furnish

# Words that are the same in every language: names of formats, of keys, and of what is typed or was received.
NAMES = (
    *(
        "The Newsroom",
        "python -m newsletters.cli worker",
        "Markdown",
        "HTML",
        "PNG",
        "JPEG",
        "GIF",
        "WebP",
        "CSV",
        "JSON",
        "SMTP",
        "GDPR",
        "Gmail",
        "English",
    ),
    *("UTC", "Ctrl", "[TEST]", "Test", "name", "email", "newsletter", "editors@", "article-footer"),
    *("SMTP_URL", "SHAPING_FILE", "TLS"),
    *(provider.name for provider in read_rules().providers.values()),
)
ZONES = re.compile(
    r'<select[^>]*id="timezone".*?</select>', re.DOTALL
)  # the time zone database names them in English
NOT_PAGES = (
    "desk.preview_mail",
    "desk.preview_text",
    "desk.embedding_preview",
    "desk.form_preview",
    "desk.progress_json",
    "desk.issue_readers_csv",
    "desk.style",
)
TIMED: Mapping[str, object] = {
    "started_at": NOW - timedelta(hours=1),
    "content_hash": "x",
    "prepared": 6,
    "candidates": 7,
}
STATES: Mapping[IssueState, Mapping[str, object]] = {
    IssueState.DRAFT: {},
    IssueState.SCHEDULED: {"send_at": NOW + timedelta(days=1)},
    IssueState.MISSED: {"send_at": NOW - timedelta(hours=5)},
    IssueState.SENDING: TIMED,
    IssueState.PAUSED: TIMED,
    IssueState.SENT: {**TIMED, "sent_at": NOW},
    IssueState.CANCELLED: TIMED,
}


def put_in_ukrainian(session: Session, newsletter: Newsletter) -> None:
    """Translate what the factories wrote in English."""
    newsletter.name, newsletter.sender_name = "Пояснюємо Україну", "Олена"
    newsletter.postal_address = "вул. Пресова, 1, Київ"
    session.execute(update(OptInWording).values(consent_text="Надсилайте мені листи."))
    session.execute(update(Issue).values(subject="Неділя", preheader="Рецепт"))


def furnish_issues(session: Session, newsletter: Newsletter, editor: Editor) -> list[Issue]:
    """An issue in every state, with readers of every outcome, and a draft with everything wrong in it."""
    issues = []
    for state, fields in STATES.items():
        issue = make_issue(
            session, newsletter, subject="Неділя", preheader="", body="TK", state=state, **fields
        )
        session.add(IssueExclusion(issue_id=issue.id, reason="paused", readers=1))
        for outcome in DeliveryState if "prepared" in fields else ():
            reader = make_subscriber(session, name="Олена")
            session.add(Delivery(issue_id=issue.id, subscriber_id=reader.id, state=outcome, attempts=2))
        gather(session, issue.id, batch_size=100, now=NOW)
        issues.append(issue)
    draft = drafts.new_issue(session, newsletter, author_id=editor.id, now=NOW)
    wrong = drafts.IssueText(
        subject="", preheader="", body="![](https://a.example/x.png) [слово](дім) {{ хто }} <b>"
    )
    drafts.save(session, draft, text=wrong, base_version=draft.version, editor_id=editor.id, now=NOW)
    return [*issues, draft]


def make_form(session: Session, newsletter: Newsletter, editor: Editor) -> int:
    """A sign-up form that asks a question."""
    asked = Field("misto", FieldKind.TEXT, {"uk": "Ваше місто"})
    made = FormMade("article-footer", "uk", (Offered(newsletter.id),), fields=(asked,))
    return save_form(session, made, actor=editor, now=NOW).id


def put_aside(session: Session) -> int:
    """A returned mail that nobody could place."""
    return quarantine.keep(
        session, door="smtp", why=QuarantineReason.UNKNOWN, raw=b"\r\n", recipient="", sender="", now=NOW
    ).id


@pytest.fixture
def editor(app: Flask, db: Database, runtime: Runtime) -> tuple[FlaskClient, dict[str, list[object]]]:
    """An owner's browser that asks for Ukrainian, and what there is to look at, by the names in addresses."""
    client = browser(app, ASKED)
    owner = signed_in(client, db, name="Олена")
    with db.transaction() as session:
        other, reader = furnish(session, runtime, text="слово")
        put_in_ukrainian(session, other)
        newsletter = found_newsletter(session)
        make_subscription(session, newsletter)
        issues = furnish_issues(session, newsletter, owner)
        session.add(
            Invitation(
                email="a@b.example",
                email_key="a@b.example",
                role=owner.role,
                invited_by_id=owner.id,
                created_at=NOW,
                expires_at=NOW + timedelta(days=7),
            )
        )
        return client, {
            "issue_id": [issue.id for issue in issues],
            "newsletter_id": [newsletter.id, other.id],
            "form_id": [make_form(session, newsletter, owner)],
            "reader_id": [reader.id],
            "mail_id": [put_aside(session)],
            "state": [state.value for state in DeliveryState],
            "action": list(BRAKES),
            "revision_id": [1],
            "token": ["x"],
        }


def paths(app: Flask, values: dict[str, list[object]]) -> Iterable[str]:
    """Every page of the desk with everything that its address can be filled with."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if (
            not rule.endpoint.startswith("desk.")
            or rule.endpoint in NOT_PAGES
            or "GET" not in (rule.methods or ())
        ):
            continue
        names = sorted(rule.arguments)
        for chosen in product(*(values[name] for name in names)):
            yield adapter.build(rule.endpoint, dict(zip(names, chosen, strict=True)), method="GET")


def test_no_page_of_the_desk_has_english_words(
    app: Flask, editor: tuple[FlaskClient, dict[str, list[object]]]
) -> None:
    client, values = editor

    pages = {path: client.get(path, follow_redirects=True) for path in paths(app, values)}

    spoken = {path: ZONES.sub("", answer.get_data(as_text=True)) for path, answer in pages.items()}
    untranslated = {path: english_words(page, language="uk", but=NAMES) for path, page in spoken.items()}
    assert {path: words for path, words in untranslated.items() if words} == {}
    assert {language_of(page) for page in spoken.values()} == {"uk"}
    missing = {path for path, answer in pages.items() if answer.status_code != 200}
    # A link for nobody, the revision of another issue, and the report of what was never sent.
    assert {path.rpartition("/")[2] for path in missing} == {"x", "1", "report"}

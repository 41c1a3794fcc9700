"""Newsletters at the desk: founded, edited, given new words, retired and restored."""

import io
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy.orm import Session

from newsletters.accounts.models import AuditEntry, Role
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.publishing import newsletters as publishing
from newsletters.publishing.models import IssueState, Newsletter, OptInWording, Picture
from newsletters.publishing.newsletter_fields import (
    NewsletterFields,
    NewsletterRefused,
    Problem,
    WordingFields,
)
from tests.conftest import NOW
from tests.desk import post, signed_in
from tests.factories import make_issue, make_newsletter, make_subscription

FIELDS = {
    "name": "Morning Courier",
    "slug": "morning-courier",
    "sender_email": "courier@newsroom.example",
    "sender_name": "The Courier",
    "language": "uk",
    "timezone": "Europe/Kyiv",
    "accent": "madder",
    "cadence": "Every morning",
    "tagline": "The day in five minutes",
    "position": "3",
    "next_issue_on": "2026-03-05",
    "consent_text": "Send me Morning Courier.",
}


def only_newsletter(db: Database) -> Newsletter:
    with db.reading() as session:
        return session.query(Newsletter).one()


def only_id(db: Database) -> int:
    return only_newsletter(db).id


def test_an_owner_founds_a_newsletter(client: FlaskClient, db: Database) -> None:
    owner = signed_in(client, db)

    answer = post(client, "/desk/newsletters/new", FIELDS)

    made = only_newsletter(db)
    assert answer.location == f"/desk/newsletters/{made.id}"
    assert (made.name, made.slug, made.language, made.accent) == (
        "Morning Courier",
        "morning-courier",
        "uk",
        "madder",
    )
    assert (made.timezone, made.position, made.sender_name) == ("Europe/Kyiv", 3, "The Courier")
    with db.reading() as session:
        wording = session.query(OptInWording).one()
        lines = {line.action for line in session.query(AuditEntry).filter(AuditEntry.actor_id == owner.id)}
    assert (wording.version, wording.consent_text) == (1, "Send me Morning Courier.")
    assert lines >= {"newsletter.created", "newsletter.reworded"}


def test_without_an_address_one_is_made_of_the_name(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)

    post(client, "/desk/newsletters/new", {**FIELDS, "slug": "", "name": "Ранкова пошта"})

    assert only_newsletter(db).slug == "rankova-poshta"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "Please give it a name"),
        ("name", "N" * 121, "At most 120 characters"),
        ("name", "Courier\u2028Bcc: x@y.example", "invisible character"),
        ("slug", "Morning Courier", "Small letters"),
        ("slug", "-courier", "Small letters"),
        ("slug", "../desk", "Small letters"),
        ("slug", "c" * 81, "At most 80 characters"),
        ("sender_email", "courier", "correct email address"),
        ("sender_name", "Courier\x07", "invisible character"),
        ("reply_to", "answers@", "correct email address"),
        ("language", "xx", "language"),
        ("accent", "gold", "accent"),
        ("timezone", "Mars/Olympus", "timezone"),
        ("consent_text", "", "what readers agree to"),
        ("mail_subject", "Hello\x07", "invisible character"),
        ("next_issue_on", "soon", "next_issue_on"),
        ("position", "-1", "A number from 0"),
    ],
)
def test_what_cannot_be_used_is_said_at_its_field_and_kept(
    client: FlaskClient, db: Database, field: str, value: str, words: str
) -> None:
    signed_in(client, db)

    answer = post(client, "/desk/newsletters/new", {**FIELDS, field: value})

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert words in page
    assert f'id="{field}-error"' in page
    assert 'value="Every morning"' in page
    with db.reading() as session:
        assert session.query(Newsletter).count() == 0


def test_two_newsletters_never_share_an_address(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    post(client, "/desk/newsletters/new", FIELDS)

    answer = post(client, "/desk/newsletters/new", {**FIELDS, "name": "Another"})

    assert answer.status_code == 422
    assert "Another newsletter has this address" in answer.get_data(as_text=True)


def test_saving_what_is_shown_changes_nothing(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    post(client, "/desk/newsletters/new", FIELDS)
    before = only_newsletter(db)

    answer = post(client, f"/desk/newsletters/{before.id}/edit", FIELDS)

    after = only_newsletter(db)
    assert answer.status_code == 303
    assert after.next_issue_on == before.next_issue_on
    with db.reading() as session:
        assert session.query(AuditEntry).filter(AuditEntry.action == "newsletter.edited").count() == 0


def test_an_edit_is_written_down_with_the_names_of_what_changed(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    post(client, "/desk/newsletters/new", FIELDS)

    post(client, f"/desk/newsletters/{only_id(db)}/edit", {**FIELDS, "accent": "olive", "tagline": "Anew"})

    with db.reading() as session:
        line = session.query(AuditEntry).filter(AuditEntry.action == "newsletter.edited").one()
    assert line.detail == "tagline, accent"
    assert only_newsletter(db).accent == "olive"


def test_an_address_is_fixed_once_an_issue_is_out(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session, slug="old")
        make_issue(session, newsletter, state=IssueState.SENT, content_hash="x", started_at=NOW, sent_at=NOW)

    answer = post(client, f"/desk/newsletters/{newsletter.id}/edit", {**FIELDS, "slug": "new"})

    assert answer.status_code == 422
    assert only_newsletter(db).slug == "old"


def test_new_words_make_a_new_version_and_the_old_one_stays(
    client: FlaskClient, db: Database, clock: FixedClock
) -> None:
    owner = signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session)
    clock.advance(timedelta(hours=2))
    path = f"/desk/newsletters/{newsletter.id}/wording"

    post(
        client,
        path,
        {"consent_text": "Yes, <b>please</b>.", "mail_subject": "One more step", "mail_intro": "Hello"},
    )

    page = client.get(path).get_data(as_text=True)
    with db.reading() as session:
        newest, oldest = publishing.wordings(session, newsletter.id)
    assert (newest.version, newest.created_by_id, oldest.version) == (2, owner.id, 1)
    assert oldest.consent_text in page
    assert "Yes, &lt;b&gt;please&lt;/b&gt;." in page
    assert page.count("<time") >= 3


def test_the_same_words_again_make_no_version(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        words = publishing.current_wording(session, newsletter.id).consent_text

    post(client, f"/desk/newsletters/{newsletter.id}/wording", {"consent_text": words})

    with db.reading() as session:
        assert session.query(OptInWording).count() == 1


def test_retiring_keeps_the_readers_and_restoring_opens_again(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        make_subscription(session, newsletter)
    path = f"/desk/newsletters/{newsletter.id}"

    post(client, f"{path}/retire")
    retired = client.get(path).get_data(as_text=True)
    was_retired = only_newsletter(db).is_retired
    post(client, f"{path}/restore")

    assert was_retired
    assert "every link to unsubscribe still works" in retired
    assert not only_newsletter(db).is_retired
    assert publishing_counts(client, path) == "1"


def publishing_counts(client: FlaskClient, path: str) -> str:
    """The first of the large numbers on a newsletter's page: its readers."""
    found = re.search(r"<dt>Readers</dt><dd>(\d+)</dd>", client.get(path).get_data(as_text=True))
    return found[1] if found else ""


def picture() -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", (300, 80), "#1f4fa8").save(out, "PNG")
    out.seek(0)
    return out


def test_a_logo_is_encoded_anew_and_can_be_taken_away(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session)
    path = f"/desk/newsletters/{newsletter.id}/logo"

    post(client, path, {"logo": (picture(), "logo.png")}, content_type="multipart/form-data")
    with db.reading() as session:
        kept = session.query(Picture).one()
    shown = client.get(f"/desk/newsletters/{newsletter.id}").get_data(as_text=True)
    had = only_newsletter(db).logo_id
    post(client, f"{path}/remove")

    assert had == kept.id
    assert f"/media/{kept.name}" in shown
    assert only_newsletter(db).logo_id is None


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", b"GIF89a<script>", b"\x89PNG\r\n\x1a\n" + b"\0" * 40]
)
def test_what_is_no_picture_is_no_logo(client: FlaskClient, db: Database, content: bytes) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session)

    answer = post(
        client,
        f"/desk/newsletters/{newsletter.id}/logo",
        {"logo": (io.BytesIO(content), "logo.png")},
        content_type="multipart/form-data",
    )

    assert answer.status_code == 303
    with db.reading() as session:
        assert session.query(Picture).count() == 0


def test_the_previews_show_what_is_typed_and_run_nothing(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session)
    typed = {
        "newsletter_id": str(newsletter.id),
        "consent_text": "<script>alert(1)</script> agreed",
        "mail_intro": "A word <img src=x onerror=alert(1)> before",
        "mail_subject": "",
    }

    form = post(client, "/desk/newsletters/preview/form", typed)
    mail = post(client, "/desk/newsletters/preview/mail", typed)

    assert "&lt;script&gt;alert(1)&lt;/script&gt; agreed" in form.get_data(as_text=True)
    assert "before" in mail.get_data(as_text=True)
    for answer in (form, mail):
        assert "<script" not in answer.get_data(as_text=True)
        assert "<img src=x" not in answer.get_data(as_text=True)
        assert "frame-ancestors 'self'; sandbox" in answer.headers["Content-Security-Policy"]


def test_a_preview_keeps_nothing(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with db.transaction() as session:
        newsletter = make_newsletter(session, name="Stays")

    post(client, "/desk/newsletters/preview/form", {**FIELDS, "newsletter_id": str(newsletter.id)})

    assert only_newsletter(db).name == "Stays"


def test_an_editor_sees_newsletters_without_the_owners_buttons(client: FlaskClient, db: Database) -> None:
    signed_in(client, db, Role.EDITOR)
    with db.transaction() as session:
        newsletter = make_newsletter(session)

    page = client.get(f"/desk/newsletters/{newsletter.id}").get_data(as_text=True)
    wording = client.get(f"/desk/newsletters/{newsletter.id}/wording").get_data(as_text=True)

    assert newsletter.name in page
    assert "/retire" not in page
    assert "/edit" not in page
    assert "Make a new version" not in wording


def fields(**given: object) -> NewsletterFields:
    return NewsletterFields(**{"slug": "x", "name": "X", "sender_email": "x@newsroom.example", **given})  # type: ignore[arg-type]


def create(session: Session, **given: object) -> Newsletter:
    return publishing.create(
        session, fields(**given), wording=WordingFields("Yes."), actor="operator", now=NOW
    )


@pytest.mark.parametrize("zone", ["UTC", "Europe/Kyiv", "America/Los_Angeles", "Asia/Tokyo"])
def test_the_next_issues_day_is_that_day_there_and_in_utc(db: Database, zone: str) -> None:
    with db.transaction() as session:
        made = create(session, timezone=zone, next_issue_on=date(2026, 3, 29))

        assert made.next_issue_on is not None
        assert made.next_issue_on.astimezone(ZoneInfo(zone)).date() == date(2026, 3, 29)
        assert made.next_issue_on.astimezone(UTC).date() == date(2026, 3, 29)
        assert publishing.day_in_zone(made) == date(2026, 3, 29)


def test_a_moment_on_the_same_day_stays_as_it_is(db: Database) -> None:
    with db.transaction() as session:
        made = create(session)
        made.next_issue_on = datetime(2026, 3, 29, 6, tzinfo=UTC)

        publishing.edit(session, made, fields(next_issue_on=date(2026, 3, 29)), actor="operator", now=NOW)

        assert made.next_issue_on == datetime(2026, 3, 29, 6, tzinfo=UTC)


def test_all_problems_are_told_at_once(db: Database) -> None:
    with db.transaction() as session, pytest.raises(NewsletterRefused) as refused:
        create(session, slug="X X", sender_email="x", accent="gold", language="xx", timezone="x")

    assert refused.value.problems == {
        "slug": Problem.BAD_SLUG,
        "sender_email": Problem.BAD_ADDRESS,
        "accent": Problem.UNKNOWN,
        "language": Problem.UNKNOWN,
        "timezone": Problem.UNKNOWN,
    }

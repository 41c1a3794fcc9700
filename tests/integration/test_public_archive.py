"""The archive, the feed, pictures, and what machines read."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from PIL import Image

from newsletters.kernel.db import Database
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.publishing.pictures import store_picture
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter

ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def newsletter(db: Database) -> Newsletter:
    with db.transaction() as session:
        return make_newsletter(session, slug="weekly", name="Weekly", tagline="What matters, once a week")


def publish(db: Database, newsletter: Newsletter, **fields: object) -> Issue:
    sent = {"state": IssueState.SENT, "content_hash": "x", "started_at": NOW, "sent_at": NOW}
    with db.transaction() as session:
        return make_issue(session, newsletter, **{**sent, **fields})


def test_the_index_lists_public_issues_newest_first_by_pages(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    for number in range(23):
        publish(db, newsletter, subject=f"Number {number:02}", started_at=NOW + timedelta(days=number))

    first = client.get("/newsletters/weekly/archive").get_data(as_text=True)
    following = first.split('rel="next" href="')[1].split('"')[0]
    second = client.get(following).get_data(as_text=True)

    assert first.index("Number 22") < first.index("Number 21")
    assert "Number 02" not in first
    assert all(f"Number {number:02}" in second for number in range(3))


@pytest.mark.parametrize("state", [IssueState.DRAFT, IssueState.SCHEDULED, IssueState.CANCELLED])
def test_what_was_not_sent_is_nobodys_business(
    client: FlaskClient, db: Database, newsletter: Newsletter, state: IssueState
) -> None:
    issue = publish(db, newsletter, subject="Not yet", state=state, started_at=None, sent_at=None)

    assert client.get(f"/newsletters/weekly/issues/{issue.slug}").status_code == 404
    for page in ("/", "/newsletters/weekly", "/newsletters/weekly/archive", "/newsletters/weekly/feed.atom"):
        assert "Not yet" not in client.get(page).get_data(as_text=True)


def test_an_issue_is_readable_in_the_browser_without_personal_words(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    issue = publish(
        db,
        newsletter,
        subject='For {{ name|"everybody" }}',
        body='Dear {{ name|"reader" }},\n\n<script>alert(1)</script>\n\n## News',
    )

    page = client.get(f"/newsletters/weekly/issues/{issue.slug}").get_data(as_text=True)

    assert "For everybody" in page
    assert "Dear reader" in page
    assert "<script>" not in page
    assert "/unsubscribe/" not in page


def test_an_issue_leads_to_its_neighbours(client: FlaskClient, db: Database, newsletter: Newsletter) -> None:
    older, shown, newer = (
        publish(db, newsletter, subject=f"Issue {day}", started_at=NOW + timedelta(days=day))
        for day in range(3)
    )

    page = client.get(f"/newsletters/weekly/issues/{shown.slug}").get_data(as_text=True)

    assert _link(page, "prev").endswith(f"/issues/{older.slug}")
    assert _link(page, "next").endswith(f"/issues/{newer.slug}")


def test_the_archive_of_a_retired_newsletter_stays_without_a_form(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    issue = publish(db, newsletter)
    with db.transaction() as session:
        session.get_one(Newsletter, newsletter.id).retired_at = NOW

    page = client.get("/newsletters/weekly").get_data(as_text=True)

    assert "This newsletter has ended" in page
    assert "Enter your email to subscribe" not in page
    assert client.get(f"/newsletters/weekly/issues/{issue.slug}").status_code == 200
    assert client.get("/newsletters/weekly/archive").status_code == 200


@pytest.mark.parametrize(
    "path", ["", "/archive", "/feed.atom", "/issues/any", "/archive?after=made-up", "/issues/%00"]
)
def test_what_does_not_exist_is_404(client: FlaskClient, path: str) -> None:
    assert client.get(f"/newsletters/nowhere{path}").status_code == 404


def test_a_made_up_cursor_shows_the_beginning(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    publish(db, newsletter, subject="The only one")

    assert "The only one" in client.get("/newsletters/weekly/archive?after=%FF%FEnot-ours").get_data(
        as_text=True
    )


def test_the_feed_is_valid_atom_with_absolute_addresses(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    publish(db, newsletter, subject="Grain & bread", body="[more](/newsletters/weekly) \x0b and **bold**")

    answer = client.get("/newsletters/weekly/feed.atom")
    feed = ElementTree.fromstring(answer.data)  # noqa: S314  (our own)
    entry = feed.find(f"{ATOM}entry")

    assert answer.mimetype == "application/atom+xml"
    assert entry is not None
    assert _texts(feed, "id", "title", "subtitle", "updated") == [
        "http://localhost/newsletters/weekly",
        "Weekly",
        "What matters, once a week",
        NOW.isoformat(),
    ]
    assert feed.find(f"{ATOM}author/{ATOM}name") is not None
    assert entry.findtext(f"{ATOM}title") == "Grain & bread"
    assert (entry.findtext(f"{ATOM}id") or "").startswith("http://localhost/newsletters/weekly/issues/")
    assert "<strong>bold</strong>" in (entry.findtext(f"{ATOM}content") or "")
    assert [link.get("rel") for link in feed.findall(f"{ATOM}link")] == ["self", "alternate"]
    assert all((link.get("href") or "").startswith("http://localhost/") for link in feed.iter(f"{ATOM}link"))


def test_an_empty_feed_is_valid_too(client: FlaskClient, newsletter: Newsletter) -> None:
    feed = ElementTree.fromstring(client.get("/newsletters/weekly/feed.atom").data)  # noqa: S314  (our own)

    assert feed.findtext(f"{ATOM}updated") == newsletter.created_at.isoformat()


def test_an_unchanged_feed_is_not_sent_again(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    publish(db, newsletter)
    first = client.get("/newsletters/weekly/feed.atom")

    again = client.get("/newsletters/weekly/feed.atom", headers={"If-None-Match": first.headers["ETag"]})

    assert again.status_code == 304
    assert "Set-Cookie" not in first.headers


def test_a_picture_is_kept_for_a_year_and_never_run(client: FlaskClient, db: Database) -> None:
    upload = BytesIO()
    Image.new("RGB", (8, 8), "navy").save(upload, "PNG")
    with db.transaction() as session:
        picture = store_picture(session, upload.getvalue(), uploaded_by_id=None, now=NOW)

    answer = client.get(f"/media/{picture.name}")

    assert answer.content_type == picture.content_type
    assert answer.data == picture.content
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/media/none.png").status_code == 404


def test_crawlers_are_kept_off_what_is_personal(client: FlaskClient) -> None:
    text = client.get("/robots.txt").get_data(as_text=True)

    assert all(
        f"Disallow: {path}" in text for path in ("/confirm/", "/unsubscribe/", "/preferences", "/desk")
    )


def test_the_security_page_names_a_contact_and_is_not_out_of_date(client: FlaskClient) -> None:
    answer = client.get("/.well-known/security.txt")
    lines = dict(line.split(": ", 1) for line in answer.get_data(as_text=True).splitlines())

    assert lines["Contact"].startswith("mailto:")
    assert NOW < datetime.fromisoformat(lines["Expires"]).astimezone(UTC) < NOW + timedelta(days=365)


def test_a_newsletters_page_speaks_its_language_unless_the_reader_chose(
    client: FlaskClient, db: Database
) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="nedilia", name="Неділя", language="uk")

    assert '<html lang="uk">' in client.get("/newsletters/nedilia").get_data(as_text=True)
    assert '<html lang="en">' in client.get("/newsletters/nedilia?lang=en").get_data(as_text=True)
    assert '<html lang="en">' in client.get("/newsletters/nedilia").get_data(as_text=True)


def test_links_are_built_from_our_own_address_and_never_from_the_host_header(
    client: FlaskClient, db: Database, newsletter: Newsletter
) -> None:
    publish(db, newsletter)

    poisoned = client.get("/newsletters/weekly/feed.atom", headers={"Host": "evil.example"})
    local = client.get("/newsletters/weekly/feed.atom", headers={"Host": "127.0.0.1:9"})

    assert poisoned.status_code == 400
    assert "127.0.0.1" not in local.get_data(as_text=True)


def _texts(element: ElementTree.Element, *names: str) -> list[str | None]:
    return [element.findtext(f"{ATOM}{name}") for name in names]


def _link(page: str, rel: str) -> str:
    """Where the link of that relation leads."""
    return page.partition(f'rel="{rel}"')[2].partition('href="')[2].partition('"')[0]

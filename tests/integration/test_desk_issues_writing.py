"""Beginning, writing, comparing and previewing issues at the desk, as a browser without a script does it."""

import io
import re

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select

from newsletters.accounts.models import Editor, Role
from newsletters.kernel.db import Database
from newsletters.publishing.models import Issue, IssueRevision, IssueState, Newsletter
from tests.delivering import stored
from tests.desk import post, signed_in
from tests.factories import make_issue, make_newsletter

JSON = {"Accept": "application/json", "X-Requested-With": "fetch"}


@pytest.fixture
def editor(client: FlaskClient, db: Database) -> Editor:
    return signed_in(client, db, Role.EDITOR)


@pytest.fixture
def newsletter(db: Database) -> Newsletter:
    with db.transaction() as session:
        return make_newsletter(session)


@pytest.fixture
def issue(db: Database, newsletter: Newsletter) -> Issue:
    with db.transaction() as session:
        return make_issue(session, newsletter)


def written(version: int = 1, **fields: str) -> dict[str, object]:
    return {"subject": "New", "preheader": "Why", "body": "Text", "version": version, **fields}


def test_an_empty_desk_says_what_to_do(client: FlaskClient, editor: Editor) -> None:
    page = client.get("/desk/issues").get_data(as_text=True)

    assert "No drafts" in page
    assert "/desk/issues/new" in page


@pytest.mark.parametrize("shelf", ["drafts", "scheduled", "sending", "sent", "cancelled", "nonsense"])
def test_every_shelf_can_be_looked_at(client: FlaskClient, editor: Editor, issue: Issue, shelf: str) -> None:
    answer = client.get(f"/desk/issues?shelf={shelf}")

    assert answer.status_code == 200
    assert (issue.subject in answer.get_data(as_text=True)) == (shelf in ("drafts", "nonsense"))


def test_the_list_can_be_narrowed_to_a_newsletter(client: FlaskClient, db: Database, editor: Editor) -> None:
    with db.transaction() as session:
        one = make_issue(session, make_newsletter(session), subject="The first")
        make_issue(session, make_newsletter(session), subject="The second")

    page = client.get(f"/desk/issues?newsletter={one.newsletter_id}").get_data(as_text=True)

    assert "The first" in page
    assert "The second" not in page


def test_a_new_issue_opens_for_writing(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    answer = post(client, "/desk/issues/new", {"newsletter": newsletter.id, "start": "empty"})

    with db.reading() as session:
        issue = session.scalars(select(Issue)).one()
    assert answer.headers["Location"] == f"/desk/issues/{issue.id}"
    assert (issue.state, issue.author_id, issue.body) == (IssueState.DRAFT, editor.id, "")
    assert client.get(f"/desk/issues/{issue.id}").status_code == 200


def test_a_new_issue_may_begin_with_the_last_ones_text(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    post(client, "/desk/issues/new", {"newsletter": issue.newsletter_id, "start": "last"})

    with db.reading() as session:
        new = session.scalars(select(Issue).where(Issue.id != issue.id)).one()
    assert (new.subject, new.body) == (issue.subject, issue.body)


def test_a_retired_newsletter_takes_no_new_issue(client: FlaskClient, db: Database, editor: Editor) -> None:
    with db.transaction() as session:
        retired = make_newsletter(session, retired_at=make_newsletter(session).created_at)

    answer = post(client, "/desk/issues/new", {"newsletter": retired.id, "start": "empty"})

    assert answer.status_code == 422


def test_saving_keeps_what_was_written(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    answer = post(client, f"/desk/issues/{issue.id}", written())

    assert answer.status_code == 303
    saved = stored(db, issue.id)
    assert (saved.subject, saved.preheader, saved.body, saved.version) == ("New", "Why", "Text", 2)


@pytest.mark.parametrize(
    ("then", "place"), [("preview", "/preview"), ("send", "/send"), ("test", "/test"), ("", "")]
)
def test_a_save_leads_where_the_button_says(
    client: FlaskClient, editor: Editor, issue: Issue, then: str, place: str
) -> None:
    answer = post(client, f"/desk/issues/{issue.id}", written(then=then))

    assert answer.headers["Location"] == f"/desk/issues/{issue.id}{place}"


def test_the_second_to_save_sees_their_own_text_and_a_warning(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    post(client, f"/desk/issues/{issue.id}", written(body="The first"))

    answer = post(client, f"/desk/issues/{issue.id}", written(body="The second"))

    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "Somebody else has saved" in page
    assert "The second</textarea>" in page
    assert stored(db, issue.id).body == "The first"


def test_after_the_warning_one_may_insist(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    post(client, f"/desk/issues/{issue.id}", written(body="The first"))
    page = post(client, f"/desk/issues/{issue.id}", written(body="The second")).get_data(as_text=True)
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version is not None

    post(client, f"/desk/issues/{issue.id}", written(int(version[1]), body="The second"))

    assert stored(db, issue.id).body == "The second"


def test_autosave_answers_with_the_version_and_the_checks(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    answer = post(client, f"/desk/issues/{issue.id}/text", written(body="Still TK"), headers=JSON)

    assert answer.json is not None
    assert answer.json["version"] == 2
    assert "something was still to come" in answer.json["checks"]
    assert stored(db, issue.id).body == "Still TK"


def test_autosave_tells_of_a_conflict_and_where_to_compare(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    post(client, f"/desk/issues/{issue.id}/text", written(body="The first"), headers=JSON)

    answer = post(client, f"/desk/issues/{issue.id}/text", written(body="The second"), headers=JSON)

    assert answer.status_code == 409
    assert answer.json is not None
    assert "The second" in client.get(answer.json["compare"]).get_data(as_text=True)


def test_autosave_of_a_sent_issue_is_refused(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        sent = make_issue(session, newsletter, state=IssueState.SENT, content_hash="x")

    answer = post(client, f"/desk/issues/{sent.id}/text", written(), headers=JSON)

    assert answer.status_code == 410


def test_a_signed_out_script_is_told_so_and_not_redirected(client: FlaskClient, issue: Issue) -> None:
    answer = client.get(f"/desk/issues/{issue.id}/progress", headers=JSON)

    assert answer.status_code == 401


def test_more_than_fits_is_refused_and_stays_on_the_page(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    answer = post(client, f"/desk/issues/{issue.id}", written(body="x" * 200_001))

    assert answer.status_code == 422
    assert stored(db, issue.id).version == 1


def test_text_that_looks_like_html_stays_text_on_the_editors_page(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        hostile = make_issue(
            session,
            newsletter,
            subject="<script>alert(1)</script>",
            preheader="<img src=x onerror=alert(1)>",
            body="</textarea><script>alert(1)</script>",
        )

    page = client.get(f"/desk/issues/{hostile.id}").get_data(as_text=True)

    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_the_preview_is_the_readers_message_in_a_frame_that_can_do_nothing(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        issue = make_issue(session, newsletter, body="Dear {{ name }}, <script>x</script>")

    frame = client.get(f"/desk/issues/{issue.id}/preview/mail")

    policy = frame.headers["Content-Security-Policy"]
    html = frame.get_data(as_text=True)
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script-src" not in policy
    assert "allow-" not in policy
    assert "frame-ancestors 'self'" in policy
    assert f"Dear {editor.name}" in html
    assert "<script" not in html
    assert "Unsubscribe" in html


def test_only_the_preview_frame_may_be_framed(client: FlaskClient, editor: Editor, issue: Issue) -> None:
    page = client.get(f"/desk/issues/{issue.id}/preview")

    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_the_dark_preview_shows_what_a_dark_inbox_shows(
    client: FlaskClient, editor: Editor, issue: Issue
) -> None:
    light = client.get(f"/desk/issues/{issue.id}/preview/mail").get_data(as_text=True)
    dark = client.get(f"/desk/issues/{issue.id}/preview/mail?theme=dark").get_data(as_text=True)

    assert "prefers-color-scheme: dark" not in light + dark
    assert "@media not all" in light
    assert "@media all" in dark


def test_the_preview_can_open_at_the_cursors_line(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        issue = make_issue(session, newsletter, body="One\n\nTwo\nthree\n\n- four")

    html = client.get(f"/desk/issues/{issue.id}/preview/mail?line=4").get_data(as_text=True)

    assert re.search(r'<p id="here"[^>]*>Two', html)


def test_the_plain_text_preview_is_plain_text(client: FlaskClient, editor: Editor, issue: Issue) -> None:
    answer = client.get(f"/desk/issues/{issue.id}/preview/text")

    assert answer.content_type == "text/plain; charset=utf-8"
    assert f"Dear {editor.name}, here is the news." in answer.get_data(as_text=True)


@pytest.mark.parametrize("view", ["desktop", "phone", "dark", "text", "nonsense"])
def test_the_preview_page_works_without_a_script(
    client: FlaskClient, editor: Editor, issue: Issue, view: str
) -> None:
    assert client.get(f"/desk/issues/{issue.id}/preview?view={view}").status_code == 200


def test_a_revision_can_be_compared_and_brought_back(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    post(client, f"/desk/issues/{issue.id}", written(1, body="Good words"))
    with db.reading() as session:
        good = session.scalars(select(IssueRevision.id).order_by(IssueRevision.id.desc())).first()
    post(client, f"/desk/issues/{issue.id}", written(2, body="Bad words"))

    history = client.get(f"/desk/issues/{issue.id}/history").get_data(as_text=True)
    page = client.get(f"/desk/issues/{issue.id}/history/{good}").get_data(as_text=True)
    post(client, f"/desk/issues/{issue.id}/history/{good}/restore")

    assert f"/history/{good}" in history
    assert "<del>Good words</del>" in page
    assert "<ins>Bad words</ins>" in page
    assert stored(db, issue.id).body == "Good words"


def test_a_revision_of_another_issue_is_not_shown(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue, newsletter: Newsletter
) -> None:
    post(client, f"/desk/issues/{issue.id}", written())
    with db.transaction() as session:
        revision = session.scalars(select(IssueRevision.id)).first()
        other = make_issue(session, newsletter)

    assert client.get(f"/desk/issues/{other.id}/history/{revision}").status_code == 404


def picture() -> tuple[io.BytesIO, str]:
    out = io.BytesIO()
    Image.new("RGB", (1600, 900), "teal").save(out, "JPEG")
    out.seek(0)
    return out, "photo.jpg"


def test_a_picture_goes_to_the_end_of_the_text_without_a_script(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    post(client, f"/desk/issues/{issue.id}/pictures", {"picture": picture(), "alt": "The [sea] at dawn"})

    body = stored(db, issue.id).body
    found = re.search(r"!\[The \(sea\) at dawn\]\((/media/[0-9a-f]{32}\.jpg)\)", body)
    assert found is not None
    html = client.get(f"/desk/issues/{issue.id}/preview/mail").get_data(as_text=True)
    assert f'src="http://localhost{found[1]}"' in html
    assert 'width="600"' in html


def test_a_script_gets_the_pictures_address(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    answer = post(client, f"/desk/issues/{issue.id}/pictures", {"picture": picture()}, headers=JSON)

    assert answer.json is not None
    assert (answer.json["width"], answer.json["height"]) == (1200, 675)
    assert stored(db, issue.id).version == 1


def test_what_is_no_picture_is_refused_in_words(client: FlaskClient, editor: Editor, issue: Issue) -> None:
    upload = (io.BytesIO(b"<svg onload=alert(1)>"), "x.svg")

    answer = post(client, f"/desk/issues/{issue.id}/pictures", {"picture": upload}, headers=JSON)

    assert answer.status_code == 422
    assert answer.json is not None
    assert "not a picture" in answer.json["problem"]


def test_a_draft_is_thrown_away_only_after_a_question(
    client: FlaskClient, db: Database, editor: Editor, issue: Issue
) -> None:
    question = client.get(f"/desk/issues/{issue.id}/discard")
    assert question.status_code == 200
    assert stored(db, issue.id) is not None

    post(client, f"/desk/issues/{issue.id}/discard")

    with db.reading() as session:
        assert session.get(Issue, issue.id) is None


def test_the_checks_lead_to_their_place(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        issue = make_issue(session, newsletter, body="One\n\n[two](three) {{ nmae }}")

    page = client.get(f"/desk/issues/{issue.id}").get_data(as_text=True)

    assert 'data-jump-field="body" data-jump-line="3"' in page
    assert "“three” is no whole address" in page
    assert "“{{ nmae }}” is not a placeholder we know" in page


def test_links_inside_are_not_asked_but_named(
    client: FlaskClient, db: Database, editor: Editor, newsletter: Newsletter
) -> None:
    with db.transaction() as session:
        issue = make_issue(session, newsletter, body="[x](https://127.0.0.1/admin)")

    answer = post(client, f"/desk/issues/{issue.id}/links", headers=JSON)

    assert answer.json is not None
    assert answer.json["status"] == "1 link seems to be dead."

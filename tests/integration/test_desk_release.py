"""The desk of a newsroom whose database was put back from a copy."""

from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.accounts.models import AuditEntry, Role
from newsletters.app import create_app
from newsletters.cli import ailments
from newsletters.delivery import restoring
from newsletters.kernel import restorations
from newsletters.publishing.models import Issue, IssueState, PauseReason
from newsletters.runtime import Runtime
from tests.delivering import make_audience, start_issue
from tests.desk import post, signed_in


def test_every_page_of_the_desk_says_that_sending_is_held_and_an_owner_releases_it(runtime: Runtime) -> None:
    desk = _held_desk(runtime, Role.OWNER)
    page, other = desk.get("/desk").get_data(as_text=True), desk.get("/desk/readers").get_data(as_text=True)
    with runtime.db.reading() as session:
        said = [symptom.said for symptom in ailments.copy(session)]

    answer = post(desk, "/desk/release")

    assert "Sending is held until an owner releases it" in page and "Restored from a copy of" in page
    assert "Sending is held until an owner releases it" in other
    assert len(said) == 1 and "sending is held until an owner releases it" in said[0]
    assert answer.status_code == 303
    assert "Sending is held" not in desk.get("/desk").get_data(as_text=True)
    with runtime.db.reading() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "sending.released")).one()
        assert entry.actor_id is not None


def test_an_editor_sees_the_hold_and_cannot_let_an_issue_go_on_past_it(runtime: Runtime) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 1))
    desk = _held_desk(runtime, Role.EDITOR)

    page = desk.get("/desk").get_data(as_text=True)
    asked = desk.get(f"/desk/issues/{issue_id}/confirm/resume").get_data(as_text=True)
    post(desk, f"/desk/issues/{issue_id}/confirm/resume")

    assert "Sending is held" in page and "release the sending" not in page
    assert "put back from a copy" in asked and "nobody gets it twice" not in asked
    assert "All sending is held until an owner releases it." in desk.get("/desk").get_data(as_text=True)
    with runtime.db.reading() as session:
        issue = session.get_one(Issue, issue_id)
        assert (issue.state, issue.pause_reason) == (IssueState.PAUSED, PauseReason.RESTORED)


def _held_desk(runtime: Runtime, role: Role) -> FlaskClient:
    with runtime.db.transaction() as session:
        now = runtime.clock.now()
        copy = restorations.mark(session, copied_at=now)
        restoring.stand_still(session, copy, before=now, now=now)
    client = create_app(runtime.config, runtime=runtime).test_client()
    signed_in(client, runtime.db, role)
    return client

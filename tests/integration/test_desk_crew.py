"""The desk's page of workers: who is there, what each is at, and what it says where nobody is."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from newsletters.kernel import roster
from newsletters.kernel.db import Database
from newsletters.kernel.roster import Announcement, Kind
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.delivering import claim_batch, make_audience, start_issue
from tests.desk import signed_in


@pytest.fixture
def desk(client: FlaskClient, db: Database) -> FlaskClient:
    signed_in(client, db)
    return client


def _page(desk: FlaskClient) -> str:
    return desk.get("/desk/workers").get_data(as_text=True)


def _says(
    db: Database, name: str, *, host: str, version: str = "1a2b3c4d", ago: timedelta = timedelta()
) -> None:
    with db.transaction() as session:
        roster.announce(session, Announcement(name, host, version), now=NOW - ago)


def test_without_a_worker_the_page_says_what_follows_and_how_one_is_started(desk: FlaskClient) -> None:
    page = _page(desk)

    assert "No worker is running" in page
    assert "python -m newsletters.cli worker" in page


def test_a_worker_stands_there_with_the_issue_it_sends(
    desk: FlaskClient, runtime: Runtime, db: Database
) -> None:
    issue_id = start_issue(runtime, make_audience(db, 1))
    _says(db, "busy", host="mail1.newsroom.example")
    claim_batch(runtime, "busy")

    page = _page(desk)

    assert "mail1.newsroom.example" in page and "1a2b3c4d" in page
    assert f'href="/desk/issues/{issue_id}"' in page
    assert "do not all run the same code" not in page


def test_web_servers_and_mail_doors_stand_there_and_are_no_workers(desk: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        for kind, host in ((Kind.WEB, "web1"), (Kind.INBOUND, "mx1")):
            roster.announce(session, Announcement(host, host, "1a2b3c4d", kind=kind), now=NOW)

    page = _page(desk)

    assert "No worker is running" in page
    assert "web1" in page and "Web server" in page
    assert "mx1" in page and "Mail door" in page


def test_a_silent_worker_a_full_disk_and_other_code_are_told(desk: FlaskClient, db: Database) -> None:
    _says(db, "silent", host="mail1", ago=2 * roster.SILENT_AFTER)
    only_silent = _page(desk)
    _says(db, "fresh", host="mail2", version="99999999")
    with db.transaction() as session:
        full = Announcement("full", "mail3", "1a2b3c4d", lacks_room=True)
        roster.announce(session, full, now=NOW)

    page = _page(desk)

    assert "No worker has been heard of lately" in only_silent
    assert "No worker has been heard of lately" not in page
    assert "Silent" in page and "Finds no room on the disk" in page
    assert "do not all run the same code" in page

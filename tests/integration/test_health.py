"""``GET /healthz`` names what is not well."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from config import Config
from newsletters.app import create_app
from newsletters.kernel import roster, space
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.roster import Announcement
from newsletters.runtime import Runtime
from newsletters.subscribers.models import PostedForm
from tests.conftest import NOW
from tests.desk import signed_in

POSTED: dict[str, Any] = {"tries": 0, "posted_at": NOW, "due_at": NOW}


def test_a_well_process_says_so(client: FlaskClient) -> None:
    answer = client.get("/healthz")

    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "web": "ok", "database": "ok", "engine": "ok", "disk": "ok"}


def test_a_lost_database_is_named(config: Config, runtime: Runtime, tmp_path: Path) -> None:
    app = create_app(Config.from_env({"DATA_DIR": str(tmp_path), "ENGINE_URL": "memory://"}))
    client = app.test_client()
    app.extensions["newsletters"].db.close()
    shutil.rmtree(tmp_path)

    answer = client.get("/healthz")

    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["database"] == "unreachable"
    assert answer.json["web"] == "ok"


def test_a_full_disk_is_named_and_the_desk_says_so(client: FlaskClient, db: Database) -> None:
    signed_in(client, db)
    with pytest.raises(DBAPIError), db.transaction() as session:
        if db.is_sqlite:
            session.execute(text("PRAGMA max_page_count = 1"))  # no more than there are
            session.execute(insert(PostedForm).values(kind="again", said={"x": "x" * 10**6}, **POSTED))
        session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$"))

    health, today = client.get("/healthz"), client.get("/desk")

    assert health.status_code == 200
    assert health.json == {"status": "full", "web": "ok", "database": "ok", "engine": "ok", "disk": "full"}
    assert "The disk of the database is full" in today.get_data(as_text=True)


def test_a_disk_that_is_nearly_full_is_full(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before = db.space.is_full()

    monkeypatch.setattr(space, "LEAST_FREE_BYTES", 2**62)

    assert (before, db.space.is_full()) == (False, db.is_sqlite)


def test_a_worker_that_finds_no_room_is_heard_of_on_every_machine(
    client: FlaskClient, db: Database, clock: FixedClock
) -> None:
    with db.transaction() as session:
        roster.announce(session, Announcement("w", "mail1", "v1", lacks_room=True), now=clock.now())

    at_once = client.get("/healthz").json
    clock.advance(roster.SILENT_AFTER + timedelta(seconds=1))
    later = client.get("/healthz").json

    assert at_once is not None and at_once["disk"] == "full"
    assert later is not None and later["disk"] == "ok"

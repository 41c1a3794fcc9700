"""``GET /metrics``: closed without a token, and the numbers an operator is woken by."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from config import Config
from newsletters.app import create_app
from newsletters.delivery import servers_books
from newsletters.delivery.servers import Breaker
from newsletters.delivery.servers_books import Count, ServerState
from newsletters.kernel import roster
from newsletters.kernel.db import Database
from newsletters.kernel.roster import Announcement, Kind
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.runtime import Runtime
from tests.conftest import NOW
from tests.delivering import make_audience, start_issue

TOKEN = "t" * 40
SECOND = timedelta(seconds=1)
SAMPLE = re.compile(r'(newsletters_[a-z_]+(?:\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)+\})?) (-?[0-9.e+]+)')


@pytest.fixture
def scraper(config: Config, runtime: Runtime) -> Iterator[FlaskClient]:
    opened = replace(config, metrics_token=TOKEN)
    yield create_app(opened, runtime=replace(runtime, config=opened)).test_client()


def _numbers(scraper: FlaskClient) -> dict[str, float]:
    answer = scraper.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.get_data(as_text=True).splitlines() if not line.startswith("#")]
    samples = [SAMPLE.fullmatch(line) for line in lines]
    assert None not in samples, lines
    return {sample[1]: float(sample[2]) for sample in samples if sample is not None}


def test_without_a_token_in_the_settings_there_is_nothing(client: FlaskClient) -> None:
    answer = client.get("/metrics", headers={"Authorization": "Bearer "})

    assert answer.status_code == 404


@pytest.mark.parametrize("shown", [None, "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer \xe9"])
def test_whoever_does_not_show_the_token_reads_nothing(scraper: FlaskClient, shown: str | None) -> None:
    answer = scraper.get("/metrics", headers={} if shown is None else {"Authorization": shown})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "newsletters_" not in answer.get_data(as_text=True)


def test_a_quiet_newsroom_has_noughts(scraper: FlaskClient) -> None:
    numbers = _numbers(scraper)

    assert numbers['newsletters_programs{kind="worker",state="there"}'] == 0
    assert numbers["newsletters_mail_overdue_seconds"] == 0
    assert numbers["newsletters_deliveries_left"] == 0
    assert set(numbers.values()) == {0}


def test_what_an_operator_is_woken_by_is_told(scraper: FlaskClient, db: Database) -> None:
    rest = Breaker(3, SECOND, NOW, NOW + 60 * SECOND, "it rests")
    with db.transaction() as session:
        silent = NOW - 2 * roster.SILENT_AFTER
        roster.announce(session, Announcement("a", "mail1", "v1"), now=silent)
        roster.announce(session, Announcement("b", "web1", "v1", lacks_room=True, kind=Kind.WEB), now=NOW)
        queue(session, QueuedMail("confirm", "r@readers.example", "en", {}), now=NOW - 90 * SECOND)
        servers_books.write_state(session, 'one."two"', ServerState(breaker=rest))
        servers_books.write_rest(session, "one", "google", rest)

    numbers = _numbers(scraper)

    assert numbers['newsletters_programs{kind="worker",state="silent"}'] == 1
    assert numbers['newsletters_programs{kind="web",state="there"}'] == 1
    assert numbers["newsletters_disk_full"] == 1
    assert numbers['newsletters_mails_waiting{kind="confirm"}'] == 1
    assert numbers["newsletters_mail_overdue_seconds"] == 90
    assert numbers[r'newsletters_server_rests{server="one.\"two\""}'] == 1
    assert numbers["newsletters_provider_rests"] == 1


def test_an_issue_on_its_way_is_told(scraper: FlaskClient, runtime: Runtime, db: Database) -> None:
    start_issue(runtime, make_audience(db, 3))
    with db.transaction() as session:
        lately = NOW - timedelta(minutes=1)
        servers_books.add_counts(
            session, {("one", "google"): Count(1_234_567, 1), ("one", ""): Count(2)}, now=lately
        )

    numbers = _numbers(scraper)

    assert numbers['newsletters_issues{state="sending"}'] == 1
    assert numbers["newsletters_deliveries_left"] == 3
    assert numbers['newsletters_messages_last_minute{server="one",end="accepted"}'] == 1_234_569
    assert numbers['newsletters_messages_last_minute{server="one",end="put_off"}'] == 1

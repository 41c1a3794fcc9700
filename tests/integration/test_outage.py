"""While the database is away or locked, whoever asks is told to come again."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Timer

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from config import Config
from newsletters.app import create_app
from newsletters.kernel import db as kernel_db
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.outage import is_beaten, is_outage
from newsletters.kernel.tokens import Purpose
from newsletters.runtime import Runtime
from newsletters.schema import metadata
from newsletters.subscribers.models import PostedForm
from tests.desk import csrf_token, signed_in
from tests.factories import make_newsletter, make_subscription
from tests.postgres import free_port
from tests.providers import POSTMARK_LOGIN, basic

PATIENCE_SECONDS = 0.1
Request = Callable[[FlaskClient], TestResponse]


@pytest.fixture
def config(config: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.setattr(kernel_db, "BUSY_TIMEOUT_SECONDS", PATIENCE_SECONDS)
    return replace(config, webhook_postmark_login=(POSTMARK_LOGIN,))


@pytest.fixture
def slug(db: Database) -> str:
    with db.transaction() as session:
        return make_newsletter(session).slug


@pytest.fixture
def locked(app: Flask, db: Database) -> Callable[[], AbstractContextManager[None]]:
    """Another program holds the lock that every writer needs."""
    db.wait_at_most(PATIENCE_SECONDS)

    @contextmanager
    def lock() -> Iterator[None]:
        if db.is_sqlite:
            with closing(sqlite3.connect(db.url.database or "")) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield
            return
        tables = ", ".join(table.name for table in metadata.sorted_tables)
        with db.engine.connect() as connection:
            connection.execute(text(f"LOCK TABLE {tables} IN EXCLUSIVE MODE"))
            yield

    return lock


@pytest.fixture
def away(config: Config) -> FlaskClient:
    """A client of an application whose PostgreSQL is stopped: nobody listens where it was."""
    url = f"postgresql+psycopg://postgres@127.0.0.1:{free_port()}/postgres"
    return create_app(replace(config, database_url=url)).test_client()


def test_a_locked_database_asks_every_door_to_come_again(
    client: FlaskClient,
    db: Database,
    runtime: Runtime,
    slug: str,
    locked: Callable[[], AbstractContextManager[None]],
) -> None:
    with db.transaction() as session:
        subscription_id = make_subscription(session, make_newsletter(session)).id
    signed_in(client, db)
    desk = {"csrf_token": csrf_token(client), "name": "Ada", "language": "en"}
    unsubscribe = f"/unsubscribe/{runtime.signer.sign(Purpose.UNSUBSCRIBE, subscription_id, 0)}"
    sign_up = {"email": "reader@readers.example", "newsletter": slug}
    event = {"RecordType": "SpamComplaint", "Email": "reader@readers.example", "ID": 1}

    with locked():
        refused = [
            client.post("/embed/subscribe", data=sign_up),
            client.post(unsubscribe, data={"List-Unsubscribe": "One-Click"}),
            client.post("/webhooks/postmark", json=event, headers=basic(POSTMARK_LOGIN)),
            client.post("/desk/account/name", data=desk),
        ]

    assert [answer.status_code for answer in refused] == [503] * 4
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
    assert client.post("/embed/subscribe", data=sign_up).status_code == 200
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(PostedForm)) == 1


def test_while_nothing_can_be_written_whoever_is_signed_in_may_still_look(
    client: FlaskClient,
    db: Database,
    clock: FixedClock,
    locked: Callable[[], AbstractContextManager[None]],
) -> None:
    signed_in(client, db)
    clock.advance(timedelta(hours=1))  # so that the use of the session is to be noted

    with locked():
        answer = client.get("/desk")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Accept-Language": "en"}, "We will be back shortly"),
        ({"Accept-Language": "uk"}, "Ми скоро повернемося"),
    ],
)
def test_a_stopped_database_is_told_in_the_readers_words(
    away: FlaskClient, headers: dict[str, str], words: str
) -> None:
    answer = away.get("/", headers=headers)

    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert words in answer.get_data(as_text=True)


def test_a_form_is_answered_in_its_own_language_and_says_that_it_was_not_taken(away: FlaskClient) -> None:
    answer = away.post("/embed/subscribe", data={"email": "reader@readers.example", "language": "uk"})

    assert answer.status_code == 503
    assert 'lang="uk"' in answer.get_data(as_text=True)


def test_a_script_of_ours_gets_words_to_show_beside_its_form(away: FlaskClient) -> None:
    answer = away.post(
        "/embed/subscribe",
        data={"email": "reader@readers.example"},
        headers={"Accept": "application/json"},
    )

    assert answer.status_code == 503
    assert answer.json is not None
    assert "try again in a minute" in answer.json["errors"]["form"][0]
    assert answer.json["language"] == "en"


def test_a_connection_that_is_cut_in_the_middle_of_a_statement_is_an_outage(postgres_url: str) -> None:
    engine = create_engine(postgres_url)

    with engine.connect() as connection, engine.connect() as operator:
        number = connection.scalar(text("SELECT pg_backend_pid()"))
        cut = Timer(0.1, lambda: operator.execute(text(f"SELECT pg_terminate_backend({number})")))
        cut.start()
        with pytest.raises(DBAPIError) as error:
            connection.execute(text("SELECT pg_sleep(60)"))
        cut.join()
    engine.dispose()

    assert is_outage(error.value)


def test_whoever_writes_second_from_an_old_snapshot_is_beaten(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE raced (number integer)"))
        connection.execute(text("INSERT INTO raced VALUES (1)"))

    with engine.connect() as slow, engine.connect() as quick:
        slow.execution_options(isolation_level="REPEATABLE READ").execute(text("SELECT * FROM raced"))
        quick.execute(text("UPDATE raced SET number = 2"))
        quick.commit()
        with pytest.raises(DBAPIError) as error:
            slow.execute(text("SELECT number FROM raced FOR UPDATE"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE raced"))
    engine.dispose()

    assert is_beaten(error.value)


def test_a_question_that_makes_no_sense_is_no_outage(db: Database) -> None:
    with db.reading() as session, pytest.raises(DBAPIError) as error:
        session.execute(text("SELECT nothing FROM nowhere"))

    assert not is_outage(error.value)
    assert not is_beaten(error.value)

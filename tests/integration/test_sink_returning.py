"""Sending a message back from the sink's inbox, through the real mail door."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletters.kernel.db import Database
from newsletters.runtime import Runtime
from newsletters.sink.exchange import Answer, Request
from newsletters.sink.faultbook import FaultBook
from newsletters.sink.header import read_identity
from newsletters.sink.inbox import Inbox
from newsletters.sink.reception import Connections
from newsletters.sink.settings import SinkSettings
from newsletters.sink.site import Site
from newsletters.sink.store import Received, Store
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.postgres import free_port
from tests.returning import Door, how_suppressed, issue_to, mail_door

RAW = b"From: news@newsroom.example\r\nSubject: What happened this week\r\n\r\nHello\r\n"
HERE = {"host": "localhost:8025"}


@pytest.fixture
def door(runtime: Runtime) -> Iterator[Door]:
    with mail_door(runtime) as opened:
        yield opened


def inbox_at(tmp_path: Path, store: Store, port: int) -> Inbox:
    settings = SinkSettings(directory=tmp_path, inbound_port=port)
    book = FaultBook(monotonic=lambda: 0.0, chance=lambda: 0.0)
    return Inbox(settings=settings, store=store, faults=book, connections=Connections())


def send_back(tmp_path: Path, port: int, *, return_path: str, way: str) -> Answer:
    """Keep a message that left with ``return_path`` and press one of its buttons."""
    with closing(Store(tmp_path / "sink.sqlite3", max_messages=100)) as store:
        inbox = inbox_at(tmp_path, store, port)
        seq = store.keep(
            Received(
                received_at=datetime(2026, 3, 2, tzinfo=UTC),
                connection=1,
                helo="client.example",
                mail_from=return_path,
                mail_options=(),
                recipients=("reader0@readers.example",),
                identity=read_identity(RAW),
                raw=RAW,
            )
        )
        path = f"/messages/{seq}/return"
        return Site(inbox).answer(Request(method="POST", path=path, headers=HERE, body=f"way={way}".encode()))


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("dead", SuppressionReason.HARD_BOUNCE),
        ("full", None),
        ("refused", None),
        ("complaint", SuppressionReason.COMPLAINT),
    ],
)
def test_a_message_goes_back_the_way_it_was_asked_to(
    door: Door, runtime: Runtime, db: Database, tmp_path: Path, way: str, expected: SuppressionReason | None
) -> None:
    issue_id, readers = issue_to(runtime, 1)

    answer = send_back(
        tmp_path, door.smtp_port, return_path=door.paths.for_issue(issue_id, readers[0]), way=way
    )

    assert (answer.status, answer.headers["Location"][-3:]) == (303, "250")
    assert how_suppressed(db, readers[0]) is expected


def test_a_return_path_that_is_not_ours_is_refused(door: Door, tmp_path: Path) -> None:
    answer = send_back(tmp_path, door.smtp_port, return_path="somebody@elsewhere.example", way="dead")

    assert answer.headers["Location"].endswith("?returned=550")


def test_a_door_that_is_shut_is_said(tmp_path: Path) -> None:
    answer = send_back(tmp_path, free_port(), return_path="b+x@newsroom.example", way="dead")

    assert answer.headers["Location"].endswith("?returned=0")


@pytest.mark.parametrize("way", ["", "nonsense"])
def test_there_is_no_other_way(tmp_path: Path, way: str) -> None:
    answer = send_back(tmp_path, free_port(), return_path="b+x@newsroom.example", way=way)

    assert answer.status == 404

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletters.sink.header import Identity
from newsletters.sink.queries import Wanted, count_everything, find_messages, find_neighbours, get_message
from newsletters.sink.store import Received, Store, delete_everything, delete_message

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def received(
    *recipients: str, subject: str = "Hello", message_id: str = "", raw: bytes = b"\r\n"
) -> Received:
    return Received(
        received_at=NOON,
        connection=1,
        helo="client.example",
        mail_from="bounces+4f2a@newsroom.example",
        mail_options=("BODY=8BITMIME",),
        recipients=recipients or ("olena@reader.example",),
        identity=Identity("Explaining Ukraine <news@newsroom.example>", subject, message_id),
        raw=raw,
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "sink.sqlite3", max_messages=1000)) as opened:
        yield opened


@pytest.fixture
def reader(store: Store) -> Iterator[sqlite3.Connection]:
    with closing(store.connect()) as connection:
        yield connection


def found(reader: sqlite3.Connection, **wanted: Any) -> list[int]:
    return [kept.seq for kept in find_messages(reader, Wanted(**wanted)).messages]


def test_bytes_come_back_as_they_were(store: Store, reader: sqlite3.Connection) -> None:
    raw = bytes(range(256)) * 3

    seq = store.keep(received(raw=raw))

    kept = get_message(reader, seq)
    assert kept is not None
    assert kept[1] == raw
    assert kept[0].mail_options == ("BODY=8BITMIME",)
    assert kept[0].received_at == "2026-03-02T12:00:00.000+00:00"


def test_the_oldest_fall_out_and_stay_counted(tmp_path: Path) -> None:
    with (
        closing(Store(tmp_path / "sink.sqlite3", max_messages=5)) as store,
        closing(store.connect()) as reader,
    ):
        for number in range(12):
            store.keep(received(f"reader{number}@reader.example", message_id=f"<{number}@newsroom.example>"))

        assert found(reader) == [12, 11, 10, 9, 8]
        assert get_message(reader, 7) is None
        counts = count_everything(reader)
        assert (counts["messages"], counts["recipients"], counts["kept"]) == (12, 12, 5)


def test_the_bound_is_never_exceeded(tmp_path: Path) -> None:
    with (
        closing(Store(tmp_path / "sink.sqlite3", max_messages=250)) as store,
        closing(store.connect()) as reader,
    ):
        kept = []
        for _ in range(600):
            store.keep(received())
            kept.append(count_everything(reader)["kept"])

    assert max(kept) == 250
    assert min(kept[250:]) >= 245


def test_a_smaller_bound_holds_from_the_start(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "sink.sqlite3", max_messages=50)) as store:
        for _ in range(20):
            store.keep(received())

    with (
        closing(Store(tmp_path / "sink.sqlite3", max_messages=5)) as store,
        closing(store.connect()) as reader,
    ):
        assert found(reader) == [20, 19, 18, 17, 16]


def test_every_recipient_is_counted(store: Store, reader: sqlite3.Connection) -> None:
    store.keep(received(*[f"reader{number}@reader.example" for number in range(5000)], message_id="<1@x>"))
    store.keep(received("reader7@reader.example", "Reader7@Reader.example", message_id="<2@x>"))

    counts = count_everything(reader)

    assert counts["messages"] == 2
    assert counts["recipients"] == 5002
    assert counts["distinct_recipients"] == 5000
    assert counts["duplicates"] == 1


def test_the_same_message_to_the_same_reader_twice_is_a_duplicate(
    store: Store, reader: sqlite3.Connection
) -> None:
    for message_id in ("<1@x>", "<1@x>", "<2@x>"):
        store.keep(received("olena@reader.example", message_id=message_id))

    assert count_everything(reader)["duplicates"] == 1


def test_messages_without_message_id_are_no_duplicates(store: Store, reader: sqlite3.Connection) -> None:
    store.keep(received())
    store.keep(received())

    assert count_everything(reader)["duplicates"] == 0


def test_to_finds_the_whole_address_whatever_its_case(store: Store, reader: sqlite3.Connection) -> None:
    store.keep(received("Olena@reader.example"))
    store.keep(received("olena@reader.example.org"))
    store.keep(received("x-olena@reader.example"))

    assert found(reader, to="OLENA@reader.example") == [1]


def test_subject_finds_a_part_in_any_alphabet(store: Store, reader: sqlite3.Connection) -> None:
    store.keep(received(subject="Пояснюємо Україну"))
    store.keep(received(subject="Explaining Ukraine"))

    assert found(reader, subject="УКРАЇН") == [1]
    assert found(reader, subject="ukraine") == [2]
    assert found(reader, subject="news@newsroom") == []


def test_anywhere_finds_recipients_senders_and_subjects(store: Store, reader: sqlite3.Connection) -> None:
    store.keep(received("olena@reader.example", subject="Harvest"))

    for part in ("olena@", "READER.example", "harvest", "explaining ukraine", "bounces+4f2a"):
        assert found(reader, anywhere=part) == [1]
    assert found(reader, anywhere="nobody") == []


def test_what_is_typed_is_no_pattern(store: Store, reader: sqlite3.Connection) -> None:
    store.keep(received(subject="100 per cent"))

    assert found(reader, subject="%") == []
    assert found(reader, anywhere="_") == []


def test_pages_hold_everything_once(store: Store, reader: sqlite3.Connection) -> None:
    for _ in range(7):
        store.keep(received())

    first = find_messages(reader, Wanted(limit=3))
    second = find_messages(reader, Wanted(limit=3, before=first.next_before))
    third = find_messages(reader, Wanted(limit=3, before=second.next_before))

    assert [[kept.seq for kept in page.messages] for page in (first, second, third)] == [
        [7, 6, 5],
        [4, 3, 2],
        [1],
    ]
    assert third.next_before is None


def test_neighbours_skip_what_was_deleted(store: Store, reader: sqlite3.Connection) -> None:
    for _ in range(4):
        store.keep(received())
    delete_message(reader, 3)

    assert find_neighbours(reader, 2) == (4, 1)


def test_a_deleted_message_is_gone_and_its_number_is_not_given_again(
    store: Store, reader: sqlite3.Connection
) -> None:
    seq = store.keep(received())

    assert delete_message(reader, seq)
    assert not delete_message(reader, seq)
    assert store.keep(received()) == seq + 1


def test_deleting_everything_begins_the_counts_anew(store: Store, reader: sqlite3.Connection) -> None:
    store.keep(received())
    store.keep(received())

    assert delete_everything(reader) == 2
    assert count_everything(reader) == {
        "messages": 0,
        "recipients": 0,
        "distinct_recipients": 0,
        "duplicates": 0,
        "kept": 0,
        "kept_bytes": 0,
    }


def test_what_an_older_sink_kept_is_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "sink.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.execute("CREATE TABLE messages (seq INTEGER PRIMARY KEY)")

    with closing(Store(path, max_messages=5)) as store:
        assert store.keep(received()) == 1

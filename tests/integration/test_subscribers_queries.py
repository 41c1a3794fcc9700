"""The desk's questions about readers, and that each page walks an index however many there are."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from newsletters.kernel.db import Database
from newsletters.kernel.paging import Page
from newsletters.publishing.models import Newsletter
from newsletters.subscribers import standing_counts
from newsletters.subscribers.models import Subscriber, SubscriptionState
from newsletters.subscribers.queries import ReaderRow, counts, find_reader, growth, person, readers
from tests.conftest import NOW
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.mailbox import Reader

ACTIVE, PENDING = SubscriptionState.ACTIVE, SubscriptionState.PENDING
BOUNCED, UNSUBSCRIBED = SubscriptionState.BOUNCED, SubscriptionState.UNSUBSCRIBED
DAY = timedelta(days=1)


def all_pages(session: Session, *, size: int = 2, **wanted: object) -> list[list[str]]:
    """Every page of a list, as addresses."""
    pages, cursor = [], None
    while True:
        page: Page[ReaderRow] = readers(session, size=size, cursor=cursor, **wanted)  # type: ignore[arg-type]
        pages.append([row.email for row in page.rows])
        cursor = page.after
        if cursor is None:
            return pages


def test_the_newest_readers_come_first_page_by_page(db: Database) -> None:
    with db.reading() as session:
        emails = [make_subscriber(session).email for _ in range(5)]
        pages = all_pages(session)

    newest = emails[::-1]
    assert pages == [newest[:2], newest[2:4], newest[4:]]


def test_a_list_that_fits_has_one_page(db: Database) -> None:
    with db.reading() as session:
        emails = [make_subscriber(session).email for _ in range(2)]
        pages = all_pages(session)

    assert pages == [emails[::-1]]


def test_an_empty_list_is_an_empty_page(db: Database) -> None:
    with db.reading() as session:
        assert all_pages(session, search="nobody") == [[]]


def test_a_search_finds_addresses_by_their_beginning_then_names(db: Database) -> None:
    with db.reading() as session:
        for email, name in [
            ("olena@readers.example", ""),
            ("Olga@readers.example", "Olga Petrenko"),
            ("x1@readers.example", "Oleksandr"),
            ("x2@readers.example", "OLENA"),
            ("polena@readers.example", "Polena"),
        ]:
            make_subscriber(session, email, name=name)
        pages = all_pages(session, search="OL")

    assert pages == [
        ["olena@readers.example", "Olga@readers.example"],
        ["x1@readers.example", "x2@readers.example"],
    ]


def test_names_are_found_in_any_script_and_case(db: Database) -> None:
    with db.reading() as session:
        make_subscriber(session, "k@readers.example", name="Олена Коваленко")
        pages = all_pages(session, search="олена ков")

    assert pages == [["k@readers.example"]]


@pytest.mark.parametrize("typed", ["100%", "a_b", "a%b", "*", "'; --"])
def test_nothing_typed_into_a_search_is_a_wildcard(db: Database, typed: str) -> None:
    with db.reading() as session:
        make_subscriber(session, "axb@readers.example", name="1000 readers")
        assert all_pages(session, search=typed) == [[]]


def test_a_whole_address_is_found_however_it_is_written(db: Database) -> None:
    with db.reading() as session:
        make_subscriber(session, "olena@readers.example")
        pages = all_pages(session, search=" Olena@READERS.example ")

    assert pages == [["olena@readers.example"]]


@pytest.fixture
def newsroom(db: Database) -> tuple[Newsletter, Newsletter]:
    with db.transaction() as session:
        news, sport = make_newsletter(session), make_newsletter(session)
        for number in range(6):
            reader = make_subscriber(session, f"r{number}@readers.example")
            make_subscription(session, news, reader, state=ACTIVE if number % 2 else BOUNCED)
            if number < 3:
                make_subscription(session, sport, reader, state=ACTIVE)
        return news, sport


@pytest.mark.parametrize("search", ["", "r"])
def test_a_list_is_filtered_by_newsletter_and_state(
    db: Database, newsroom: tuple[Newsletter, Newsletter], search: str
) -> None:
    news, sport = newsroom
    questions: dict[str, dict[str, Any]] = {
        "sport": {"newsletter_id": sport.id},
        "bounced": {"state": BOUNCED},
        "active news": {"newsletter_id": news.id, "state": ACTIVE},
        "bounced sport": {"newsletter_id": sport.id, "state": BOUNCED},
    }

    with db.reading() as session:
        found = {
            name: {email[:2] for page in all_pages(session, search=search, **wanted) for email in page}
            for name, wanted in questions.items()
        }

    assert found == {
        "sport": {"r0", "r1", "r2"},
        "bounced": {"r0", "r2", "r4"},
        "active news": {"r1", "r3", "r5"},
        "bounced sport": set(),
    }


def test_a_reader_with_two_newsletters_is_one_line(
    db: Database, newsroom: tuple[Newsletter, Newsletter]
) -> None:
    news, sport = newsroom

    with db.reading() as session:
        emails = [email for page in all_pages(session, state=ACTIVE) for email in page]
        (row,) = readers(session, search="r1@").rows

    assert emails == [f"r{number}@readers.example" for number in (5, 3, 2, 1, 0)]
    assert row.standings == ((news.id, ACTIVE), (sport.id, ACTIVE))


def test_a_cursor_that_is_not_ours_starts_from_the_beginning(
    db: Database, newsroom: tuple[Newsletter, Newsletter]
) -> None:
    with db.reading() as session:
        first = readers(session).rows
        strange = [readers(session, cursor=cursor).rows for cursor in ("nonsense", "WzFd" * 3, "W10")]

    assert strange == [first] * 3


@pytest.mark.parametrize(
    "cursor", ["WyJhZGRyZXNzIl0", "WyJuYW1lIl0", "WyJuYW1lIiwgMSwgInkiXQ", "WyJ4IiwgInkiXQ", "WzFd"]
)
def test_a_cursor_of_the_wrong_shape_breaks_no_search(
    db: Database, newsroom: tuple[Newsletter, Newsletter], cursor: str
) -> None:
    with db.reading() as session:
        assert len(readers(session, search="r", cursor=cursor).rows) == 6


def test_counts_are_by_newsletter_and_state(db: Database, newsroom: tuple[Newsletter, Newsletter]) -> None:
    news, sport = newsroom

    with db.reading() as session:
        found = counts(session)

    assert (found[news.id][ACTIVE], found[news.id][BOUNCED], found[news.id][PENDING]) == (3, 3, 0)
    assert sum(found[sport.id].values()) == 3


def test_growth_is_day_by_day_in_utc_with_quiet_days(db: Database) -> None:
    late = NOW.replace(hour=23, minute=59)

    with db.reading() as session:
        news = make_newsletter(session)
        make_subscription(session, news, confirmed_at=late)
        make_subscription(session, news, confirmed_at=late + timedelta(minutes=2))
        make_subscription(
            session, news, state=UNSUBSCRIBED, confirmed_at=NOW - DAY * 9, ended_at=NOW + DAY * 2
        )
        days = growth(session, news.id, since=date(2026, 3, 1), until=date(2026, 3, 4))

    assert [(day.on.day, day.joined, day.left) for day in days] == [
        (1, 0, 0),
        (2, 1, 0),
        (3, 1, 0),
        (4, 0, 1),
    ]


def test_a_person_s_page_has_the_words_they_agreed_to(db: Database, runtime: object) -> None:
    with db.transaction() as session:
        news = make_newsletter(session)
    reader = Reader(runtime)  # type: ignore[arg-type]
    reader.joins(news)

    with db.reading() as session:
        found = person(session, reader.row.id)

    assert found is not None
    assert [line.wording.consent_text for line in found.consent if line.wording] == [
        "Send me Explaining Ukraine by e-mail."
    ] * 2
    assert (len(found.requests), len(found.confirmations), found.suppression) == (1, 1, None)


def test_nobody_has_no_page(db: Database) -> None:
    with db.reading() as session:
        assert person(session, 4711) is None
        assert find_reader(session, "nobody@readers.example") is None
        assert find_reader(session, "no address") is None


def test_a_reader_is_found_by_any_spelling_of_their_address(db: Database) -> None:
    with db.reading() as session:
        subscriber = make_subscriber(session, "olena@readers.example")
        assert find_reader(session, "OLENA@Readers.Example") is subscriber


QUESTIONS: list[dict[str, object]] = [
    {},
    {"newsletter_id": 1},
    {"state": BOUNCED},
    {"newsletter_id": 1, "state": BOUNCED},
    {"search": "r1"},
    {"search": "r1", "newsletter_id": 1, "state": ACTIVE},
]


def plan(connection: Connection, statement: str, values: Any) -> list[str]:
    """What the database would do, step by step."""
    if connection.dialect.name == "sqlite":
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    for way in ("seqscan", "sort"):  # so few rows are read in whole, unless that is the last resort
        connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    return [row[0].strip(" ->") for row in connection.exec_driver_sql(f"EXPLAIN {statement}", values)]


def reads_or_sorts_a_table(step: str) -> bool:
    whole = step.startswith(("SCAN sub", "Seq Scan on sub")) and "USING" not in step
    return whole or "TEMP B-TREE" in step or step.startswith("Sort ")


@pytest.mark.parametrize("wanted", QUESTIONS, ids=lambda wanted: "+".join(wanted) or "all")
def test_no_page_of_the_list_reads_or_sorts_a_whole_table(db: Database, wanted: dict[str, Any]) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_c: Connection, _k: object, statement: str, values: object, _x: object, _m: bool) -> None:
        asked.append((statement, values))

    with db.reading() as session:
        news = make_newsletter(session, id=1)
        for number in range(30):
            reader = make_subscriber(session, f"r1{number:03}@readers.example")
            make_subscription(session, news, reader, state=ACTIVE if number % 2 else BOUNCED)
        first = readers(session, size=5, **wanted)
        event.listen(db.engine, "before_cursor_execute", note)
        readers(session, size=5, cursor=first.after, **wanted)
        event.remove(db.engine, "before_cursor_execute", note)
        steps = [step for one in asked for step in plan(session.connection(), *one)]

    assert steps
    assert [step for step in steps if reads_or_sorts_a_table(step)] == []


def test_subscribers_are_sorted_by_code_point_on_every_database(db: Database) -> None:
    with db.reading() as session:
        for email in ("a-b@readers.example", "ab@readers.example", "a.b@readers.example"):
            make_subscriber(session, email)
        found = session.scalars(text("SELECT email_key FROM subscribers ORDER BY email_key")).all()

    assert found == ["a-b@readers.example", "a.b@readers.example", "ab@readers.example"]


def test_a_name_keeps_its_search_key(db: Database) -> None:
    with db.reading() as session:
        subscriber = make_subscriber(session, name="Straße")
        assert session.get_one(Subscriber, subscriber.id).name_key == "strasse"


def test_a_large_newsroom_sees_what_was_counted_behind_the_scenes(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing_counts, "LARGE", 2)
    with db.transaction() as session:
        news = make_newsletter(session)
        for _ in range(2):
            make_subscription(session, news, state=ACTIVE)
        live = standing_counts.counts(session)
        standing_counts.count_anew(session)
        make_subscription(session, news, state=ACTIVE)
        kept = standing_counts.counts(session)
        standing_counts.count_anew(session)
        anew = standing_counts.counts(session)

    assert [found[news.id][ACTIVE] for found in (live, kept, anew)] == [2, 2, 3]
    assert kept[news.id][BOUNCED] == 0

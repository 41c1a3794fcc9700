"""Erasing leaves a keyed hash and nothing else, and no import brings anybody back."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select

from newsletters.kernel.addresses import parse_address
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.schema import metadata
from newsletters.subscribers import address_change, importing, suppression
from newsletters.subscribers.erasure import erase, finish_erasure, unfinished_erasures
from newsletters.subscribers.errors import UnknownNewsletter
from newsletters.subscribers.importing import Arrival
from newsletters.subscribers.models import ConsentRecord, Subscriber, SubscriptionState
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from newsletters.tasks.periodic import finish_erasures
from tests.mailbox import Reader, advance, newsletter


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    return newsletter(runtime)


@pytest.fixture
def reader(runtime: Runtime, news: Newsletter) -> Reader:
    reader = Reader(runtime, email="unmistakable@readers.example")
    reader.signs_up(news, name="Unmistakable Name", page="https://newsroom.example/article?to=unmistakable")
    reader.confirms()
    return reader


def erases(reader: Reader) -> int:
    with reader.runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        erase(session, subscriber, means=reader.runtime, now=reader.now)
        return subscriber.id


def dump(runtime: Runtime, tables: MetaData = metadata) -> str:
    """Every value in the database."""
    with runtime.db.reading() as session:
        return "\n".join(
            repr(row) for table in tables.sorted_tables for row in session.execute(select(table)).all()
        )


def brings_in(runtime: Runtime, email: str, news: Newsletter) -> bool:
    arrival = Arrival(
        parse_address(email), news.id, runtime.clock.now() - timedelta(days=400), "paper list", name="Olena"
    )
    with runtime.db.transaction() as session:
        return importing.bring_in(session, arrival, means=runtime, now=runtime.clock.now())


def test_after_an_erasure_no_table_knows_the_reader(reader: Reader) -> None:
    with reader.runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        address_change.ask(
            session, subscriber, "unmistakable2@readers.example", means=reader.runtime, now=reader.now
        )
    before = dump(reader.runtime)

    erases(reader)

    assert "unmistakable" in before
    assert "Unmistakable" in before
    assert "nmistakable" not in dump(reader.runtime)


def test_after_an_erasure_no_file_of_sqlite_holds_the_reader(reader: Reader, tmp_path: Path) -> None:
    erases(reader)

    finish_erasures(reader.runtime)

    files = list(tmp_path.glob("newsletters.sqlite3*"))  # none on PostgreSQL, whose files are its own
    assert bool(files) == reader.runtime.db.is_sqlite
    assert [file.name for file in files if b"nmistakable" in file.read_bytes()] == []


def test_what_stays_is_a_keyed_hash_in_the_suppression_list(reader: Reader) -> None:
    digest = reader.runtime.digester.address("unmistakable@readers.example")

    erases(reader)

    assert dump(reader.runtime).count(digest) == 1
    with reader.runtime.db.reading() as session:
        assert suppression.reason_for(session, digest) is SuppressionReason.ERASED


def test_an_import_does_not_bring_the_erased_back(reader: Reader, news: Newsletter) -> None:
    erases(reader)

    brought = brings_in(reader.runtime, "Unmistakable@readers.example", news)

    assert brought is False
    assert reader.mails() == []


def test_the_erased_may_come_back_by_their_own_word(reader: Reader, news: Newsletter) -> None:
    erases(reader)

    reader.joins(news)

    assert reader.state(news) is SubscriptionState.ACTIVE
    with reader.runtime.db.reading() as session:
        (entry,) = session.scalars(select(Suppression)).all()
        assert (entry.lifted_at, entry.lifted_reason) == (reader.now, "opted in afresh (reader)")


def test_a_complaint_outlives_an_erasure(reader: Reader) -> None:
    digest = reader.row.address_hash
    with reader.runtime.db.transaction() as session:
        suppression.suppress(session, address_hash=digest, reason=SuppressionReason.COMPLAINT, now=reader.now)

    erases(reader)

    with reader.runtime.db.reading() as session:
        assert suppression.reason_for(session, digest) is SuppressionReason.COMPLAINT


def test_the_slices_above_are_told_whom_to_forget_until_they_have(reader: Reader) -> None:
    number = erases(reader)

    with reader.runtime.db.transaction() as session:
        before = unfinished_erasures(session)
        finish_erasure(session, number)
        after = unfinished_erasures(session)

    assert (before, after) == ([number], [])


def test_the_number_of_an_erased_reader_is_never_given_out_again(reader: Reader, news: Newsletter) -> None:
    number = erases(reader)
    newcomer = Reader(reader.runtime, email="newcomer@readers.example")

    newcomer.signs_up(news)

    assert newcomer.row.id > number


# --- importing ------------------------------------------------------------------------------------


def test_an_import_brings_in_a_consented_reader_with_its_evidence(runtime: Runtime, news: Newsletter) -> None:
    brought = brings_in(runtime, "olena@readers.example", news)

    olena = Reader(runtime, email="olena@readers.example")
    assert (brought, olena.state(news), olena.row.name) == (True, SubscriptionState.ACTIVE, "Olena")
    with runtime.db.reading() as session:
        record = session.scalars(select(ConsentRecord)).one()
        assert (record.mechanism, record.form, record.at) == (
            "import",
            "paper list",
            runtime.clock.now() - timedelta(days=400),
        )
    assert olena.mails() == []


@pytest.mark.parametrize(
    "state", [state for state in SubscriptionState if state is not SubscriptionState.ACTIVE]
)
def test_an_import_never_revives(
    reader: Reader, news: Newsletter, state: SubscriptionState, runtime: Runtime
) -> None:
    with runtime.db.transaction() as session:
        row = session.merge(reader.subscription(news))
        row.state, row.paused_until = state, reader.now

    brought = brings_in(runtime, reader.email, news)

    assert (brought, reader.state(news)) == (False, state)


def test_an_import_does_not_confirm_a_pending_request(runtime: Runtime, news: Newsletter) -> None:
    waiting = Reader(runtime, email="waiting@readers.example")
    waiting.signs_up(news)

    brings_in(runtime, waiting.email, news)

    assert waiting.state(news) is SubscriptionState.PENDING


def test_an_import_renames_nobody(reader: Reader) -> None:
    sport = newsletter(reader.runtime)

    brings_in(reader.runtime, reader.email, sport)

    assert reader.row.name == "Unmistakable Name"


def test_an_import_into_a_retired_newsletter_is_refused(runtime: Runtime) -> None:
    advance(runtime, timedelta(days=1))
    retired = newsletter(runtime, retired_at=runtime.clock.now())

    with pytest.raises(UnknownNewsletter):
        brings_in(runtime, "olena@readers.example", retired)

"""A copy that is put back after more was sent: nothing leaves twice, and nobody who left is written to."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from config import Config
from newsletters.cli.copies import back_up, release
from newsletters.cli.copies_sqlite import CopyFailed
from newsletters.cli.restoring import Restored, restore
from newsletters.delivery import restoring
from newsletters.kernel.clock import FixedClock
from newsletters.mail.models import OutboxMail, OutboxState
from newsletters.publishing import lifecycle
from newsletters.publishing.models import Issue, IssueState, Newsletter
from newsletters.runtime import Runtime, build
from newsletters.schema import metadata
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.digest_models import Digest, DigestKind
from newsletters.subscribers.erasure import erase
from newsletters.subscribers.models import Confirmation, Subscriber
from newsletters.subscribers.suppression import reason_for, suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.subscribers.unsubscribe import end_subscription
from newsletters.tasks.register import Tasks, register
from tests.conftest import NOW, empty_database, on_postgres
from tests.delivering import make_audience, schedule_issue, start_issue, state_of, subscription_of, work
from tests.factories import DIGESTER, make_issue, make_newsletter, make_subscriber, make_subscription
from tests.mailbox import Reader
from tests.sink import SinkProcess

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> FixedClock:
    """PostgreSQL's copies say by themselves when they were made."""
    return FixedClock(datetime.now(UTC) if on_postgres else NOW)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


@contextmanager
def _put_back(runtime: Runtime, copy: Path, folder: Path) -> Iterator[tuple[Runtime, Restored]]:
    """The newsroom after the copy was put back: SQLite's in its place, PostgreSQL's beside the old one."""
    runtime.close()
    config, before = runtime.config, runtime.config.database_url if on_postgres else None
    with empty_database(folder) as url:
        after = build(replace(config, database_url=url) if on_postgres else config, clock=runtime.clock)
        try:
            yield after, restore(after, copy, replay_from=before, now=after.clock.now())
        finally:
            after.close()


@contextmanager
def _working(runtime: Runtime) -> Iterator[Tasks]:
    tasks = register(runtime)
    yield tasks
    tasks.deliveries.stop()


def _leave(session: Session, email: str, now: datetime) -> None:
    end_subscription(session, subscription_of(session, email), Mechanism.ONE_CLICK, now=now)


def _newsletter_of(runtime: Runtime, issue_id: int) -> Newsletter:
    with runtime.db.reading() as session:
        return lifecycle.newsletter_of(session, session.get_one(Issue, issue_id))


def _recipients(sink: SinkProcess) -> list[str]:
    return sorted(message.recipients[0] for message in sink.messages())


def test_what_was_sent_since_a_copy_does_not_leave_twice_and_who_left_since_gets_nothing(
    config: Config, clock: FixedClock, sink: SinkProcess, copy: Path, tmp_path: Path
) -> None:
    sending = replace(config, smtp_url=sink.smtp_url, sink_smtp_port=sink.smtp_port)
    runtime = build(sending, clock=clock)
    issue_id = start_issue(runtime, make_audience(runtime.db, 5))
    later_id = schedule_issue(
        runtime.db, make_audience(runtime.db, 1, first="other"), at=clock.now() + 30 * MINUTE
    )
    Reader(runtime, "waits@readers.example").signs_up(_newsletter_of(runtime, issue_id))
    back_up(runtime, copy)
    clock.advance(MINUTE)
    with _working(runtime) as tasks:
        work(runtime, tasks)
    first = [*(f"reader{number}@readers.example" for number in range(5)), "waits@readers.example"]
    assert _recipients(sink) == first
    with runtime.db.transaction() as session:
        _leave(session, "reader1@readers.example", clock.now())
        erased = session.scalars(
            select(Subscriber).where(Subscriber.email == "reader2@readers.example")
        ).one()
        erase(session, erased, means=runtime, now=clock.now())
        suppress(
            session,
            address_hash=DIGESTER.address("reader3@readers.example"),
            reason=SuppressionReason.COMPLAINT,
            now=clock.now(),
        )
    clock.advance(MINUTE)

    with _put_back(runtime, copy, tmp_path) as (after, done), _working(after) as tasks:
        assert (done.issues_held, done.mails_left) == (1, 1)
        assert done.replayed is not None
        assert (done.replayed.departures, done.replayed.suppressions, done.replayed.erasures) == (1, 2, 1)
        work(after, tasks)
        Reader(after, "new@readers.example").signs_up(_newsletter_of(after, issue_id))
        clock.advance(31 * MINUTE)  # the scheduled issue's time comes, and passes
        work(after, tasks)
        assert _recipients(sink) == sorted([*first, "new@readers.example"])
        assert state_of(after.db, issue_id) is IssueState.PAUSED

        assert release(after, now=clock.now()) is not None
        work(after, tasks)
        assert len(sink.messages()) == len(first) + 1
        assert state_of(after.db, later_id) is IssueState.MISSED

        with after.db.transaction() as session:
            lifecycle.resume(session, session.get_one(Issue, issue_id), now=clock.now())
        work(after, tasks)
        again = sorted([*first, "new@readers.example", "reader0@readers.example", "reader4@readers.example"])
        assert _recipients(sink) == again
        assert state_of(after.db, issue_id) is IssueState.SENT


def test_a_copy_has_every_row_and_is_for_its_owner_alone(
    runtime: Runtime, clock: FixedClock, copy: Path, tmp_path: Path
) -> None:
    with runtime.db.transaction() as session:
        newsletter = make_newsletter(session)
        make_subscription(session, newsletter)
        make_issue(session, newsletter)
    before = _all_rows(runtime)

    back_up(runtime, copy)
    clock.advance(MINUTE)
    with _put_back(runtime, copy, tmp_path) as (after, _):
        found = _all_rows(after)

    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(path.name for path in copy.parent.glob("*copy*")) == ["copy"]
    assert {table for table in before if before[table] != found[table]} == {"restorations", "audit_log"}


def test_numbers_given_out_since_the_copy_are_nobody_elses(
    runtime: Runtime, clock: FixedClock, copy: Path, tmp_path: Path
) -> None:
    back_up(runtime, copy)
    with runtime.db.transaction() as session:
        since = make_subscription(session, make_newsletter(session)).id
    clock.advance(MINUTE)

    with _put_back(runtime, copy, tmp_path) as (after, _), after.db.transaction() as session:
        fresh = make_subscription(session, make_newsletter(session)).id

    assert fresh > since + 1000


def test_a_copy_of_another_key_is_refused(
    runtime: Runtime, clock: FixedClock, copy: Path, tmp_path: Path
) -> None:
    with runtime.db.transaction() as session:
        make_subscriber(session)
    back_up(runtime, copy)
    runtime.close()
    other = build(replace(runtime.config, address_hash_key="o" * 40), clock=clock)

    with pytest.raises(CopyFailed, match="another ADDRESS_HASH_KEY"), _put_back(other, copy, tmp_path):
        pass


def test_what_a_reader_may_have_been_sent_since_is_not_owed_again(
    runtime: Runtime, clock: FixedClock, copy: Path, tmp_path: Path
) -> None:
    with runtime.db.transaction() as session:
        row = make_subscription(session, make_newsletter(session))
        digest = Digest(subscription_id=row.id, kind=DigestKind.DAILY, since=NOW, until=NOW)
        session.add(digest)
    reader = Reader(runtime, "waits@readers.example")
    reader.signs_up(make_audience(runtime.db, 1, first="other"))
    back_up(runtime, copy)
    clock.advance(MINUTE)

    with _put_back(runtime, copy, tmp_path) as (after, _), after.db.reading() as session:
        owed = session.scalars(select(Digest)).all()
        undecided = session.scalars(
            select(Confirmation).where(Confirmation.reminder_decided_at.is_(None))
        ).all()
        mail = session.scalars(select(OutboxMail)).one()

    assert (owed, undecided) == ([], [])
    assert (mail.state, mail.params) == (OutboxState.FAILED, {})


@pytest.mark.sqlite
def test_a_copy_that_was_put_into_place_by_hand_is_held_too(
    runtime: Runtime, clock: FixedClock, copy: Path
) -> None:
    issue_id = start_issue(runtime, make_audience(runtime.db, 1))
    clock.advance(MINUTE)
    back_up(runtime, copy)
    runtime.close()
    copy.rename(Path(runtime.db.url.database or ""))

    with runtime.db.transaction() as session:
        is_copy = restoring.stand_still_if_copied(session, now=clock.now())
        is_copy_still = restoring.stand_still_if_copied(session, now=clock.now())

    assert (is_copy, is_copy_still) == (True, False)
    assert state_of(runtime.db, issue_id) is IssueState.PAUSED


@pytest.mark.sqlite
def test_a_database_in_use_is_not_replaced_and_a_damaged_copy_is_refused(
    runtime: Runtime, clock: FixedClock, copy: Path
) -> None:
    back_up(runtime, copy)
    with runtime.db.reading() as session:
        session.execute(text("SELECT count(*) FROM issues"))

        with pytest.raises(CopyFailed, match="in use; stop web, worker and inbound first"):
            restore(runtime, copy, replay_from=None, now=clock.now())
    runtime.close()
    content = bytearray(copy.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    copy.write_bytes(content)
    with pytest.raises(CopyFailed, match=r"damaged|not a database of ours"):
        restore(runtime, copy, replay_from=None, now=clock.now())


@pytest.mark.sqlite
def test_the_database_that_was_replaced_is_kept_and_a_broken_one_is_not_asked(
    runtime: Runtime, clock: FixedClock, copy: Path
) -> None:
    back_up(runtime, copy)
    runtime.close()
    Path(runtime.db.url.database or "").write_bytes(b"no database any more")

    done = restore(runtime, copy, replay_from=None, now=clock.now())

    assert done.replayed is None
    assert done.kept is not None
    assert done.kept.read_bytes() == b"no database any more"


def _all_rows(runtime: Runtime) -> dict[str, list[tuple[object, ...]]]:
    with runtime.db.reading() as session:
        return {
            table.name: sorted((tuple(row) for row in session.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }


def test_a_suppression_of_before_the_copy_stands(
    runtime: Runtime, clock: FixedClock, copy: Path, tmp_path: Path
) -> None:
    address = DIGESTER.address("gone@readers.example")
    with runtime.db.transaction() as session:
        suppress(session, address_hash=address, reason=SuppressionReason.EDITOR, now=clock.now())
    back_up(runtime, copy)
    clock.advance(MINUTE)

    with _put_back(runtime, copy, tmp_path) as (after, done), after.db.reading() as session:
        reason = reason_for(session, address)

    assert reason is SuppressionReason.EDITOR
    assert done.replayed is not None and done.replayed.suppressions == 0

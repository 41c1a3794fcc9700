"""One reminder to whoever asked and did not confirm: a day later, once, and to nobody in doubt."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from newsletters.mail.models import OutboxMail
from newsletters.publishing.models import Newsletter
from newsletters.reports import funnel
from newsletters.runtime import Runtime
from newsletters.subscribers import confirm, held, reminders
from newsletters.subscribers.confirm import Confirmed
from newsletters.subscribers.models import Confirmation, FormKind
from newsletters.subscribers.purge import purge
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.tasks.periodic import remind_unconfirmed
from newsletters.tasks.register import register
from tests.at_once import all_at_once
from tests.mailbox import Reader, advance, newsletter

DAY = timedelta(days=1)
SINCE = date(2026, 1, 1)


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    register(runtime)
    return newsletter(runtime)


@pytest.fixture
def asked(runtime: Runtime, news: Newsletter) -> Iterator[Reader]:
    """A reader who signed up a day ago, was written to, and did nothing."""
    reader = Reader(runtime)
    signs_up_and_is_written_to(reader, news)
    advance(runtime, DAY)
    yield reader


def signs_up_and_is_written_to(reader: Reader, *newsletters: Newsletter) -> int:
    number = reader.signs_up(*newsletters)
    with reader.runtime.db.transaction() as session:
        confirm.note_mailed(session, reader.row.id, now=reader.now)
    return number


def reminds(runtime: Runtime) -> None:
    remind_unconfirmed(runtime)


def counts(runtime: Runtime) -> funnel.Unconfirmed:
    with runtime.db.reading() as session:
        return funnel.unconfirmed(session, since=SINCE)


def test_a_reminder_that_waited_does_not_leave_to_whoever_confirmed_or_must_not_be_written_to(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    reminds(runtime)

    wanted = [_is_wanted(asked)]
    with runtime.db.transaction() as session:
        suppress(session, address_hash=asked.row.address_hash, reason=SuppressionReason.EDITOR, now=asked.now)
    wanted.append(_is_wanted(asked))
    other = Reader(runtime, email="other@readers.example")
    other.signs_up(news)
    wanted.append(_is_wanted(other))
    other.confirms()

    assert [*wanted, _is_wanted(other)] == [True, False, True, False]


def _is_wanted(reader: Reader) -> bool:
    with reader.runtime.db.reading() as session:
        return reminders.is_wanted(session, reader.row.id)


def test_who_has_not_confirmed_after_a_day_is_reminded_and_can_confirm_by_that(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    reminds(runtime)

    done = asked.confirms(asked.token("confirm_url", "reminder"))
    assert asked.kinds() == ["confirm", "reminder"]
    assert isinstance(done, Confirmed)
    assert asked.state(news).value == "active"
    assert counts(runtime) == funnel.Unconfirmed(reminded=1, won=1, forgotten=0)


def test_the_code_of_the_reminder_works_where_the_reader_signed_up(
    runtime: Runtime, news: Newsletter
) -> None:
    reader = Reader(runtime)
    number = signs_up_and_is_written_to(reader, news)
    advance(runtime, DAY)
    reminds(runtime)

    done = reader.types(reader.param("code", "reminder"), number)

    assert isinstance(done, Confirmed)
    assert counts(runtime).won == 1


def test_the_first_mail_stays_good_after_the_reminder(runtime: Runtime, asked: Reader) -> None:
    reminds(runtime)

    done = asked.confirms(asked.token("confirm_url", "confirm"))

    assert isinstance(done, Confirmed)
    assert counts(runtime).won == 0


def test_nobody_is_reminded_within_a_day(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    signs_up_and_is_written_to(reader, news)
    advance(runtime, DAY - timedelta(seconds=1))

    reminds(runtime)

    assert reader.kinds() == ["confirm"]


def test_nobody_is_reminded_twice_however_long_they_wait(runtime: Runtime, asked: Reader) -> None:
    for _ in range(4):
        reminds(runtime)
        advance(runtime, DAY)

    assert asked.kinds() == ["confirm", "reminder"]


def test_two_workers_at_once_remind_once(runtime: Runtime, asked: Reader) -> None:
    all_at_once([lambda: reminds(runtime)] * 4)

    assert asked.kinds() == ["confirm", "reminder"]
    assert counts(runtime).reminded == 1


def test_whoever_confirms_while_workers_remind_is_not_in_their_way(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    asked.asks(FormKind.AGAIN)
    advance(runtime, DAY)
    links = [mail.params["confirm_url"].rpartition("/")[2] for mail in asked.mails()]

    all_at_once([lambda: reminds(runtime), lambda: asked.confirms(links[1]), lambda: reminds(runtime)])

    assert asked.state(news).value == "active"
    assert len(asked.mails()) <= 3


def test_who_signs_up_again_after_the_reminder_is_not_reminded_again(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    reminds(runtime)
    advance(runtime, 2 * DAY)
    signs_up_and_is_written_to(asked, news)
    advance(runtime, DAY)

    reminds(runtime)

    assert asked.kinds() == ["confirm", "reminder", "confirm"]


def test_a_reminder_is_one_of_the_three_mails_of_a_month(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    for _ in range(2):
        signs_up_and_is_written_to(asked, news)
        advance(runtime, DAY)

    reminds(runtime)

    assert asked.kinds() == ["confirm"] * 3


def test_who_asked_anew_meanwhile_is_reminded_a_day_after_that(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    asked.asks(FormKind.AGAIN)

    reminds(runtime)
    before = asked.kinds()
    advance(runtime, DAY)
    reminds(runtime)

    assert before == ["confirm", "confirm"]
    assert asked.kinds() == ["confirm", "confirm", "reminder"]


def test_two_newsletters_asked_for_on_one_day_are_one_reminder_about_both(
    runtime: Runtime, news: Newsletter
) -> None:
    sport, reader = newsletter(runtime, name="Sport"), Reader(runtime)
    signs_up_and_is_written_to(reader, news)
    reader.signs_up(sport)
    advance(runtime, DAY)

    reminds(runtime)

    assert reader.mails()[-1].params["newsletters"] == ["Explaining Ukraine", "Sport"]
    assert counts(runtime).reminded == 2


def test_who_confirmed_is_not_reminded(runtime: Runtime, asked: Reader) -> None:
    asked.confirms()

    reminds(runtime)

    assert asked.kinds() == ["confirm"]


def test_a_first_mail_that_no_server_took_is_not_repeated(runtime: Runtime, news: Newsletter) -> None:
    reader = Reader(runtime)
    reader.signs_up(news)
    advance(runtime, DAY)

    reminds(runtime)

    assert reader.kinds() == ["confirm"]


@pytest.mark.parametrize("reason", SuppressionReason)
def test_who_must_not_be_written_to_is_not_reminded(
    runtime: Runtime, asked: Reader, reason: SuppressionReason
) -> None:
    with runtime.db.transaction() as session:
        suppress(session, address_hash=asked.row.address_hash, reason=reason, now=asked.now)

    reminds(runtime)

    assert asked.kinds() == ["confirm"]


def test_whom_an_editor_let_through_is_not_reminded(runtime: Runtime, news: Newsletter) -> None:
    office = Reader(runtime, email="info@paper.example")
    number = office.signs_up(news)
    with runtime.db.transaction() as session:
        held.let_through(session, number, means=runtime, now=office.now)
        confirm.note_mailed(session, office.row.id, now=office.now)
    advance(runtime, DAY)

    reminds(runtime)

    assert office.kinds() == ["confirm"]


def test_a_sign_up_that_looks_like_a_machines_is_not_reminded_of(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    sport = newsletter(runtime)
    asked.signs_up(sport, trap="x", name="Win now at casino.top")

    reminds(runtime)

    assert asked.kinds() == ["confirm"]


def test_nobody_is_reminded_of_a_newsletter_that_has_closed(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    with runtime.db.transaction() as session:
        session.get_one(Newsletter, news.id).retired_at = asked.now

    reminds(runtime)

    assert asked.kinds() == ["confirm"]


def test_after_days_without_a_worker_a_reminder_would_only_puzzle(runtime: Runtime, asked: Reader) -> None:
    advance(runtime, reminders.LATEST + timedelta(seconds=1))

    reminds(runtime)

    assert asked.kinds() == ["confirm"]


def test_a_newsroom_may_remind_nobody(runtime: Runtime, asked: Reader) -> None:
    reminds(replace(runtime, config=replace(runtime.config, remind_after_hours=0)))

    assert asked.kinds() == ["confirm"]


def test_each_mail_is_decided_about_once_and_a_long_queue_is_worked_off(
    runtime: Runtime, news: Newsletter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "AT_ONCE", 2)
    for number in range(5):
        signs_up_and_is_written_to(Reader(runtime, email=f"r{number}@readers{number}.example"), news)
    advance(runtime, DAY)

    reminds(runtime)

    with runtime.db.reading() as session:
        open_ones = session.scalars(select(Confirmation.id).where(Confirmation.reminder_decided_at.is_(None)))
        sent = session.scalars(select(OutboxMail.recipient).where(OutboxMail.kind == "reminder")).all()
        assert open_ones.all() == []
    assert len(set(sent)) == len(sent) == 5


def test_what_nobody_confirmed_is_forgotten_and_how_much_there_was_is_kept(
    runtime: Runtime, asked: Reader, news: Newsletter
) -> None:
    sport, other = newsletter(runtime), Reader(runtime, email="other@readers.example")
    other.joins(news)
    other.signs_up(sport)
    advance(runtime, timedelta(days=30, seconds=1))

    with runtime.db.transaction() as session:
        purge(session, now=runtime.clock.now())
        purge(session, now=runtime.clock.now())

    assert counts(runtime).forgotten == 2
    with runtime.db.reading() as session:
        assert funnel.unconfirmed(session, since=SINCE, newsletter_id=sport.id).forgotten == 1

"""What readers settle for themselves, how they move, and what they may take with them."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletters.kernel.addresses import InvalidAddress
from newsletters.kernel.tokens import Purpose, TokenExpired, TokenForeign, TokenForged
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import address_change, preferences, reasons, suppression, unsubscribe
from newsletters.subscribers.address_change import Changed, ChangeDone, ChangeExpired, ChangeOffer
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.count_models import Reason
from newsletters.subscribers.download import download
from newsletters.subscribers.errors import (
    MailForbidden,
    ReaderGone,
    SameAddress,
    UnknownLanguage,
    UnknownNewsletter,
)
from newsletters.subscribers.links import LinkBroken, LinkForeign
from newsletters.subscribers.models import (
    ConsentEvent,
    ConsentRecord,
    FormKind,
    Subscriber,
    SubscriptionState,
)
from newsletters.subscribers.suppression_models import SuppressionReason
from newsletters.subscribers.unsubscribe import Left
from tests.mailbox import Reader, advance, newsletter

ACTIVE, PAUSED = SubscriptionState.ACTIVE, SubscriptionState.PAUSED
UNSUBSCRIBED = SubscriptionState.UNSUBSCRIBED
DAY = timedelta(days=1)


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    return newsletter(runtime)


@pytest.fixture
def reader(runtime: Runtime, news: Newsletter) -> Reader:
    reader = Reader(runtime)
    reader.joins(news)
    return reader


def requests_link(reader: Reader, email: str | None = None) -> None:
    Reader(reader.runtime, email or reader.email, reader.client).asks(FormKind.WAY_IN)


def enters(reader: Reader, token: str) -> Subscriber:
    with reader.runtime.db.reading() as session:
        return preferences.enter(session, token, means=reader.runtime, now=reader.now)


def joins(reader: Reader, news: Newsletter) -> bool:
    with reader.runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        return preferences.join(session, subscriber, news.id, means=reader.runtime, now=reader.now)


def test_the_mailed_link_leads_to_its_reader(reader: Reader) -> None:
    requests_link(reader, email="READER@readers.example")

    found = enters(reader, reader.token("preferences_url", "preferences"))

    assert found.id == reader.row.id


def test_a_link_is_asked_for_without_learning_anything(runtime: Runtime, reader: Reader) -> None:
    stranger = Reader(runtime, email="stranger@readers.example")

    requests_link(stranger)

    assert stranger.mails() == []
    with pytest.raises(InvalidAddress):
        requests_link(stranger, email="nobody")


def test_three_links_a_day_are_enough(reader: Reader) -> None:
    for _ in range(5):
        requests_link(reader)

    assert reader.kinds() == ["confirm", *["preferences"] * 3]


def test_a_complaint_keeps_the_mailbox_silent(reader: Reader) -> None:
    suppressed(reader, reader.email, SuppressionReason.COMPLAINT)

    requests_link(reader)

    assert reader.kinds() == ["confirm"]


def suppressed(reader: Reader, email: str, reason: SuppressionReason) -> None:
    with reader.runtime.db.transaction() as session:
        digest = reader.runtime.digester.address(email)
        suppression.suppress(session, address_hash=digest, reason=reason, now=reader.now)


def test_a_link_is_good_for_a_day(reader: Reader) -> None:
    requests_link(reader)
    advance(reader.runtime, DAY + timedelta(minutes=6))

    with pytest.raises(TokenExpired):
        enters(reader, reader.token("preferences_url", "preferences"))


def test_a_forwarded_issue_s_link_opens_no_preferences(reader: Reader, news: Newsletter) -> None:
    token = reader.runtime.signer.sign(Purpose.UNSUBSCRIBE, reader.subscription(news).id, 1)

    with pytest.raises(TokenForeign):
        enters(reader, token)
    with pytest.raises(TokenForged):
        enters(reader, "nonsense")


def test_the_page_shows_what_the_reader_has_and_could_have(reader: Reader, news: Newsletter) -> None:
    sport, retired = newsletter(reader.runtime), newsletter(reader.runtime, retired_at=reader.now)

    with reader.runtime.db.reading() as session:
        standing = preferences.standing(session, session.get_one(Subscriber, reader.row.id))

    assert [line.newsletter.id for line in standing.subscriptions] == [news.id]
    assert [one.id for one in standing.offered] == [sport.id]
    assert retired.id not in [one.id for one in standing.offered]


def test_joining_from_the_preferences_is_a_confirmed_consent_in_itself(reader: Reader) -> None:
    sport = newsletter(reader.runtime)

    joined, again = joins(reader, sport), joins(reader, sport)

    assert (joined, again, reader.state(sport)) == (True, False, ACTIVE)
    with reader.runtime.db.reading() as session:
        records = session.scalars(select(ConsentRecord).where(ConsentRecord.newsletter_id == sport.id)).all()
        assert [(row.event, row.mechanism) for row in records] == [
            (ConsentEvent.CONFIRMED, Mechanism.PREFERENCES)
        ]
        assert records[0].wording_id is not None


def test_joining_again_after_leaving_needs_no_second_mail(reader: Reader, news: Newsletter) -> None:
    with reader.runtime.db.transaction() as session:
        preferences.leave(session, session.get_one(Subscriber, reader.row.id), news.id, now=reader.now)
    left = reader.state(news)

    joins(reader, news)

    assert (left, reader.state(news)) == (UNSUBSCRIBED, ACTIVE)
    assert reader.kinds() == ["confirm"]


def test_a_retired_newsletter_cannot_be_joined(reader: Reader) -> None:
    with pytest.raises(UnknownNewsletter):
        joins(reader, newsletter(reader.runtime, retired_at=reader.now))


def test_after_a_complaint_only_an_editor_opens_the_door(reader: Reader) -> None:
    suppressed(reader, reader.email, SuppressionReason.COMPLAINT)

    with pytest.raises(MailForbidden):
        joins(reader, newsletter(reader.runtime))


def test_pausing_and_resuming_are_on_record(reader: Reader, news: Newsletter) -> None:
    with reader.runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        paused = preferences.pause(session, subscriber, news.id, until=reader.now + DAY, now=reader.now)
        resumed = preferences.resume(session, subscriber, news.id, now=reader.now)
        again = preferences.resume(session, subscriber, news.id, now=reader.now)

    assert (paused, resumed, again, reader.state(news)) == (True, True, False, ACTIVE)
    with reader.runtime.db.reading() as session:
        events = session.scalars(select(ConsentRecord.event).order_by(ConsentRecord.id)).all()
        assert events[-2:] == [ConsentEvent.PAUSED, ConsentEvent.RESUMED]


def test_nothing_is_paused_or_left_that_is_not_there(reader: Reader) -> None:
    sport = newsletter(reader.runtime)

    with reader.runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        paused = preferences.pause(session, subscriber, sport.id, until=reader.now + DAY, now=reader.now)
        left = preferences.leave(session, subscriber, sport.id, now=reader.now)

    assert (paused, left) == (False, False)


def test_name_and_language_are_the_reader_s_own(reader: Reader) -> None:
    with reader.runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        preferences.rename(subscriber, " Олена\nКоваленко\x00 ")
        preferences.speak(subscriber, "uk")

    assert (reader.row.name, reader.row.name_key, reader.row.language) == (
        "Олена Коваленко",
        "олена коваленко",
        "uk",
    )
    with pytest.raises(UnknownLanguage):
        preferences.speak(reader.row, "tlh")


# --- moving ---------------------------------------------------------------------------------------

NEW = "moved@readers.example"


def asks_to_move(reader: Reader, to: str = NEW) -> None:
    with reader.runtime.db.transaction() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        address_change.ask(session, subscriber, to, means=reader.runtime, now=reader.now)


def at(reader: Reader, email: str = NEW) -> Reader:
    return Reader(reader.runtime, email=email)


def moves(reader: Reader, token: str | None = None) -> object:
    token = token or at(reader).token("change_url", "change_address")
    with reader.runtime.db.transaction() as session:
        return address_change.change(session, token, means=reader.runtime, now=reader.now)


def test_moving_is_asked_of_the_new_address_and_changes_nothing_yet(reader: Reader) -> None:
    asks_to_move(reader)

    token = at(reader).token("change_url", "change_address")
    with reader.runtime.db.reading() as session:
        seen = address_change.offer_change(session, token, means=reader.runtime, now=reader.now)
    assert seen == ChangeOffer("r•••@readers.example", "m•••@readers.example", "en")
    assert reader.row.email == reader.email


def test_confirming_at_the_new_address_moves_the_reader_and_tells_the_old_one(
    reader: Reader, news: Newsletter
) -> None:
    number = reader.row.id
    asks_to_move(reader)

    outcome = moves(reader)

    moved = at(reader)
    assert outcome == Changed("r•••@readers.example", "m•••@readers.example", "en")
    assert (moved.row.id, moved.row.email_key) == (number, NEW)
    assert moved.row.address_hash == reader.runtime.digester.address(NEW)
    assert moved.state(news) is ACTIVE
    assert reader.kinds() == ["confirm", "address_changed"]
    assert NEW not in str(reader.mails()[-1].params)


def test_a_move_is_made_once(reader: Reader) -> None:
    asks_to_move(reader)
    moves(reader)

    assert moves(reader) == ChangeDone("en")


def test_links_mailed_to_the_old_address_are_void_after_a_move(reader: Reader) -> None:
    requests_link(reader)
    old_link = reader.token("preferences_url", "preferences")
    asks_to_move(reader)

    moves(reader)

    with pytest.raises(ReaderGone):
        enters(reader, old_link)


def test_a_link_to_move_ends_after_a_day(reader: Reader) -> None:
    asks_to_move(reader)
    advance(reader.runtime, DAY + timedelta(minutes=6))

    assert moves(reader) == ChangeExpired("en")
    assert reader.row.email == reader.email


def test_a_broken_or_foreign_link_moves_nobody(reader: Reader) -> None:
    assert moves(reader, "nonsense") == LinkBroken()
    assert moves(reader, reader.token()) == LinkForeign(Purpose.CONFIRM)


def test_moving_to_where_one_is_is_refused(reader: Reader) -> None:
    with pytest.raises(SameAddress):
        asks_to_move(reader, reader.email)


def test_only_the_spelling_may_change(reader: Reader) -> None:
    asks_to_move(reader, "Reader@readers.example")
    token = at(reader, "Reader@readers.example").token("change_url", "change_address")

    moves(reader, token)

    assert reader.row.email == "Reader@readers.example"


def test_a_stranger_s_mailbox_gets_one_question_a_day(reader: Reader) -> None:
    for _ in range(4):
        asks_to_move(reader)

    assert at(reader).kinds() == ["change_address"]


def test_a_closed_address_is_not_asked(reader: Reader) -> None:
    suppressed(reader, NEW, SuppressionReason.COMPLAINT)

    asks_to_move(reader)

    assert at(reader).mails() == []


def test_an_address_that_complains_meanwhile_is_not_moved_to(reader: Reader) -> None:
    asks_to_move(reader)
    suppressed(reader, NEW, SuppressionReason.COMPLAINT)

    assert moves(reader) == ChangeExpired("en")


def test_an_old_address_that_complained_is_left_in_peace(reader: Reader) -> None:
    asks_to_move(reader)
    suppressed(reader, reader.email, SuppressionReason.COMPLAINT)

    outcome = moves(reader)

    assert isinstance(outcome, Changed)
    assert reader.kinds() == ["confirm"]


def test_two_readers_who_prove_to_be_one_become_one(reader: Reader, news: Newsletter) -> None:
    sport, other = newsletter(reader.runtime), at(reader)
    other.joins(news, sport)
    number = reader.row.id
    asks_to_move(reader)

    moves(reader)

    assert at(reader).row.id == number
    assert at(reader).state(news) is at(reader).state(sport) is ACTIVE
    with reader.runtime.db.reading() as session:
        assert len(session.scalars(select(Subscriber)).all()) == 1
        confirmed = session.scalars(
            select(ConsentRecord.subscriber_id).where(ConsentRecord.event == ConsentEvent.CONFIRMED)
        ).all()
        assert confirmed == [number] * 3


def test_links_of_both_readers_still_end_what_became_one(reader: Reader, news: Newsletter) -> None:
    other = at(reader)
    other.joins(news)
    old_link = reader.runtime.signer.sign(Purpose.UNSUBSCRIBE, other.subscription(news).id, 1)
    asks_to_move(reader)
    moves(reader)

    with reader.runtime.db.transaction() as session:
        outcome = unsubscribe.leave(
            session, old_link, means=reader.runtime, mechanism=Mechanism.ONE_CLICK, now=reader.now
        )

    assert isinstance(outcome, Left)
    assert at(reader).state(news) is UNSUBSCRIBED


def test_becoming_one_ends_nothing_that_either_had(reader: Reader, news: Newsletter) -> None:
    other = at(reader)
    other.joins(news)
    with reader.runtime.db.transaction() as session:
        preferences.leave(session, session.get_one(Subscriber, reader.row.id), news.id, now=reader.now)
    asks_to_move(reader)

    moves(reader)

    assert at(reader).state(news) is ACTIVE


def test_who_has_become_one_with_a_reader_of_it_has_not_left(reader: Reader, news: Newsletter) -> None:
    runtime, other = reader.runtime, at(reader)
    other.joins(news)
    link = runtime.signer.sign(Purpose.UNSUBSCRIBE, reader.subscription(news).id, 7)
    with runtime.db.transaction() as session:
        unsubscribe.leave(session, link, means=runtime, mechanism=Mechanism.LINK, now=reader.now)
        reasons.tell(session, link, reason=Reason.OTHER, words="", means=runtime, now=reader.now)
    asks_to_move(reader)

    moves(reader)

    row = at(reader).subscription(news)
    assert (row.state, row.unsubscribed_by_issue_id, row.told_why) == (ACTIVE, None, False)


# --- taking along ---------------------------------------------------------------------------------


def test_the_download_has_everything_with_the_words_that_were_agreed_to(
    reader: Reader, news: Newsletter
) -> None:
    with reader.runtime.db.reading() as session:
        subscriber = session.get_one(Subscriber, reader.row.id)
        data = download(session, subscriber, now=reader.now)

    read_back = json.loads(json.dumps(data))
    assert read_back["address"] == reader.email
    assert [row["state"] for row in read_back["subscriptions"]] == ["active"]
    assert [row["event"] for row in read_back["consent"]] == ["requested", "confirmed"]
    assert {row["wording"] for row in read_back["consent"]} == {f"Send me {news.name} by e-mail."}

"""Signing up: one answer for everybody, one mail a day at most, nothing of a stranger's in it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from newsletters.kernel.addresses import InvalidAddress
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import consent, intake, suppression
from newsletters.subscribers.consent import EvidenceIsFinal
from newsletters.subscribers.errors import NoNewsletterChosen, TooManyPosts
from newsletters.subscribers.models import (
    ConsentEvent,
    ConsentRecord,
    FormKind,
    SignupRequest,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from newsletters.subscribers.stopping import mark_bounced, mark_complained
from newsletters.subscribers.suppression_models import SuppressionReason
from tests.factories import make_subscriber, make_subscription
from tests.mailbox import Reader, advance, fresh_client, newsletter, take_all

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_a_new_reader_is_pending_and_gets_one_mail(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)

    reader.signs_up(news)

    assert reader.state(news) is SubscriptionState.PENDING
    assert reader.kinds() == ["confirm"]


def test_several_newsletters_are_asked_for_in_one_mail(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime, name="Sport"), Reader(runtime)

    reader.signs_up(news, sport)

    (mail,) = reader.mails()
    assert mail.params["newsletters"] == ["Explaining Ukraine", "Sport"]
    assert "accent" not in mail.params


def test_a_second_form_on_the_same_page_adds_to_what_the_first_mail_confirms(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime, name="Sport"), Reader(runtime)
    reader.signs_up(news)

    reader.signs_up(sport)
    reader.confirms()

    assert reader.kinds() == ["confirm"]
    assert reader.state(news) is reader.state(sport) is SubscriptionState.ACTIVE


def test_after_a_confirmation_the_next_newsletter_is_asked_for_at_once(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    reader.joins(news)

    reader.signs_up(sport)

    assert reader.kinds() == ["confirm", "confirm"]


@pytest.mark.parametrize(
    "written", ["Reader@readers.example", "READER@READERS.EXAMPLE", "  reader@readers.example "]
)
def test_one_mailbox_is_one_subscriber_however_it_is_written(runtime: Runtime, written: str) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)

    reader.signs_up(news, email=written)

    with runtime.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 1


def test_the_spelling_that_was_confirmed_is_the_one_that_stays(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news, email="READER@readers.example")
    advance(runtime, 2 * DAY)
    reader.signs_up(news, email="Reader@readers.example")

    reader.confirms()

    assert reader.row.email == "Reader@readers.example"


def test_a_stranger_s_spelling_changes_nothing_for_a_reader(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    reader.joins(news)

    reader.signs_up(sport, email="READER@readers.example", name="Somebody Else", language="uk")

    assert (reader.row.email, reader.row.name, reader.row.language) == (reader.email, "", "en")
    assert reader.mails()[-1].recipient == reader.email


def test_a_name_is_believed_only_once_the_address_is_confirmed(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news, name="Olena")
    before = reader.row.name

    reader.confirms()

    assert (before, reader.row.name) == ("", "Olena")


def test_nothing_a_stranger_typed_stands_in_the_mail(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)

    reader.signs_up(news, name="Win at spam.example", page="https://spam.example/", form="spam.example")

    (mail,) = reader.mails()
    assert "spam.example" not in str(mail.params)


def test_the_newsletter_s_language_is_the_reader_s_until_they_choose(runtime: Runtime) -> None:
    news, reader = newsletter(runtime, language="uk"), Reader(runtime)

    reader.signs_up(news)

    assert (reader.row.language, reader.mails()[0].language) == ("uk", "uk")


def test_the_page_s_language_outweighs_the_newsletter_s(runtime: Runtime) -> None:
    news, reader = newsletter(runtime, language="uk"), Reader(runtime)

    reader.signs_up(news, language="en")

    assert reader.mails()[0].language == "en"


def test_the_editors_own_words_go_with_a_mail_about_their_newsletter_alone(runtime: Runtime) -> None:
    news, sport = newsletter(runtime), newsletter(runtime)
    for one in (news, sport):
        with runtime.db.transaction() as session:
            consent.current_wordings(session, [one.id])[one.id].mail_subject = f"Join {one.id}"
    alone, both = Reader(runtime), Reader(runtime, email="both@readers.example")

    alone.signs_up(news)
    both.signs_up(news, sport)

    assert (alone.param("subject"), both.param("subject")) == (f"Join {news.id}", "")


@pytest.mark.parametrize("typed", ["", "reader", "reader@", "a b@readers.example"])
def test_what_is_no_address_is_refused_and_leaves_nothing(runtime: Runtime, typed: str) -> None:
    news, reader = newsletter(runtime), Reader(runtime)

    with pytest.raises(InvalidAddress):
        reader.signs_up(news, email=typed)

    with runtime.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 0


def test_a_sign_up_for_nothing_is_refused(runtime: Runtime) -> None:
    with pytest.raises(NoNewsletterChosen):
        Reader(runtime).signs_up()


def test_what_takes_no_more_readers_is_left_out(runtime: Runtime) -> None:
    news, retired = newsletter(runtime), newsletter(runtime, retired_at=runtime.clock.now())
    reader = Reader(runtime)

    reader.signs_up(news, retired)

    assert [row.newsletter_id for row in subscriptions(runtime)] == [news.id]
    assert reader.kinds() == ["confirm"]


def test_a_number_that_is_no_newsletter_asks_for_nothing(runtime: Runtime) -> None:
    reader = Reader(runtime)

    reader.signs_up(newsletter_ids=[4711])

    assert subscriptions(runtime) == []
    assert reader.mails() == []


def subscriptions(runtime: Runtime) -> list[Subscription]:
    with runtime.db.reading() as session:
        return list(session.scalars(select(Subscription)))


# --- one answer for everybody ---------------------------------------------------------------------


def is_new(runtime: Runtime, reader: Reader, news: Newsletter) -> None:
    """Nobody knows the address."""


def is_pending(runtime: Runtime, reader: Reader, news: Newsletter) -> None:
    reader.signs_up(news)
    advance(runtime, 2 * DAY)


def is_active(runtime: Runtime, reader: Reader, news: Newsletter) -> None:
    reader.joins(news)


def is_paused(runtime: Runtime, reader: Reader, news: Newsletter) -> None:
    stands(runtime, reader, news, SubscriptionState.PAUSED)


def has_left(runtime: Runtime, reader: Reader, news: Newsletter) -> None:
    stands(runtime, reader, news, SubscriptionState.UNSUBSCRIBED)


def is_suppressed(runtime: Runtime, reader: Reader, news: Newsletter) -> None:
    stands(runtime, reader, news, SubscriptionState.COMPLAINED)
    with runtime.db.transaction() as session:
        suppression.suppress(
            session,
            address_hash=runtime.digester.address(reader.email),
            reason=SuppressionReason.COMPLAINT,
            now=runtime.clock.now(),
        )


def stands(runtime: Runtime, reader: Reader, news: Newsletter, state: SubscriptionState) -> None:
    with runtime.db.transaction() as session:
        row = make_subscriber(session, reader.email)
        until = runtime.clock.now() + DAY if state is SubscriptionState.PAUSED else None
        make_subscription(session, news, row, state=state, paused_until=until, ended_at=runtime.clock.now())


STANDINGS = [
    (is_new, SubscriptionState.PENDING, "confirm"),
    (is_pending, SubscriptionState.PENDING, "confirm"),
    (is_active, SubscriptionState.ACTIVE, "already_subscribed"),
    (is_paused, SubscriptionState.PAUSED, "already_subscribed"),
    (has_left, SubscriptionState.PENDING, "confirm"),
    (is_suppressed, SubscriptionState.PENDING, None),
]
Standing = Callable[[Runtime, Reader, Newsletter], None]


@pytest.mark.parametrize(("standing", "state", "mail"), STANDINGS)
def test_only_the_mailbox_learns_how_an_address_stands(
    runtime: Runtime, standing: Standing, state: SubscriptionState, mail: str | None
) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    standing(runtime, reader, news)
    before = len(reader.mails())

    number = reader.signs_up(news)

    assert number > 0
    assert reader.state(news) is state
    assert reader.kinds()[before:] == ([mail] if mail else [])


@pytest.mark.parametrize("standing", [standing for standing, _, _ in STANDINGS])
def test_every_kind_of_address_gets_the_same_receipt_and_the_same_request(
    runtime: Runtime, standing: Standing
) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    standing(runtime, reader, news)

    number = reader.signs_up(news, form="front", page="https://newsroom.example/")

    with runtime.db.reading() as session:
        request = session.get_one(SignupRequest, number)
        assert (request.form, request.page) == ("front", "https://newsroom.example/")


def test_an_active_reader_is_told_so_with_a_way_to_their_preferences(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.joins(news)

    reader.signs_up(news)

    assert reader.param("preferences_url", "already_subscribed").startswith("http://localhost/preferences/")


def test_a_dead_address_may_try_once_more_and_confirming_revives_it(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.joins(news)
    bounces(runtime, reader)

    reader.signs_up(news)
    reader.confirms()

    assert reader.state(news) is SubscriptionState.ACTIVE
    with runtime.db.reading() as session:
        assert suppression.reason_for(session, reader.row.address_hash) is None


def test_a_dead_address_gets_one_try_a_month(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.joins(news)
    bounces(runtime, reader)
    reader.signs_up(news)
    advance(runtime, 2 * DAY)

    reader.signs_up(news)

    assert reader.kinds() == ["confirm", "confirm"]


def bounces(runtime: Runtime, reader: Reader) -> None:
    with runtime.db.transaction() as session:
        mark_bounced(session, subscriber_id=reader.row.id, now=reader.now)
        suppression.suppress(
            session,
            address_hash=reader.row.address_hash,
            reason=SuppressionReason.HARD_BOUNCE,
            now=reader.now,
        )


def test_whoever_complained_hears_nothing_until_an_editor_lifts_it(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.joins(news)
    with runtime.db.transaction() as session:
        mark_complained(session, subscriber_id=reader.row.id, now=reader.now)
        suppression.suppress(
            session, address_hash=reader.row.address_hash, reason=SuppressionReason.COMPLAINT, now=reader.now
        )
    reader.signs_up(news)
    silent = reader.kinds()
    with runtime.db.transaction() as session:
        suppression.lift(
            session,
            address_hash=reader.row.address_hash,
            reason="they wrote to us",
            actor="editor 1",
            now=reader.now,
        )
    advance(runtime, 2 * DAY)

    reader.signs_up(news)

    assert (silent, reader.kinds()) == (["confirm"], ["confirm", "confirm"])


# --- limits ---------------------------------------------------------------------------------------


POSTS_FOR_ONE_VICTIM = 2_000


def test_thousands_of_posts_for_one_victim_send_one_mail(runtime: Runtime) -> None:
    news, victim = newsletter(runtime), Reader(runtime, email="victim@readers.example")
    posts = [
        intake.Signup(email=victim.email, newsletter_ids=[news.id], client=f"10.{n >> 8}.{n & 255}.1")
        for n in range(POSTS_FOR_ONE_VICTIM)
    ]

    for start in range(0, len(posts), 100):
        with runtime.db.transaction() as session:
            for number, post in enumerate(posts[start : start + 100], start):
                moment = runtime.clock.now() + timedelta(seconds=8 * number)  # over most of a day
                intake.note_signup(session, post, is_proven=True, means=runtime, now=moment)
                take_all(session, runtime, now=moment)

    assert victim.kinds() == ["confirm"]


def test_a_month_brings_three_mails_at_most_whatever_the_newsletters(runtime: Runtime) -> None:
    reader, many = Reader(runtime), [newsletter(runtime) for _ in range(29)]

    for news in many:
        reader.signs_up(news)
        advance(runtime, DAY)

    assert len(reader.mails()) == 3


def test_a_client_that_posts_too_much_is_refused_and_nothing_is_written(runtime: Runtime) -> None:
    news, client = newsletter(runtime), fresh_client()
    fill_hour(runtime, news, clients=[client] * 30)
    known, stranger = (
        Reader(runtime, email="r0@readers.example", client=client),
        Reader(runtime, client=client),
    )

    for reader in (known, stranger):
        with pytest.raises(TooManyPosts) as refused:
            reader.signs_up(news)
        assert refused.value.until == runtime.clock.now() + HOUR

    assert (written(runtime), stranger.mails()) == (30, [])


def test_the_next_hour_takes_the_client_again(runtime: Runtime) -> None:
    news, client = newsletter(runtime), fresh_client()
    fill_hour(runtime, news, clients=[client] * 30)
    advance(runtime, HOUR)
    reader = Reader(runtime, client=client)

    reader.signs_up(news)

    assert reader.state(news) is SubscriptionState.PENDING


def fill_hour(runtime: Runtime, news: Newsletter, *, clients: list[str]) -> None:
    """Sign up one address from each of ``clients``."""
    for number, client in enumerate(clients):
        Reader(runtime, email=f"r{number}@readers.example", client=client).signs_up(news)


def written(runtime: Runtime) -> int:
    """How many sign-ups are on disk."""
    with runtime.db.reading() as session:
        return session.scalar(select(func.count()).select_from(SignupRequest)) or 0


@pytest.mark.parametrize(
    "network", ["198.51.100.{}", "2001:db8:1:2::{:x}", "2001:db8:1:2:{:x}::1"], ids=["/24", "/64", "in /64"]
)
def test_many_clients_of_one_network_share_its_allowance(runtime: Runtime, network: str) -> None:
    news = newsletter(runtime)

    fill_hour(runtime, news, clients=[network.format(number + 1) for number in range(120)])

    with pytest.raises(TooManyPosts):
        Reader(runtime, client=network.format(121)).signs_up(news)

    assert written(runtime) == 120


def test_everybody_together_is_limited_by_the_minute(runtime: Runtime) -> None:
    news = newsletter(runtime)

    def post(number: int) -> None:
        asked = intake.Signup(f"r{number}@readers.example", [news.id], fresh_client())
        with runtime.db.transaction() as session:
            intake.note_signup(
                session,
                asked,
                is_proven=True,
                means=runtime,
                now=runtime.clock.now(),
                most_per_minute=10,
            )
            take_all(session, runtime)

    for number in range(10):
        post(number)
    with pytest.raises(TooManyPosts) as refused:
        post(10)

    assert refused.value.until == runtime.clock.now() + timedelta(minutes=1)
    assert written(runtime) == 10


def test_an_address_posted_too_often_is_still_pending_wherever_it_was_asked_for(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    for _ in range(20):
        reader.signs_up(news, client=fresh_client())

    numbers = [reader.signs_up(chosen, client=fresh_client(), form="late") for chosen in (news, sport, sport)]

    assert all(numbers)
    assert reader.state(sport) is SubscriptionState.PENDING
    assert [record.form for record in records(runtime) if record.newsletter_id == sport.id] == ["late"]
    assert len(records(runtime)) == 21


def test_what_was_asked_for_beyond_the_notes_is_confirmed_by_the_mail(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    for _ in range(20):
        reader.signs_up(news, client=fresh_client())
    reader.signs_up(sport, client=fresh_client())

    reader.confirms()

    assert reader.state(news) is reader.state(sport) is SubscriptionState.ACTIVE


def records(runtime: Runtime) -> list[ConsentRecord]:
    with runtime.db.reading() as session:
        return list(session.scalars(select(ConsentRecord).order_by(ConsentRecord.id)))


def test_asking_again_too_often_from_one_place_is_refused(runtime: Runtime) -> None:
    reader = Reader(runtime)
    for _ in range(30):
        asks_again(runtime, reader)

    with pytest.raises(TooManyPosts):
        asks_again(runtime, reader)


def test_asking_again_mails_again_only_within_the_limits(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)
    asks_again(runtime, reader)
    too_soon = reader.kinds()
    advance(runtime, DAY)

    asks_again(runtime, reader)

    assert (too_soon, reader.kinds()) == (["confirm"], ["confirm", "confirm"])


def test_asking_again_for_an_unknown_address_writes_nothing_to_it(runtime: Runtime) -> None:
    reader = Reader(runtime)

    asks_again(runtime, reader)

    assert reader.mails() == []


def asks_again(runtime: Runtime, reader: Reader) -> None:
    reader.asks(FormKind.AGAIN)


# --- machines -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trap", "seconds", "mails"),
    [("", 30.0, 1), ("https://spam.example", 30.0, 1), ("", 0.2, 1), ("https://spam.example", 0.2, 0)],
)
def test_only_what_is_clearly_a_machine_gets_no_mail(
    runtime: Runtime, trap: str, seconds: float, mails: int
) -> None:
    news, reader = newsletter(runtime), Reader(runtime)

    number = reader.signs_up(news, trap=trap, filled_in_seconds=seconds)

    assert number > 0
    assert len(reader.mails()) == mails


def test_what_was_noticed_stays_on_the_request(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)

    number = reader.signs_up(news, trap="x", filled_in_seconds=0.1, is_proven=False)

    with runtime.db.reading() as session:
        assert session.get_one(SignupRequest, number).signals == "fast trap held_machine"


# --- evidence -------------------------------------------------------------------------------------


def test_the_wording_the_form_showed_is_the_one_on_record(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    with runtime.db.transaction() as session:
        first = consent.current_wordings(session, [news.id])[news.id]
        newer = type(first)(newsletter_id=news.id, version=2, consent_text="New words", created_at=reader.now)
        session.add(newer)

    reader.signs_up(news, wording_ids=[first.id], form="article", page="https://newsroom.example/a")
    reader.confirms()

    with runtime.db.reading() as session:
        records = session.scalars(select(ConsentRecord).order_by(ConsentRecord.id)).all()
        assert [(row.event, row.wording_id, row.form, row.page) for row in records] == [
            (ConsentEvent.REQUESTED, first.id, "article", "https://newsroom.example/a"),
            (ConsentEvent.CONFIRMED, first.id, "article", "https://newsroom.example/a"),
        ]


def test_a_wording_of_another_newsletter_is_not_believed(runtime: Runtime) -> None:
    news, other, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    with runtime.db.reading() as session:
        wordings = consent.current_wordings(session, [news.id, other.id])

    reader.signs_up(news, wording_ids=[wordings[other.id].id])

    with runtime.db.reading() as session:
        assert session.scalars(select(ConsentRecord.wording_id)).one() == wordings[news.id].id


def test_a_consent_record_can_be_neither_changed_nor_removed(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)

    with pytest.raises(EvidenceIsFinal), runtime.db.transaction() as session:
        session.scalars(select(ConsentRecord)).one().form = "another"
    with pytest.raises(EvidenceIsFinal), runtime.db.transaction() as session:
        session.delete(session.scalars(select(ConsentRecord)).one())


def test_evidence_is_not_changed_in_bulk_either(runtime: Runtime) -> None:
    with pytest.raises(EvidenceIsFinal), runtime.db.transaction() as session:
        session.execute(update(ConsentRecord).values(form="another"))

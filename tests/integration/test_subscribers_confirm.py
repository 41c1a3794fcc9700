"""Confirming by link and by code: looking is free, pressing counts once, and machines press in vain."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletters.kernel.tokens import Purpose
from newsletters.runtime import Runtime
from newsletters.subscribers import confirm
from newsletters.subscribers.codes import MOST_TRIES
from newsletters.subscribers.confirm import (
    SCANNER_HOLD,
    AlreadyConfirmed,
    Confirmed,
    HeldBack,
    LinkExpired,
    Offer,
    WrongCode,
)
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.errors import TooManyPosts
from newsletters.subscribers.links import LinkBroken, LinkForeign
from newsletters.subscribers.models import Confirmation, ConsentEvent, ConsentRecord, SubscriptionState
from tests.mailbox import Reader, advance, fresh_client, newsletter

PENDING, ACTIVE = SubscriptionState.PENDING, SubscriptionState.ACTIVE
WEEK = timedelta(days=7)


def how_confirmed(runtime: Runtime) -> list[str]:
    with runtime.db.reading() as session:
        found = select(ConsentRecord.mechanism).where(ConsentRecord.event == ConsentEvent.CONFIRMED)
        return list(session.scalars(found.order_by(ConsentRecord.id)))


def test_looking_at_the_link_shows_what_it_is_about_and_changes_nothing(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)

    first, second = reader.looks(), reader.looks()

    assert isinstance(first, Offer)
    assert isinstance(second, Offer)
    assert (first.email_masked, [one.id for one in first.newsletters]) == ("r•••@readers.example", [news.id])
    assert reader.state(news) is PENDING


def test_pressing_confirms_everything_that_is_pending(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    reader.signs_up(news, sport)

    done = reader.confirms()

    assert isinstance(done, Confirmed)
    assert {one.id for one in done.newsletters} == {news.id, sport.id}
    assert reader.state(news) is reader.state(sport) is ACTIVE


def test_confirming_twice_changes_nothing(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.joins(news)
    before = reader.subscription(news).confirmed_at
    advance(runtime, timedelta(hours=1))

    again = reader.confirms()

    assert isinstance(again, AlreadyConfirmed)
    assert [one.id for one in again.newsletters] == [news.id]
    assert reader.subscription(news).confirmed_at == before
    assert how_confirmed(runtime) == [Mechanism.LINK]


def test_a_used_link_confirms_nothing_that_was_asked_for_later(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    reader.joins(news)
    used = reader.token()
    reader.signs_up(sport)

    outcome = reader.confirms(used)

    assert isinstance(outcome, AlreadyConfirmed)
    assert reader.state(sport) is PENDING


def test_a_link_is_used_by_its_row_however_its_text_is_written(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.joins(news)
    token = reader.token()
    variants = [
        token[:-1] + letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    ]

    outcomes = {type(reader.confirms(variant)) for variant in variants}

    assert Confirmed not in outcomes


def test_the_browser_that_asked_for_everything_may_post_by_itself(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)

    same, other = reader.looks(requests=[number]), reader.looks(requests=[number + 1])

    assert isinstance(same, Offer)
    assert isinstance(other, Offer)
    assert (same.may_post_itself, other.may_post_itself) == (True, False)


def test_what_somebody_else_added_is_never_confirmed_by_itself(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)
    Reader(runtime, client=fresh_client()).signs_up(sport)

    seen = reader.looks(requests=[number])

    assert isinstance(seen, Offer)
    assert seen.may_post_itself is False


def test_a_page_confirms_what_it_showed_and_nothing_that_came_since(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    reader.signs_up(news)
    reader.signs_up(sport)

    reader.confirms(newsletter_ids=[news.id])

    assert (reader.state(news), reader.state(sport)) == (ACTIVE, PENDING)


def test_how_it_was_confirmed_is_on_record(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)

    reader.confirms(requests=[number])

    assert how_confirmed(runtime) == [Mechanism.SAME_BROWSER]


def test_an_expired_link_says_so_and_can_be_renewed(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)
    token = reader.token()
    advance(runtime, WEEK + timedelta(minutes=6))

    seen, pressed = reader.looks(), reader.confirms()
    renews(runtime, reader, token)

    assert seen == pressed == LinkExpired("en", can_renew=True)
    assert reader.kinds() == ["confirm", "confirm"]
    assert isinstance(reader.confirms(), Confirmed)


def test_renewing_has_an_allowance_of_its_own(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)

    for _ in range(8):
        renews(runtime, reader, reader.token())

    assert len(reader.mails()) == 1 + 5


def test_a_link_whose_request_was_forgotten_cannot_be_renewed(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)
    token = reader.token()
    with runtime.db.transaction() as session:
        session.delete(session.scalars(select(Confirmation)).one())

    seen = reader.looks(token)

    assert seen == LinkExpired("", can_renew=False)


def renews(runtime: Runtime, reader: Reader, token: str) -> None:
    with runtime.db.transaction() as session:
        confirm.send_new_link(session, token, means=runtime, client=reader.client, now=reader.now)


@pytest.mark.parametrize("token", ["", "nonsense", "A" * 40])
def test_a_forged_link_is_broken(runtime: Runtime, token: str) -> None:
    reader = Reader(runtime)

    assert reader.looks(token or "x") == LinkBroken()
    assert reader.confirms(token or "x") == LinkBroken()


def test_a_link_for_another_page_says_for_which(runtime: Runtime) -> None:
    reader = Reader(runtime)
    token = runtime.signer.sign(Purpose.UNSUBSCRIBE, 1, 1)

    assert reader.confirms(token) == LinkForeign(Purpose.UNSUBSCRIBE)


def test_clocks_five_minutes_apart_do_not_refuse_a_fresh_link(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)

    seen = reader.looks(now=reader.now - timedelta(minutes=5))

    assert isinstance(seen, Offer)


# --- scanners -------------------------------------------------------------------------------------


def visits_canary(runtime: Runtime, reader: Reader, client: str) -> None:
    with runtime.db.transaction() as session:
        confirm.note_scanner(
            session, reader.token("canary_url"), means=runtime, client=client, now=reader.now
        )


def test_what_a_scanner_posts_is_held_back(runtime: Runtime) -> None:
    news, reader, scanner = newsletter(runtime), Reader(runtime), fresh_client()
    reader.signs_up(news)
    visits_canary(runtime, reader, scanner)

    outcome = reader.confirms(client=scanner)

    assert outcome == HeldBack(reader.now + SCANNER_HOLD)
    assert reader.state(news) is PENDING


def test_a_person_elsewhere_confirms_while_a_scanner_is_held_back(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)
    visits_canary(runtime, reader, fresh_client())

    assert isinstance(reader.confirms(), Confirmed)


def test_a_person_behind_the_scanner_s_address_confirms_in_their_own_browser(runtime: Runtime) -> None:
    news, reader, scanner = newsletter(runtime), Reader(runtime), fresh_client()
    number = reader.signs_up(news)
    visits_canary(runtime, reader, scanner)

    assert isinstance(reader.confirms(client=scanner, requests=[number]), Confirmed)


def test_a_person_behind_the_scanner_s_address_confirms_after_a_while(runtime: Runtime) -> None:
    news, reader, scanner = newsletter(runtime), Reader(runtime), fresh_client()
    reader.signs_up(news)
    visits_canary(runtime, reader, scanner)
    advance(runtime, SCANNER_HOLD)

    assert isinstance(reader.confirms(client=scanner), Confirmed)


def test_the_link_no_person_sees_confirms_nothing_itself(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)

    assert reader.confirms(reader.token("canary_url")) == LinkForeign(Purpose.CANARY)


# --- codes ----------------------------------------------------------------------------------------


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_the_code_confirms_where_the_reader_signed_up(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)

    done = reader.types(reader.param("code"), number)

    assert isinstance(done, Confirmed)
    assert (reader.state(news), how_confirmed(runtime)) == (ACTIVE, [Mechanism.CODE])


@pytest.mark.parametrize("form", ["{0} {1}", "{0}-{1}", " {0}\u00a0{1} ", "{0}{1}\n"])
def test_a_code_may_be_typed_in_pieces(runtime: Runtime, form: str) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)
    code = reader.param("code")

    assert isinstance(reader.types(form.format(code[:3], code[3:]), number), Confirmed)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "12345６"])
def test_what_is_no_code_is_wrong(runtime: Runtime, code: str) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)

    assert reader.types(code, number) == WrongCode()


def test_five_wrong_tries_spend_the_code_but_not_the_link(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)
    code = reader.param("code")

    wrong_tries = [reader.types(wrong(code), number, client=fresh_client()) for _ in range(MOST_TRIES)]
    right_but_late = reader.types(code, number)

    assert {*wrong_tries, right_but_late} == {WrongCode()}
    assert isinstance(reader.confirms(), Confirmed)


def test_the_fifth_try_may_still_be_the_right_one(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)
    code = reader.param("code")
    for _ in range(MOST_TRIES - 1):
        reader.types(wrong(code), number)

    assert isinstance(reader.types(code, number), Confirmed)


def test_a_client_that_guesses_everywhere_runs_out_of_tries(runtime: Runtime) -> None:
    news, guesser = newsletter(runtime), fresh_client()
    reader = Reader(runtime)
    number = reader.signs_up(news)

    for unknown in range(1000, 1030):
        reader.types("123456", unknown, client=guesser)

    with pytest.raises(TooManyPosts):
        reader.types(reader.param("code"), number, client=guesser)
    assert reader.state(news) is SubscriptionState.PENDING
    assert isinstance(reader.types(reader.param("code"), number), Confirmed)


def test_an_unknown_request_an_active_reader_and_a_wrong_code_get_one_answer(runtime: Runtime) -> None:
    news, active, fresh = newsletter(runtime), Reader(runtime), Reader(runtime, email="new@readers.example")
    active.joins(news)
    told = active.signs_up(news)
    number = fresh.signs_up(news)

    answers = {
        active.types("123456", told),
        active.types("123456", 0),
        active.types("123456", 4711),
        active.types("123456"),
        fresh.types(wrong(fresh.param("code")), number),
    }

    assert answers == {WrongCode()}


def test_a_code_confirms_only_what_was_asked_for_where_it_is_typed(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)
    Reader(runtime, client=fresh_client()).signs_up(sport)

    reader.types(reader.param("code"), number)

    assert (reader.state(news), reader.state(sport)) == (ACTIVE, PENDING)
    assert isinstance(reader.looks(), Offer)


def test_one_browser_s_two_requests_are_confirmed_by_one_code(runtime: Runtime) -> None:
    news, sport, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    numbers = reader.signs_up(news), reader.signs_up(sport)

    reader.types(reader.param("code"), *numbers)

    assert reader.state(news) is reader.state(sport) is ACTIVE


def test_a_code_typed_after_the_link_was_pressed_is_no_error(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)
    reader.confirms()

    assert isinstance(reader.types(reader.param("code"), number), AlreadyConfirmed)


def test_an_old_code_is_as_wrong_as_any_other(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news)
    advance(runtime, WEEK)

    assert reader.types(reader.param("code"), number) == WrongCode()


def test_somebody_else_s_code_confirms_nothing(runtime: Runtime) -> None:
    news, reader, other = newsletter(runtime), Reader(runtime), Reader(runtime, email="other@readers.example")
    number = reader.signs_up(news)
    other.signs_up(news)
    code = other.param("code")

    outcome = reader.types(code, number)

    assert outcome == WrongCode() or code == reader.param("code")


def test_a_code_is_not_kept_in_the_clear(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)

    with runtime.db.reading() as session:
        kept = session.scalars(select(Confirmation.code_hash)).one()
    assert len(kept) == 64
    assert reader.param("code") not in kept

"""Many doors at once: two writers meet on one row, and nobody waits in a ring."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import func, select

from newsletters.kernel.tokens import Purpose
from newsletters.runtime import Runtime
from newsletters.subscribers import unsubscribe
from newsletters.subscribers.confirm import AlreadyConfirmed, Confirmed
from newsletters.subscribers.consent import Mechanism
from newsletters.subscribers.models import ConsentEvent, ConsentRecord, Subscriber, SubscriptionState
from newsletters.subscribers.suppression import suppress
from newsletters.subscribers.suppression_models import Suppression, SuppressionReason
from tests.at_once import all_at_once
from tests.mailbox import Reader, advance, fresh_client, newsletter

AT_ONCE = 6
STATE_AFTER = {
    ConsentEvent.REQUESTED: SubscriptionState.PENDING,
    ConsentEvent.CONFIRMED: SubscriptionState.ACTIVE,
    ConsentEvent.WITHDRAWN: SubscriptionState.UNSUBSCRIBED,
}


def test_sign_ups_for_one_address_at_once_are_one_reader_and_one_mail(runtime: Runtime) -> None:
    news = newsletter(runtime)
    doors = [Reader(runtime, client=fresh_client()) for _ in range(AT_ONCE)]

    numbers = all_at_once([lambda door=door: door.signs_up(news) for door in doors])  # type: ignore[misc]

    assert len(set(numbers)) == AT_ONCE
    assert doors[0].kinds() == ["confirm"]
    with runtime.db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Subscriber)) == 1


def test_presses_of_one_button_at_once_confirm_once(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)

    outcomes = all_at_once([reader.confirms] * AT_ONCE)

    kinds = [type(outcome) for outcome in outcomes]
    assert (kinds.count(Confirmed), kinds.count(AlreadyConfirmed)) == (1, AT_ONCE - 1)


def test_two_links_of_one_reader_pressed_at_once_wait_in_no_ring(runtime: Runtime) -> None:
    first, second, reader = newsletter(runtime), newsletter(runtime), Reader(runtime)
    reader.signs_up(first)
    links = [reader.token()]
    advance(runtime, timedelta(days=2))
    reader.signs_up(second)
    links.append(reader.token())

    outcomes = all_at_once([lambda link=link: reader.confirms(link) for link in links * 3])  # type: ignore[misc]

    assert len(set(links)) == 2
    assert [type(outcome) for outcome in outcomes].count(Confirmed) == 1
    assert reader.state(first) is reader.state(second) is SubscriptionState.ACTIVE


def test_signing_up_confirming_and_leaving_at_once_end_where_the_evidence_says(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.signs_up(news)
    link = reader.token()
    leaving = runtime.signer.sign(Purpose.UNSUBSCRIBE, reader.subscription(news).id, 1)

    def leaves() -> object:
        with runtime.db.transaction() as session:
            return unsubscribe.leave(
                session, leaving, means=runtime, mechanism=Mechanism.ONE_CLICK, now=reader.now
            )

    again = Reader(runtime, client=fresh_client())
    all_at_once([lambda: reader.confirms(link), lambda: again.signs_up(news), leaves] * 2)

    with runtime.db.reading() as session:
        last = session.scalars(select(ConsentRecord.event).order_by(ConsentRecord.id.desc()).limit(1)).one()
    assert reader.state(news) is STATE_AFTER[last]
    assert reader.kinds().count("confirm") <= 2


def test_one_address_suppressed_at_once_is_one_entry_with_the_strongest_reason(runtime: Runtime) -> None:
    def suppresses(reason: SuppressionReason) -> Callable[[], None]:
        def act() -> None:
            with runtime.db.transaction() as session:
                suppress(session, address_hash="a" * 64, reason=reason, now=runtime.clock.now())

        return act

    all_at_once([suppresses(reason) for reason in SuppressionReason])

    with runtime.db.reading() as session:
        assert session.scalars(select(Suppression.reason)).one() is SuppressionReason.COMPLAINT

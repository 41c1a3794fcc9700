"""The task that takes posted forms: each once, none lost, none in another's way."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select

from newsletters.mail.models import OutboxMail
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import intake
from newsletters.subscribers.models import FormKind, PostedForm, SignupRequest, Subscriber
from newsletters.tasks.forms import take_forms
from newsletters.tasks.register import register
from tests.conftest import NOW
from tests.factories import make_subscriber
from tests.mailbox import advance, fresh_client, newsletter


@pytest.fixture
def news(runtime: Runtime) -> Newsletter:
    register(runtime)
    return newsletter(runtime)


def post(runtime: Runtime, news: Newsletter, *emails: str) -> list[int]:
    """Post one form for each address and return their numbers."""
    with runtime.db.transaction() as session:
        return [
            intake.note_signup(
                session,
                intake.Signup(email, [news.id], fresh_client()),
                means=runtime,
                now=runtime.clock.now(),
            ).request_id
            for email in emails
        ]


def count(runtime: Runtime, table: type) -> int:
    with runtime.db.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def spoil(runtime: Runtime, number: int) -> None:
    """Make a form one that no worker can take."""
    with runtime.db.transaction() as session:
        session.get_one(PostedForm, number).said = {"email": "spoilt@readers.example"}


def take_number(runtime: Runtime, number: int) -> None:
    """Make a form one that the database refuses: a request has its number already."""
    with runtime.db.transaction() as session:
        somebody = make_subscriber(session, "somebody@readers.example")
        session.add(SignupRequest(id=number, subscriber_id=somebody.id, created_at=NOW))


def test_every_form_is_taken_once_and_keeps_its_number(runtime: Runtime, news: Newsletter) -> None:
    numbers = post(runtime, news, *(f"reader{number}@readers.example" for number in range(25)))

    take_forms(runtime)
    take_forms(runtime)

    with runtime.db.reading() as session:
        assert session.scalars(select(SignupRequest.id).order_by(SignupRequest.id)).all() == numbers
    assert count(runtime, PostedForm) == 0
    assert count(runtime, OutboxMail) == 25


def test_taking_forms_asks_for_the_mail_to_be_sent(runtime: Runtime, news: Newsletter) -> None:
    post(runtime, news, "reader@readers.example")

    take_forms(runtime)

    waiting = runtime.engine.huey.dequeue()
    assert waiting is not None
    assert waiting.name == "send_outbox"


def test_nothing_posted_asks_for_nothing(runtime: Runtime, news: Newsletter) -> None:
    take_forms(runtime)

    assert runtime.engine.huey.dequeue() is None


@pytest.mark.parametrize("harm", [spoil, take_number])
def test_a_form_that_cannot_be_taken_waits_and_holds_up_no_other(
    runtime: Runtime, news: Newsletter, harm: Callable[[Runtime, int], None]
) -> None:
    first, _ = post(runtime, news, "a@readers.example", "b@readers.example")
    harm(runtime, first)

    take_forms(runtime)

    with runtime.db.reading() as session:
        (left,) = session.scalars(select(PostedForm)).all()
        mailed = session.scalars(select(OutboxMail.recipient)).all()
    assert (left.id, left.tries, left.due_at) == (first, 1, runtime.clock.now() + timedelta(minutes=1))
    assert mailed == ["b@readers.example"]


def test_a_form_that_never_can_be_taken_is_given_up(runtime: Runtime, news: Newsletter) -> None:
    (number,) = post(runtime, news, "a@readers.example")
    spoil(runtime, number)

    for _ in range(intake.MOST_TRIES):
        take_forms(runtime)
        advance(runtime, timedelta(hours=1))

    assert count(runtime, PostedForm) == 0


def test_workers_at_once_take_each_form_once(runtime: Runtime, news: Newsletter) -> None:
    emails = [f"reader{number % 20}@readers.example" for number in range(60)]
    for start in range(0, len(emails), 10):
        post(runtime, news, *emails[start : start + 10])
    together = Barrier(3)

    def work() -> None:
        together.wait()
        take_forms(runtime)

    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert count(runtime, PostedForm) == 0
    assert count(runtime, Subscriber) == 20
    assert count(runtime, SignupRequest) == 60
    assert count(runtime, OutboxMail) == 20


@pytest.mark.parametrize("kind", [FormKind.AGAIN, FormKind.WAY_IN])
def test_an_address_nobody_knows_sets_nothing_off(runtime: Runtime, news: Newsletter, kind: FormKind) -> None:
    with runtime.db.transaction() as session:
        intake.note_address(
            session,
            kind,
            "nobody@readers.example",
            client=fresh_client(),
            means=runtime,
            now=runtime.clock.now(),
        )

    take_forms(runtime)

    assert (count(runtime, PostedForm), count(runtime, OutboxMail), count(runtime, Subscriber)) == (0, 0, 0)

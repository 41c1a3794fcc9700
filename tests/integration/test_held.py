"""Sign-ups that an editor decides about, and what depends on the domain of an address alone."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.accounts.models import AuditEntry
from newsletters.kernel.db import Database
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers import domains, held, intake
from newsletters.subscribers.models import AddressDomain, SignupRequest
from newsletters.subscribers.signals import Signal
from newsletters.tasks.forms import take_forms
from tests.desk import csrf_token, signed_in
from tests.factories import make_newsletter
from tests.mailbox import Reader, fresh_client, newsletter
from tests.readers import embed_sign_up, mails, sign_up

SLUG = "explaining-ukraine"


def waiting(runtime: Runtime) -> list[held.Held]:
    with runtime.db.reading() as session:
        return list(held.held(session))


def test_the_mail_to_an_office_waits_for_an_editor(runtime: Runtime) -> None:
    news, office = newsletter(runtime), Reader(runtime, email="info@paper.example")

    office.signs_up(news)

    assert office.mails() == []
    (found,) = waiting(runtime)
    assert (found.subscriber.email, found.why.value) == ("info@paper.example", "held_role")
    assert [each.id for each in found.newsletters] == [news.id]


def test_a_newsletter_may_take_offices_like_people(runtime: Runtime) -> None:
    news, office = (
        newsletter(runtime, holds_role_addresses=False),
        Reader(runtime, email="info@paper.example"),
    )

    office.signs_up(news)

    assert office.kinds() == ["confirm"]
    assert waiting(runtime) == []


def test_what_is_risky_waits_with_its_reasons(runtime: Runtime) -> None:
    news, machine = newsletter(runtime), Reader(runtime)

    machine.signs_up(news, trap="x", name="Win now at casino.top", filled_in_seconds=40.0)

    (found,) = waiting(runtime)
    assert machine.mails() == []
    assert set(found.signals) == {Signal.TRAP, Signal.LINK, Signal.CROWD}
    assert found.risk == 8


def test_letting_through_sends_the_mail_once(runtime: Runtime) -> None:
    news, office = newsletter(runtime), Reader(runtime, email="press@paper.example")
    number = office.signs_up(news)

    with runtime.db.transaction() as session:
        said = [held.let_through(session, number, means=runtime, now=runtime.clock.now()) for _ in range(2)]
    office.confirms()

    assert said == [True, False]
    assert office.kinds() == ["confirm"]
    assert office.state(news).value == "active"
    assert waiting(runtime) == []


def test_an_office_that_confirmed_by_itself_is_let_through_without_a_mail(runtime: Runtime) -> None:
    news, office = (
        newsletter(runtime, holds_role_addresses=False),
        Reader(runtime, email="press@paper.example"),
    )
    number = office.signs_up(news)
    with runtime.db.transaction() as session:
        session.get_one(SignupRequest, number).held = "held_role"
    office.confirms()

    with runtime.db.transaction() as session:
        said = held.let_through(session, number, means=runtime, now=runtime.clock.now())

    assert (said, office.kinds()) == (False, ["confirm"])


# --- at the desk ----------------------------------------------------------------------------------


@pytest.fixture
def desk(client: FlaskClient, db: Database) -> FlaskClient:
    signed_in(client, db)
    return client


def test_the_desk_lists_what_waits_and_sends_it_on(desk: FlaskClient, runtime: Runtime, db: Database) -> None:
    office = Reader(runtime, email="press@paper.example")
    number = office.signs_up(newsletter(runtime, name="Culture Weekend"))
    token = csrf_token(desk, "/desk/readers/held")

    today = desk.get("/desk").get_data(as_text=True)
    page = desk.get("/desk/readers/held").get_data(as_text=True)
    answer = desk.post(
        f"/desk/readers/held/{number}/let-through", data={"csrf_token": token}, follow_redirects=True
    )

    assert "1 held sign-up" in today
    assert "press@paper.example" in page
    assert "An office, not a person" in page
    assert "Culture Weekend" in page
    assert "The confirmation mail is on its way" in answer.get_data(as_text=True)
    assert "Nothing is held" in answer.get_data(as_text=True)
    assert [mail.recipient for mail in mails(db, "confirm")] == ["press@paper.example"]
    with db.reading() as session:
        assert "signup.let_through" in session.scalars(select(AuditEntry.action)).all()


def test_leaving_takes_it_off_the_list_without_a_mail(
    desk: FlaskClient, runtime: Runtime, db: Database
) -> None:
    number = Reader(runtime, email="press@paper.example").signs_up(newsletter(runtime))
    token = csrf_token(desk, "/desk/readers/held")

    desk.post(f"/desk/readers/held/{number}/leave", data={"csrf_token": token})

    assert waiting(runtime) == []
    assert mails(db, "confirm") == []


# --- throw-away addresses and dead domains --------------------------------------------------------


def test_a_newsletter_may_refuse_throwaway_addresses_in_words(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug=SLUG, name="Explaining Ukraine", takes_throwaways=False)

    answer = sign_up(client, email="x@mailinator.com")

    assert answer.status_code == 422
    assert "Explaining Ukraine does not take throw-away addresses" in answer.get_data(as_text=True)
    assert mails(db, "confirm") == []


def test_otherwise_a_throwaway_address_is_an_address(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug=SLUG)

    assert sign_up(client, email="x@mailinator.com").status_code == 303


@pytest.fixture
def news(app: Flask, runtime: Runtime) -> Newsletter:
    """A newsletter of an application whose engine knows its tasks."""
    assert app
    return newsletter(runtime, slug=SLUG)


def post(runtime: Runtime, news: Newsletter, email: str) -> None:
    with runtime.db.transaction() as session:
        intake.note_signup(
            session,
            intake.Signup(email, [news.id], fresh_client()),
            means=runtime,
            now=runtime.clock.now(),
        )


def answering(said: dict[str, bool | None], asked: list[str]) -> Callable[[str], bool | None]:
    """DNS as a test has it; ``asked`` collects the questions."""

    def ask(domain: str) -> bool | None:
        asked.append(domain)
        return said[domain]

    return ask


def test_dns_is_asked_once_for_a_domain_and_never_for_a_large_one(runtime: Runtime, news: Newsletter) -> None:
    asked: list[str] = []
    ask = answering({"paper.com.ua": True}, asked)
    for email in ("a@paper.com.ua", "b@paper.com.ua", "c@gmail.com", "d@readers.example"):
        post(runtime, news, email)

    take_forms(runtime, ask=ask)
    post(runtime, news, "e@paper.com.ua")
    take_forms(runtime, ask=ask)

    assert asked == ["paper.com.ua"]
    assert len(mails(runtime.db, "confirm")) == 5


def test_no_mail_goes_to_a_domain_that_takes_none(runtime: Runtime, news: Newsletter) -> None:
    post(runtime, news, "a@gmaul.com.ua")

    take_forms(runtime, ask=answering({"gmaul.com.ua": False}, []))

    assert mails(runtime.db, "confirm") == []
    with runtime.db.reading() as session:
        assert session.scalars(select(SignupRequest.signals)).one() == "held_no_server"


def test_where_dns_says_nothing_the_address_is_taken(runtime: Runtime, news: Newsletter) -> None:
    post(runtime, news, "a@paper.com.ua")

    take_forms(runtime, ask=answering({"paper.com.ua": None}, []))

    assert [mail.recipient for mail in mails(runtime.db, "confirm")] == ["a@paper.com.ua"]


def test_the_next_reader_with_a_dead_domain_is_told_at_once(
    client: FlaskClient, runtime: Runtime, news: Newsletter
) -> None:
    with runtime.db.transaction() as session:
        domains.remember(session, {"gmaul.com.ua": False}, now=runtime.clock.now())

    page = sign_up(client, email="olena@gmaul.com.ua")
    data = embed_sign_up(client, email="olena@gmaul.com.ua", json=True)
    sign_up(client, email="olena@gmail.com")
    token = csrf_token(client, "/subscribed")
    more = {"csrf_token": token, "email": "olena@gmaul.com.ua", "newsletter": news.slug}
    again = client.post("/subscribed", data=more)

    assert (page.status_code, data.status_code, again.status_code) == (422, 422, 422)
    assert "No mail server answers for gmaul.com.ua" in page.get_data(as_text=True)
    assert "No mail server answers for gmaul.com.ua" in again.get_data(as_text=True)
    assert data.json is not None
    assert data.json["errors"] == {"email": ["No mail server answers for gmaul.com.ua. Is it spelled right?"]}


def test_what_dns_said_is_forgotten_in_time(runtime: Runtime, news: Newsletter) -> None:
    now = runtime.clock.now()
    with runtime.db.transaction() as session:
        domains.remember(session, {"a.com.ua": True, "b.com.ua": False, "c.com.ua": None}, now=now)

    with runtime.db.reading() as session:
        names = ["a.com.ua", "b.com.ua", "c.com.ua"]
        soon = domains.unknown(session, names, now=now + domains.UNANSWERED_FOR)
        later = domains.unknown(session, names, now=now + domains.DEAD_FOR)
        latest = domains.unknown(session, names, now=now + domains.KNOWN_FOR)
    with runtime.db.transaction() as session:
        domains.forget_old(session, now=now + 2 * domains.KNOWN_FOR)
        left = session.scalars(select(AddressDomain.domain)).all()

    assert (soon, later, latest, left) == (["c.com.ua"], ["b.com.ua", "c.com.ua"], names, [])

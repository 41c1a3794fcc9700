"""The policy at the door of every public form, and the proofs that get a post in."""

import base64
import json
from datetime import timedelta
from html import unescape
from typing import Any

import altcha
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from newsletters.accounts.models import Role
from newsletters.kernel.db import Database
from newsletters.runtime import Runtime
from newsletters.subscribers import breaker, guard, proofs
from newsletters.subscribers.errors import ProofWanted, TooManyPosts
from newsletters.subscribers.guard import CLIENT, DOMAIN, FORM, NETWORK, Post
from newsletters.subscribers.proofs import Proof
from tests.factories import make_editor, make_newsletter
from tests.mailbox import advance, fresh_client
from tests.readers import EMAIL, embed_sign_up, mails, sign_up

CHEAP = 1  # round of PBKDF2: tests solve what readers' browsers do


@pytest.fixture(autouse=True)
def cheap_challenges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "ROUNDS", CHEAP)
    monkeypatch.setattr(proofs, "ROUNDS_UNDER_ATTACK", CHEAP)


def post(runtime: Runtime, most_per_minute: int = guard.MOST_PER_MINUTE, **fields: Any) -> None:
    with runtime.db.transaction() as session:
        guard.admit(
            session,
            Post(**{"client": fresh_client(), **fields}),
            means=runtime,
            now=runtime.clock.now(),
            most_per_minute=most_per_minute,
        )


def redeem(runtime: Runtime, proof: Proof, client: str = "192.0.2.1") -> bool:
    with runtime.db.transaction() as session:
        return proofs.redeem(session, proof, client=client, means=runtime, now=runtime.clock.now())


def asked(runtime: Runtime) -> proofs.Asked:
    return proofs.ask(runtime, is_attack=False, now=runtime.clock.now())


def answer_to(challenge: dict[str, Any]) -> str:
    """What a reader's browser finds."""
    read = altcha.Challenge.from_dict(challenge)
    solution = altcha.solve_challenge(read)
    assert solution is not None
    return altcha.Payload(read, solution).to_base64()


# --- the policy -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bound", "same"),
    [
        (CLIENT, {"client": "192.0.2.9"}),
        (FORM, {"form": "article footer"}),
        (DOMAIN, {"domain": "small.example"}),
    ],
    ids=["client", "form", "domain"],
)
def test_beyond_the_first_bound_only_a_proof_gets_in(
    runtime: Runtime, bound: guard.Bound, same: dict[str, str]
) -> None:
    for _ in range(bound.easy):
        post(runtime, most_per_minute=10_000, **same)

    with pytest.raises(ProofWanted):
        post(runtime, most_per_minute=10_000, **same)
    post(runtime, most_per_minute=10_000, **same, is_proven=True)


def test_a_network_is_one_crowd(runtime: Runtime) -> None:
    for number in range(NETWORK.easy):
        post(runtime, client=f"198.51.100.{number}")

    with pytest.raises(ProofWanted):
        post(runtime, client="198.51.100.200")


def test_beyond_the_second_bound_nobody_gets_in(runtime: Runtime) -> None:
    for _ in range(CLIENT.most):
        post(runtime, client="192.0.2.9", is_proven=True)

    with pytest.raises(TooManyPosts) as refused:
        post(runtime, client="192.0.2.9", is_proven=True)

    assert refused.value.until == runtime.clock.now() + timedelta(hours=1)


def test_a_large_provider_is_no_odd_domain(runtime: Runtime) -> None:
    for _ in range(DOMAIN.easy + 1):
        post(runtime, domain="gmail.com", most_per_minute=10_000)


def test_the_breaker_asks_everybody_and_lets_go_with_the_minute(runtime: Runtime) -> None:
    for _ in range(20):
        post(runtime, most_per_minute=100)

    with pytest.raises(ProofWanted) as wanted:
        post(runtime, most_per_minute=100)
    post(runtime, most_per_minute=100, is_proven=True)
    advance(runtime, timedelta(minutes=1))
    post(runtime, most_per_minute=100)

    assert wanted.value.is_attack


def test_one_crowded_client_is_no_attack(runtime: Runtime) -> None:
    for _ in range(CLIENT.easy):
        post(runtime, client="192.0.2.9")

    with pytest.raises(ProofWanted) as wanted:
        post(runtime, client="192.0.2.9")

    assert not wanted.value.is_attack


def test_a_refused_post_leaves_no_count_behind(runtime: Runtime) -> None:
    for _ in range(CLIENT.easy):
        post(runtime, client="192.0.2.9")
    for _ in range(CLIENT.most):
        with pytest.raises(ProofWanted):
            post(runtime, client="192.0.2.9")

    post(runtime, client="192.0.2.9", is_proven=True)


# --- proofs ---------------------------------------------------------------------------------------


def test_an_answer_gets_in_once(runtime: Runtime) -> None:
    answer = answer_to(asked(runtime).challenge)

    assert [redeem(runtime, Proof(answer)) for _ in range(2)] == [True, False]


def test_an_answer_is_spent_however_it_is_written(runtime: Runtime) -> None:
    answer = answer_to(asked(runtime).challenge)
    read = json.loads(base64.b64decode(answer))
    rewritten = base64.b64encode(json.dumps(read, indent=1).encode()).decode()
    redeem(runtime, Proof(answer))

    assert not redeem(runtime, Proof(rewritten))


def test_an_answer_past_its_time_does_not_count(runtime: Runtime) -> None:
    answer = answer_to(asked(runtime).challenge)
    advance(runtime, proofs.GOOD_FOR + timedelta(seconds=1))

    assert not redeem(runtime, Proof(answer))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cost", 2),
        ("keyPrefix", ""),
        ("nonce", "00" * 16),
        ("salt", "00" * 16),
        ("data", {"until": 4102444800}),
        ("algorithm", "SHA-256"),
    ],
)
def test_a_challenge_that_was_changed_does_not_count(runtime: Runtime, name: str, value: object) -> None:
    challenge = asked(runtime).challenge
    challenge["parameters"][name] = value

    assert not redeem(runtime, Proof(answer_to(challenge)))


def test_an_answer_spliced_from_two_does_not_count(runtime: Runtime) -> None:
    first, second = (json.loads(base64.b64decode(answer_to(asked(runtime).challenge))) for _ in range(2))
    spliced = {"challenge": first["challenge"], "solution": second["solution"]}

    assert not redeem(runtime, Proof(base64.b64encode(json.dumps(spliced).encode()).decode()))


def test_a_challenge_of_another_newsroom_does_not_count(runtime: Runtime) -> None:
    foreign = altcha.create_challenge(
        proofs.ALGORITHM, CHEAP, data={"until": 4102444800}, hmac_secret="somebody else's secret"
    )

    assert not redeem(runtime, Proof(answer_to(foreign.to_dict())))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    said=st.one_of(
        st.text(max_size=60),
        json_values.map(lambda value: base64.b64encode(json.dumps(value).encode()).decode()),
        json_values.map(
            lambda value: base64.b64encode(
                json.dumps({"challenge": {"parameters": {"data": {"until": value}}}}).encode()
            ).decode()
        ),
    )
)
def test_no_answer_that_is_none_gets_in_or_breaks(runtime: Runtime, said: str) -> None:
    assert not redeem(runtime, Proof(said, said))


def test_a_ticket_is_good_after_its_wait_and_once(runtime: Runtime) -> None:
    ticket = asked(runtime).ticket
    early = redeem(runtime, Proof(ticket=ticket))
    advance(runtime, proofs.WAIT)

    assert (early, redeem(runtime, Proof(ticket=ticket)), redeem(runtime, Proof(ticket=ticket))) == (
        False,
        True,
        False,
    )


def test_a_ticket_past_its_time_is_none(runtime: Runtime) -> None:
    ticket = asked(runtime).ticket
    advance(runtime, proofs.GOOD_FOR + timedelta(minutes=6))

    assert not redeem(runtime, Proof(ticket=ticket))


def test_waiting_is_no_way_round_for_a_network(runtime: Runtime) -> None:
    tickets = [asked(runtime).ticket for _ in range(7)]
    advance(runtime, proofs.WAIT)

    got_in = [redeem(runtime, Proof(ticket=ticket), client="203.0.113.5") for ticket in tickets]

    assert got_in == [True] * 5 + [False] * 2


def test_waiting_is_no_way_round_for_a_crowd(runtime: Runtime) -> None:
    tickets = [asked(runtime).ticket for _ in range(33)]
    advance(runtime, proofs.WAIT)

    got_in = sum(redeem(runtime, Proof(ticket=ticket), client=fresh_client()) for ticket in tickets)

    assert got_in == 30


# --- over HTTP ------------------------------------------------------------------------------------


@pytest.fixture
def crowded(client: FlaskClient, db: Database, runtime: Runtime) -> FlaskClient:
    """The test's client has posted as often as it may without a proof."""
    with db.transaction() as session:
        make_newsletter(session, slug="explaining-ukraine")
    for _ in range(CLIENT.easy):
        post(runtime, client="127.0.0.1")
    return client


def challenge_of(answer: TestResponse) -> dict[str, Any]:
    """The challenge that a page carries."""
    marked = answer.get_data(as_text=True).split('data-challenge="')[1].split('"')[0]
    return dict(json.loads(unescape(marked)))


def test_our_own_form_goes_on_with_everything_that_was_in_it(crowded: FlaskClient, db: Database) -> None:
    moment = sign_up(crowded, homepage="")

    done = sign_up(crowded, altcha=answer_to(challenge_of(moment)))

    assert (moment.status_code, moment.headers["Retry-After"]) == (429, "20")
    assert f'name="email" value="{EMAIL}"' in moment.get_data(as_text=True)
    assert 'name="newsletter" value="explaining-ukraine"' in moment.get_data(as_text=True)
    assert 'name="csrf_token"' in moment.get_data(as_text=True)
    assert done.status_code == 303
    assert [mail.recipient for mail in mails(db, "confirm")] == [EMAIL]


def test_nothing_is_written_before_the_proof(crowded: FlaskClient, db: Database) -> None:
    sign_up(crowded)
    embed_sign_up(crowded, json=True)

    assert mails(db, "confirm") == []


def test_an_embedded_form_gets_the_challenge_as_data(crowded: FlaskClient, db: Database) -> None:
    asked_for = embed_sign_up(crowded, json=True)
    assert asked_for.json is not None

    done = embed_sign_up(crowded, json=True, altcha=answer_to(asked_for.json["moment"]["challenge"]))

    assert asked_for.status_code == 429
    assert asked_for.json["moment"]["script"] == "http://localhost/embed/challenge.js"
    assert done.status_code == 200
    assert len(mails(db, "confirm")) == 1


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/embed/again", {"email": EMAIL}),
        ("/embed/subscribe", {"email": EMAIL, "newsletter": "explaining-ukraine"}),
    ],
)
def test_every_embedded_way_in_asks_alike(crowded: FlaskClient, path: str, fields: dict[str, str]) -> None:
    page = crowded.post(path, data=fields)

    assert page.status_code == 429
    assert "One moment, please" in page.get_data(as_text=True)


def test_without_a_script_the_wait_gets_a_reader_in(
    crowded: FlaskClient, runtime: Runtime, db: Database
) -> None:
    page = sign_up(crowded).get_data(as_text=True)
    ticket = page.split('name="ticket" value="')[1].split('"')[0]

    early = sign_up(crowded, ticket=ticket)
    advance(runtime, proofs.WAIT)
    done = sign_up(crowded, ticket=ticket)

    assert early.status_code == 429
    assert "That was a little early." in early.get_data(as_text=True)
    assert f'value="{ticket}"' in early.get_data(as_text=True)
    assert done.status_code == 303


def test_owners_hear_once_that_a_crowd_came_and_once_that_it_has_gone(runtime: Runtime, db: Database) -> None:
    with db.transaction() as session:
        owner = make_editor(session, role=Role.OWNER)
        make_editor(session, role=Role.EDITOR)

    def trip() -> bool:
        with db.transaction() as session:
            return breaker.trip(session, bound=120, now=runtime.clock.now())

    def close() -> bool:
        with db.transaction() as session:
            return breaker.close_if_quiet(session, now=runtime.clock.now())

    began = [trip() for _ in range(3)]
    advance(runtime, breaker.QUIET - timedelta(minutes=1))
    too_soon = close()
    came_back = trip()
    with db.reading() as session:
        is_tripped = breaker.is_tripped(session)
    advance(runtime, breaker.QUIET)
    closed = [close(), close()]

    assert (began, came_back, is_tripped) == ([True, False, False], False, True)
    assert (too_soon, closed) == (False, [True, False])
    told = mails(db, "signup_alert")
    assert [(mail.recipient, mail.params) for mail in told] == [
        (owner.email, {"is_over": False, "bound": 120, "minutes": 0}),
        (owner.email, {"is_over": True, "bound": 0, "minutes": 29}),
    ]
    with db.reading() as session:
        assert not breaker.is_tripped(session)


def test_a_crowd_at_a_form_is_told_to_the_owner(client: FlaskClient, runtime: Runtime, db: Database) -> None:
    most = runtime.config.signups_per_minute
    with db.transaction() as session:
        make_newsletter(session, slug="explaining-ukraine")
        make_editor(session, role=Role.OWNER)
        for _ in range(guard.easy_per_minute(most)):
            crowd = Post(fresh_client())
            guard.admit(session, crowd, means=runtime, now=runtime.clock.now(), most_per_minute=most)

    answers = [sign_up(client).status_code for _ in range(2)]

    assert answers == [429, 429]
    assert len(mails(db, "signup_alert")) == 1

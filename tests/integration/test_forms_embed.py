"""Forms on other people's pages: no cookie, no CSRF, one neutral answer, as a page and as JSON."""

import gzip
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from newsletters.kernel.db import Database
from newsletters.runtime import Runtime
from newsletters.subscribers.models import ConsentRecord, SignupRequest, SubscriptionState
from newsletters.web.forms import offers
from tests.conftest import NOW
from tests.factories import make_newsletter, make_subscriber, make_subscription
from tests.readers import EMAIL, embed_sign_up, mails, post_form, states, use_up_posts
from tests.statements import statements_of

PENDING, ACTIVE = SubscriptionState.PENDING, SubscriptionState.ACTIVE
SLOWER = "Too much is coming in just now, so this was not taken. Please try again in 60 minutes."
ARTICLE = "https://newsroom.example/2026/the-night-shift"


@pytest.fixture(autouse=True)
def newsroom(db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="explaining-ukraine")
        make_newsletter(session, slug="ukrainska-nedilia", name="Українська неділя", language="uk")


def test_the_browsers_own_post_lands_on_the_answer_page(client: FlaskClient, db: Database) -> None:
    answer = embed_sign_up(client, page=ARTICLE)
    page = answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert "Successfully subscribed" in page
    assert "Thank you for signing up for this newsletter. We've sent you a confirmation email." in page
    assert EMAIL in page
    assert f'href="{ARTICLE}"' in page
    assert "Set-Cookie" not in answer.headers
    assert states(db) == [PENDING]
    assert len(mails(db, "confirm")) == 1


def test_the_script_gets_the_same_words_as_data(client: FlaskClient) -> None:
    answer = embed_sign_up(client, json=True)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert answer.json is not None
    assert answer.json["title"] == "Successfully subscribed"
    assert answer.json["text"].startswith("Thank you for signing up for this newsletter.")
    assert answer.json["sent_to"] == f"Explaining Ukraine · {EMAIL}"


def test_what_is_no_address_is_said_in_both_answers(client: FlaskClient, db: Database) -> None:
    page = embed_sign_up(client, email="olena at home", page=ARTICLE)
    data = embed_sign_up(client, email="olena at home", json=True)

    assert page.status_code == data.status_code == 422
    assert "Please, enter correct email address" in page.get_data(as_text=True)
    assert 'value="olena at home"' in page.get_data(as_text=True)
    assert 'name="newsletter" value="explaining-ukraine"' in page.get_data(as_text=True)
    assert "Send me Explaining Ukraine by e-mail." in page.get_data(as_text=True)
    assert f'href="{ARTICLE}"' in page.get_data(as_text=True)
    assert data.json == {"errors": {"email": ["Please, enter correct email address"]}, "language": "en"}
    assert states(db) == []


@pytest.mark.parametrize("slug", ["", "no-such-newsletter", "1", "explaining-ukraine' OR 1=1"])
def test_an_unknown_newsletter_is_refused(client: FlaskClient, db: Database, slug: str) -> None:
    page = embed_sign_up(client, newsletters=[slug])
    data = embed_sign_up(client, newsletters=[slug], json=True)

    assert page.status_code == data.status_code == 422
    assert states(db) == []


def test_a_retired_newsletter_takes_nobody(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="gone", retired_at=NOW)

    assert embed_sign_up(client, newsletters=["gone"], json=True).status_code == 422
    assert states(db) == []


@pytest.mark.parametrize("known", ["new", "pending", "active", "unsubscribed"])
def test_the_answer_tells_nothing_of_the_address(client: FlaskClient, db: Database, known: str) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session, slug="kyiv-dispatch", name="Kyiv Dispatch")
        if known != "new":
            reader = make_subscriber(session, EMAIL)
            make_subscription(session, newsletter, reader, state=SubscriptionState(known))

    stranger = embed_sign_up(client, email="ulyana@readers.example", newsletters=["kyiv-dispatch"], json=True)
    reader_answer = embed_sign_up(client, newsletters=["kyiv-dispatch"], json=True)

    assert stranger.json is not None
    assert reader_answer.json is not None
    assert reader_answer.status_code == stranger.status_code
    assert set(reader_answer.json) == set(stranger.json)
    assert _of_nobody(reader_answer.json, EMAIL) == _of_nobody(stranger.json, "ulyana@readers.example")


@pytest.mark.parametrize("path", ["/embed/subscribe", "/embed/again"])
def test_the_work_for_an_answer_is_the_same_for_every_address(
    client: FlaskClient, db: Database, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(offers, "KEPT_SECONDS", 3600.0)  # a slow machine must not read them anew in between
    known = ["pending", "active", "unsubscribed", "complained"]
    with db.transaction() as session:
        newsletter = make_newsletter(session, slug="kyiv-dispatch")
        for state in known:
            reader = make_subscriber(session, f"{state}@readers.example")
            make_subscription(session, newsletter, reader, state=SubscriptionState(state))

    work = [
        statements_of(db, partial(_post, client, path, f"{kind}@readers.example"))
        for kind in ("warm", "new", *known)
    ]

    assert work[1]
    assert work[1:] == [work[1]] * (1 + len(known))


def _post(client: FlaskClient, path: str, email: str) -> None:
    data = {"email": email, "newsletter": "kyiv-dispatch"}
    assert client.post(path, data=data, headers={"Accept": "application/json"}).status_code == 200


def test_each_form_answers_in_its_newsletters_language(client: FlaskClient) -> None:
    answer = embed_sign_up(client, newsletters=["ukrainska-nedilia"], json=True)
    page = embed_sign_up(client, newsletters=["ukrainska-nedilia"]).get_data(as_text=True)

    assert answer.json is not None
    assert answer.json["language"] == "uk"
    assert '<html lang="uk">' in page


@pytest.mark.parametrize(
    ("claimed", "headers", "shown"),
    [
        (ARTICLE, {"Origin": "https://newsroom.example"}, ARTICLE),
        (f"{ARTICLE}#signup", {"Origin": "https://newsroom.example"}, ARTICLE),
        ("https://evil.example/", {"Origin": "https://newsroom.example"}, "https://newsroom.example/"),
        ("//evil.example/", {"Origin": "https://newsroom.example"}, "https://newsroom.example/"),
        ("javascript:alert(1)", {"Origin": "https://newsroom.example"}, "https://newsroom.example/"),
        ("", {"Origin": "https://newsroom.example", "Referer": ARTICLE}, ARTICLE),
        (
            "https://newsroom.example@evil.example/",
            {"Origin": "https://newsroom.example"},
            "https://newsroom.example/",
        ),
        (ARTICLE, {"Origin": "null"}, ""),
        ("javascript:alert(1)", {"Origin": "javascript:"}, ""),
    ],
)
def test_the_way_back_leads_only_to_the_page_the_form_stood_on(
    client: FlaskClient, db: Database, claimed: str, headers: dict[str, str], shown: str
) -> None:
    page = embed_sign_up(client, page=claimed, headers=headers).get_data(as_text=True)

    with db.reading() as session:
        noted = session.scalars(select(SignupRequest.page)).one()
    links = [part.partition('"')[0] for part in page.split('class="back-link" href="')[1:]]
    assert links == ([shown] if shown else [])
    assert noted == shown


def test_the_evidence_names_the_form_and_the_article(client: FlaskClient, db: Database) -> None:
    embed_sign_up(client, form="article-1", page=ARTICLE)

    with db.reading() as session:
        record = session.scalars(select(ConsentRecord)).one()
    assert (record.form, record.page) == ("article-1", ARTICLE)


def test_signals_of_an_embedded_form(client: FlaskClient, db: Database) -> None:
    embed_sign_up(client, email="a@readers.example", took="0")
    embed_sign_up(client, email="b@readers.example", took="41")
    embed_sign_up(client, email="c@readers.example", took="9" * 400)
    embed_sign_up(client, email="d@readers.example", homepage="spam")

    with db.reading() as session:
        signals = session.scalars(select(SignupRequest.signals).order_by(SignupRequest.id)).all()
    assert signals == ["fast", "", "", "trap"]


def test_the_code_confirms_in_place(client: FlaskClient, db: Database) -> None:
    accepted = embed_sign_up(client, json=True).json
    code = mails(db, "confirm")[0].params["code"]

    wrong = _code(client, accepted, "000000" if code != "000000" else "111111")
    right = _code(client, accepted, code)

    assert wrong.status_code == 422
    assert "code" in wrong.json["errors"]
    assert right.status_code == 200
    assert right.json["title"] == "Your subscription is confirmed"
    assert "preferences" not in right.get_data(as_text=True)
    assert states(db) == [ACTIVE]


def test_the_code_confirms_on_the_answer_page_without_a_cookie(client: FlaskClient, db: Database) -> None:
    page = embed_sign_up(client).get_data(as_text=True)
    token = page.split('name="request" value="')[1].split('"')[0]
    data = {"request": token, "email": EMAIL, "newsletter": "explaining-ukraine"}

    wrong = client.post("/embed/code", data={**data, "code": "12"})
    right = client.post("/embed/code", data={**data, "code": mails(db, "confirm")[0].params["code"]})

    assert wrong.status_code == 422
    assert 'aria-invalid="true"' in wrong.get_data(as_text=True)
    assert right.status_code == 303
    assert right.location.startswith("/welcome/")
    assert states(db) == [ACTIVE]


def test_a_made_up_request_confirms_nothing(client: FlaskClient, db: Database) -> None:
    embed_sign_up(client)
    code = mails(db, "confirm")[0].params["code"]

    answer = client.post("/embed/code", data={"request": "made-up", "email": EMAIL, "code": code})

    assert answer.status_code == 422
    assert states(db) == [PENDING]


def test_asking_again_is_neutral_and_limited(client: FlaskClient, db: Database) -> None:
    embed_sign_up(client)

    known = post_form(client, "/embed/again", data={"email": EMAIL}, headers={"Accept": "application/json"})
    stranger = client.post(
        "/embed/again", data={"email": "nobody@readers.example"}, headers={"Accept": "application/json"}
    )

    assert known.json == stranger.json
    assert mails(db, "confirm")[-1].recipient == EMAIL
    assert {mail.recipient for mail in mails(db, "confirm")} == {EMAIL}


def test_one_post_too_many_is_refused_in_both_answers(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    use_up_posts(runtime)

    page = embed_sign_up(client, page=ARTICLE)
    data = embed_sign_up(client, json=True)
    again = post_form(client, "/embed/again", data={"email": EMAIL}, headers={"Accept": "application/json"})

    for answer in (page, data, again):
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert "Please try again in 60 minutes." in page.get_data(as_text=True)
    assert f'value="{EMAIL}"' in page.get_data(as_text=True)
    assert 'name="newsletter" value="explaining-ukraine"' in page.get_data(as_text=True)
    assert data.json == again.json == {"errors": {"form": [SLOWER]}, "language": "en"}
    assert states(db) == []


def test_the_refusal_speaks_the_newsletters_language(client: FlaskClient, runtime: Runtime) -> None:
    use_up_posts(runtime)

    data = embed_sign_up(client, newsletters=["ukrainska-nedilia"], json=True)

    assert data.json is not None
    assert data.json["language"] == "uk"
    assert "через 60 хвилин" in data.json["errors"]["form"][0]


def test_the_script_is_small_readable_by_any_origin_and_cached(client: FlaskClient) -> None:

    answer = client.get("/embed.js")
    again = client.get("/embed.js", headers={"If-None-Match": answer.headers["ETag"]})

    assert answer.mimetype == "text/javascript"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "max-age=3600" in answer.headers["Cache-Control"]
    assert len(gzip.compress(answer.data)) <= 6 * 1024
    assert again.status_code == 304


def test_a_slip_and_the_mailbox_are_pointed_out_in_both_answers(client: FlaskClient) -> None:
    slip = embed_sign_up(client, email="olena@gmial.com", json=True).json
    right = embed_sign_up(client, email="olena@gmail.com", json=True).json
    page = embed_sign_up(client, email="olena@gmial.com").get_data(as_text=True)

    assert slip is not None
    assert right is not None
    assert slip["meant"] == {"email": "olena@gmail.com", "button": "Did you mean olena@gmail.com?"}
    assert slip["mailbox"] is None
    assert right["meant"] is None
    assert right["mailbox"]["text"] == "Open Gmail"
    assert "olena" not in right["mailbox"]["url"]
    assert "Did you mean olena@gmail.com?" in page


def test_one_newsletter_more_is_confirmed_by_the_same_mail_and_code(
    client: FlaskClient, db: Database
) -> None:
    first = embed_sign_up(client, json=True).json
    assert first is not None
    other = first["others"]["newsletters"][0]
    more = {"request": first["request"], "also": first["newsletters"], "wording": str(other["wording_id"])}

    second = embed_sign_up(client, newsletters=[other["slug"]], json=True, **more).json

    assert second is not None
    assert second["newsletters"] == ["explaining-ukraine", "ukrainska-nedilia"]
    assert second["others"]["newsletters"] == []
    assert len(mails(db, "confirm")) == 1
    assert _code(client, second, mails(db, "confirm")[0].params["code"]).status_code == 200
    assert states(db) == [ACTIVE, ACTIVE]


def test_what_else_was_asked_for_names_only_what_is_offered(client: FlaskClient) -> None:
    answer = embed_sign_up(client, json=True, also=["<b>", "nowhere", "ukrainska-nedilia"]).json

    assert answer is not None
    assert answer["newsletters"] == ["ukrainska-nedilia", "explaining-ukraine"]


def test_our_own_answer_page_keeps_the_article_through_the_next_post(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    own = {"Origin": runtime.urls.base}
    embed_sign_up(client, email="olena@gmial.com", page=ARTICLE, headers=own)

    with db.reading() as session:
        assert session.scalars(select(SignupRequest.page)).all() == [ARTICLE]


@pytest.mark.parametrize("claimed", ["javascript:alert(1)", "//evil.example/", "data:text/html,x"])
def test_even_our_own_page_leads_back_only_to_a_page_of_the_web(
    client: FlaskClient, runtime: Runtime, claimed: str
) -> None:
    page = embed_sign_up(client, page=claimed, headers={"Origin": runtime.urls.base})

    assert claimed not in page.get_data(as_text=True)


def test_the_words_for_the_field_hold_nothing_of_a_reader(client: FlaskClient) -> None:
    answer = client.get("/embed/words?newsletter=ukrainska-nedilia&newsletter=nowhere")

    assert answer.json is not None
    assert answer.json["language"] == "uk"
    assert answer.json["slips"]["endings"]["con"] == "com"
    assert "gmail.com" in answer.json["slips"]["known"]
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "Set-Cookie" not in answer.headers


def _code(client: FlaskClient, accepted: Any, code: str) -> Any:
    data = {"request": accepted["request"], "email": EMAIL, "newsletter": "explaining-ukraine", "code": code}
    return client.post("/embed/code", data=data, headers={"Accept": "application/json"})


def _of_nobody(answer: dict[str, object], email: str) -> dict[str, object]:
    """An answer without what was typed and without the token that names the request."""
    return {name: str(value).replace(email, "someone") for name, value in answer.items() if name != "request"}


@pytest.mark.parametrize(
    "claimed", ["javascript:alert(1)", "data:text/html,x", "https://[::1", "//evil.example", "x"]
)
def test_a_browser_that_vouches_for_nothing_leads_back_nowhere(
    client: FlaskClient, db: Database, claimed: str
) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="quiet")
    data = {"email": EMAIL, "newsletter": "quiet", "page": claimed}

    answers = [
        client.post(path, data=data, headers={"Referer": referrer})
        for path in ("/embed/subscribe", "/embed/again")
        for referrer in ("", "http://[::1", claimed)
    ]

    for answer in answers:
        assert answer.status_code == 200
        assert f'href="{claimed}' not in answer.get_data(as_text=True)


def test_a_frame_whose_place_makes_no_sense_is_shown(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="quiet")

    answer = client.get("/embed/frame?newsletter=quiet", headers={"Referer": "http://[::1"})

    assert answer.status_code == 200

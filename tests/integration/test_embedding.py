"""Forms for other sites: the frame that they may show, and the code that the desk makes for them."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from newsletters.accounts.models import Role
from newsletters.kernel.db import Database
from newsletters.publishing.models import Newsletter
from newsletters.runtime import Runtime
from newsletters.subscribers.models import ConsentRecord
from newsletters.web.forms.choices import read_choices
from newsletters.web.forms.offers import Offers
from tests.conftest import NOW
from tests.desk import signed_in
from tests.factories import make_newsletter
from tests.readers import EMAIL, post_form
from tests.routes import all_routes

ARTICLE = "https://newsroom.example/2026/the-night-shift"
OFFERS = Offers(
    {
        slug: Newsletter(id=number, slug=slug, name=slug, language="en")
        for number, slug in enumerate("abc", 1)
    },
    {},
)


@pytest.fixture(autouse=True)
def newsroom(db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="explaining-ukraine")
        make_newsletter(session, slug="morning-brief", name="Morning <b>Brief</b>")
        make_newsletter(session, slug="nedilia", name="Неділя", language="uk")


def test_only_the_frame_may_be_framed_by_another_site(app: Flask) -> None:
    client = app.test_client()
    paths = {route.path for route in all_routes(app) if route.method == "GET" and not route.is_desk}
    paths.add("/embed/frame?newsletter=morning-brief")
    answers = {path: client.get(path, buffered=True) for path in sorted(paths)}

    framable = [
        path
        for path, answer in answers.items()
        if "frame-ancestors 'none'" not in answer.headers["Content-Security-Policy"]
    ]

    assert framable == ["/embed/frame?newsletter=morning-brief"]


def test_the_frame_is_the_form_alone_and_sets_no_cookie(client: FlaskClient) -> None:
    answer = client.get(
        "/embed/frame?newsletter=explaining-ukraine", headers={"Referer": f"{ARTICLE}?utm_source=x"}
    )
    page = answer.get_data(as_text=True)

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "csrf" not in page
    assert f'name="page" value="{ARTICLE}"' in page
    assert 'name="campaign" value="utm_source=x"' in page
    assert 'target="_blank"' in page


@pytest.mark.parametrize("query", ["", "newsletter=", "newsletter=nowhere", "newsletter=%3Cscript%3E"])
def test_a_frame_of_nothing_is_nowhere(client: FlaskClient, query: str) -> None:
    assert client.get(f"/embed/frame?{query}").status_code == 404


def test_a_retired_newsletter_leaves_the_frame(client: FlaskClient, db: Database) -> None:
    with db.transaction() as session:
        make_newsletter(session, slug="gone", name="Gone", retired_at=NOW)

    page = client.get("/embed/frame?newsletter=gone&newsletter=morning-brief").get_data(as_text=True)

    assert "Gone" not in page


def test_what_the_address_says_is_only_words_in_the_frame(client: FlaskClient) -> None:
    query = "newsletter=morning-brief&button=%3Cscript%3Ealert(1)%3C/script%3E&form=%22%3E%3Cb&accent=x"

    page = client.get(f"/embed/frame?{query}").get_data(as_text=True)

    assert "<script>alert" not in page
    assert '"><b' not in page
    assert "Morning &lt;b&gt;Brief" in page
    assert '<html lang="en">' in page


def test_the_form_of_the_frame_signs_up_and_keeps_the_article(
    client: FlaskClient, db: Database, runtime: Runtime
) -> None:
    page = client.get(
        "/embed/frame?newsletter=nedilia&form=sidebar&language=en", headers={"Referer": ARTICLE}
    ).get_data(as_text=True)

    answer = _submit(client, page, headers={"Origin": runtime.urls.base})

    assert '<html lang="en">' in answer
    assert "Successfully subscribed" in answer
    with db.reading() as session:
        record = session.scalars(select(ConsentRecord)).one()
    assert (record.form, record.page) == ("sidebar", ARTICLE)


@pytest.mark.parametrize("way", ["code-plain", "code-script"])
def test_the_code_of_the_desk_is_a_form_that_works(
    client: FlaskClient, app: Flask, db: Database, way: str
) -> None:
    code = _code(
        app, db, way, "newsletter=explaining-ukraine&newsletter=morning-brief&ticked=morning-brief&form=end"
    )

    answer = _submit(client, code, headers={"Origin": "https://newsroom.example"})

    assert "Morning &lt;b&gt;Brief&lt;/b&gt;" in answer
    assert "Successfully subscribed" in answer
    with db.reading() as session:
        assert [record.form for record in session.scalars(select(ConsentRecord))] == ["end"]


def test_the_code_says_what_was_chosen(app: Flask, db: Database) -> None:
    query = "newsletter=morning-brief&form=At+the+end&button=Join+%26+read&language=uk&accent=plum"

    plain, frame = (_code(app, db, way, query) for way in ("code-plain", "code-frame"))

    assert "Join &amp; read" in plain
    assert 'name="language" value="uk"' in plain
    assert 'for="newsletter-morning-brief-at-the-end-email"' in plain
    assert 'style="background: #7f2d70; color: #fff"' in plain
    assert "<b>Brief" not in plain
    asked = parse_qs(urlsplit(unescape(re.findall(r'src="([^"]+)"', frame)[0])).query)
    assert asked == {
        "newsletter": ["morning-brief"],
        "form": ["At the end"],
        "button": ["Join & read"],
        "language": ["uk"],
        "accent": ["plum"],
    }


def test_the_script_that_follows_the_choices_gets_the_code_alone(app: Flask, db: Database) -> None:
    client = app.test_client()
    signed_in(client, db, Role.EDITOR)

    answer = client.get(
        "/desk/newsletters/1/embed?newsletter=morning-brief", headers={"X-Requested-With": "fetch"}
    ).get_data(as_text=True)

    assert answer.lstrip().startswith("<section")
    assert "morning-brief" in answer


def test_the_preview_may_do_nothing_but_be_looked_at(app: Flask, db: Database) -> None:
    client = app.test_client()
    signed_in(client, db, Role.EDITOR)

    answer = client.get("/desk/newsletters/1/embed/preview?newsletter=morning-brief")

    assert "frame-ancestors 'self'; sandbox" in answer.headers["Content-Security-Policy"]
    assert "form-action 'none'" in answer.headers["Content-Security-Policy"]
    assert "<form" in answer.get_data(as_text=True)


@given(
    pairs=st.lists(
        st.tuples(
            st.sampled_from(["newsletter", "ticked", "form", "button", "language", "accent"]),
            st.one_of(st.sampled_from(["a", "b", "c", "uk", "plum"]), st.text(max_size=150)),
        )
    )
)
def test_choices_survive_being_written_into_an_address(pairs: list[tuple[str, str]]) -> None:
    chosen = read_choices(MultiDict(pairs), OFFERS, otherwise=["a"])

    read_again = read_choices(MultiDict(parse_qs(chosen.query)), OFFERS, otherwise=["a"])

    assert read_again.query == chosen.query
    assert set(chosen.ticked) <= set(chosen.offered) <= {"a", "b", "c"}


def _code(app: Flask, db: Database, way: str, query: str) -> str:
    editor = app.test_client()
    signed_in(editor, db, Role.EDITOR)
    page = editor.get(f"/desk/newsletters/1/embed?{query}").get_data(as_text=True)
    found = re.search(rf'<code id="{way}">(.*?)</code>', page, re.DOTALL)
    assert found
    return unescape(found[1])


def _submit(client: FlaskClient, form: str, *, headers: dict[str, str]) -> str:
    """What a browser without a script would send of ``form``: hidden fields, and boxes that are ticked."""
    inputs = [
        dict(re.findall(r'(\w+)="([^"]*)"', tag)) | {"": tag} for tag in re.findall(r"<input[^>]*>", form)
    ]
    sent = [
        (each["name"], unescape(each["value"]))
        for each in inputs
        if each.get("type") == "hidden" or "checked" in each[""]
    ]
    data = MultiDict([*sent, ("email", EMAIL)])
    return post_form(client, "/embed/subscribe", data=data, headers=headers).get_data(as_text=True)
